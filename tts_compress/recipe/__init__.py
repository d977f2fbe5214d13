"""Recipes: a YAML file to frozen runs, all of them checked before the first model loads."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_compress.errors import RecipeError
from tts_compress.methods import Stage
from tts_compress.recipe.files import RecipeFile, read_text
from tts_compress.recipe.forms import (
    GRIFFIN_LIM,
    CheckpointForm,
    Frozen,
    checked_form,
    json_schema,
    swept_values,
)

__all__ = ["Checkpoint", "Evaluate", "Recipe", "Run", "json_schema", "load"]


class Checkpoint(Frozen):
    """A checkpoint and what it holds.

    Attributes:
        path: Voice folder, artifact folder or checkpoint file.
        config: Config files that come with it.
        architecture: The one it must be; any if None.
        sha256: Content hash of the checkpoint, then of each config.
    """

    path: Path
    config: tuple[Path, ...] = ()
    architecture: str | None = None
    sha256: tuple[str, ...]


class Evaluate(Frozen):
    """What a run speaks, and how; Griffin-Lim makes the sound where there is no vocoder."""

    sentences: tuple[str, ...]
    vocoder: Checkpoint | None = None
    seed: int = 0


class Run(Frozen):
    """One point of a sweep with nothing left to look up; the dense baseline has no stages."""

    model: Checkpoint
    stages: tuple[Stage, ...]
    evaluate: Evaluate
    name: str

    def resolved(self) -> dict[str, Any]:
        """Gives all that decides the run's result: checkpoints by content, and no path or name."""
        vocoder = self.evaluate.vocoder
        return {
            "model": list(self.model.sha256),
            "stages": [stage.model_dump(mode="json") for stage in self.stages],
            "sentences": list(self.evaluate.sentences),
            "vocoder": list(vocoder.sha256) if vocoder else GRIFFIN_LIM,
            "seed": self.evaluate.seed,
        }

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stand for the resolved settings."""
        canonical = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def dense_id(self) -> str:
        """The id of the dense run that this one is compared with."""
        return self.model_copy(update={"stages": ()}).id


class Recipe(Frozen):
    """The runs of a recipe file, the dense one first."""

    name: str
    runs: tuple[Run, ...]


def load(path: str | Path) -> Recipe:
    """Gives the runs of a recipe file: the dense baseline, then each point of the sweep.

    A path in a recipe is looked for in the folder of the recipe, then in those above it, then in
    the current one.

    Raises:
        RecipeError: The file is no recipe, or names a file that is not there.
    """
    file = RecipeFile.read(Path(path))
    points = list(_points(file))
    forms = [checked_form(file, values, point) for point, values in points]
    form = forms[0]
    model = _checkpoint(file, form.model, "model")
    evaluate = Evaluate(
        sentences=_sentences(file, form.evaluate.sentences),
        vocoder=_vocoder(file, form.evaluate.vocoder),
        seed=form.evaluate.seed,
    )
    names = [" + ".join(stage.label for stage in form.stages) for form in forms]
    if len(set(names)) < len(names):
        swept = [", ".join(f"{k.split('.', 1)[1]}={v}" for k, v in p.items()) for p, _ in points]
        names = [f"{name} ({values})" for name, values in zip(names, swept, strict=True)]
    runs = [Run(model=model, stages=(), evaluate=evaluate, name="dense")]
    for name, form in zip(names, forms, strict=True):
        if form.stages:
            stages = tuple(form.stages)
            runs.append(Run(model=model, stages=stages, evaluate=evaluate, name=name))
    first: dict[str, Run] = {}
    for run in runs:
        if first.setdefault(run.id, run) is not run:
            raise file.error(
                ["sweep"], f"two runs are the same, got {run.name!r} twice. Remove one."
            )
    return Recipe(name=form.name or file.path.stem, runs=tuple(runs))


def _points(file: RecipeFile) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Gives each combination of swept values, and the recipe with these in place."""
    sweep = swept_values(file)
    for chosen in itertools.product(*sweep.values()):
        point = dict(zip(sweep, chosen, strict=True))
        values = json.loads(json.dumps(file.values, default=str))
        for key, value in point.items():
            _, index, field = key.split(".")
            values["stages"][int(index)][field] = value
        yield point, values


def _checkpoint(file: RecipeFile, form: CheckpointForm, *keys: str) -> Checkpoint:
    """Finds a checkpoint and takes the hash of what it holds."""
    from tts_compress.architectures.checkpoints import content_hash

    path = file.find(form.path, keys)
    if path.is_dir() and not (path / "model.safetensors").is_file():
        raise file.error(
            keys,
            f"no model.safetensors in this folder, got {form.path!r}. Give a voice or an artifact.",
        )
    config = tuple(file.find(name, (*keys, "config")) for name in form.config)
    return Checkpoint(
        path=path,
        config=config,
        architecture=form.architecture,
        sha256=tuple(content_hash(found) for found in (path, *config)),
    )


def _vocoder(file: RecipeFile, form: CheckpointForm) -> Checkpoint | None:
    return None if form.path == GRIFFIN_LIM else _checkpoint(file, form, "evaluate", "vocoder")


def _sentences(file: RecipeFile, given: str) -> tuple[str, ...]:
    path = file.find(given, ("evaluate", "sentences"))
    lines = [" ".join(line.split()) for line in read_text(path).splitlines()]
    sentences = tuple(line for line in lines if line)
    if not sentences:
        raise RecipeError(f"{path}: holds no sentences. Write one a line.")
    return sentences
