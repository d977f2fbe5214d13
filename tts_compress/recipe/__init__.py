"""Recipes: a YAML file to frozen runs, all of them checked before the first model loads."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tts_compress.errors import RecipeError
from tts_compress.recipe.files import RecipeFile, read_text
from tts_compress.recipe.forms import (
    GRIFFIN_LIM,
    WHISPER,
    CheckpointForm,
    EvaluateForm,
    RecipeForm,
    TrainingForm,
    checked_form,
    json_schema,
)
from tts_compress.recipe.runs import Checkpoint, Evaluate, Recipe, Run, Training
from tts_compress.recipe.sweeps import filled, names, points

__all__ = ["Checkpoint", "Evaluate", "Recipe", "Run", "Training", "json_schema", "load"]


def load(path: str | Path) -> Recipe:
    """Gives the runs of a recipe file: the dense baseline, then each point of the sweep.

    A path in a recipe is looked for in the folder of the recipe, then in those above it, then in
    the current one. A point without a stage that is done is the dense run, which is there already.

    Raises:
        RecipeError: The file is no recipe, or names a file that is not there.
    """
    file = RecipeFile.read(Path(path))
    given = points(file)
    forms = [checked_form(file, filled(file, point), point) for point in given]
    _check_needs(file, forms)
    form = forms[0]
    dense = Run(
        model=_checkpoint(file, form.model, "model"),
        stages=(),
        evaluate=_evaluate(file, form.evaluate),
        name="dense",
        calibration=_sentences(file, form.calibration, "calibration") if form.calibration else (),
        training=_training(file, form.training) if form.training else None,
    )
    runs = [dense]
    for name, form in zip(names(file, given, forms), forms, strict=True):
        stages = tuple(stage for stage in form.stages if stage.enabled)
        if stages:
            runs.append(dense.model_copy(update={"stages": stages, "name": name}))
    return Recipe(name=form.name or file.path.stem, runs=tuple(runs))


ADVICE = {
    "calibration": "Name a text file of sentences, as 'calibration: sentences.txt'.",
    "training": "Name a text file, as 'training: sentences.txt', or 'training: {corpus: folder}'.",
}


def _check_needs(file: RecipeFile, forms: Sequence[RecipeForm]) -> None:
    """Says which stage asks for data that the recipe does not name."""
    for form in forms:
        for index, stage in enumerate(form.stages):
            if stage.enabled and stage.needs in ADVICE and not getattr(form, stage.needs):
                message = f"{stage.method} needs {stage.needs!r}, got none. {ADVICE[stage.needs]}"
                raise file.error(["stages", index], message)


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


def _evaluate(file: RecipeFile, form: EvaluateForm) -> Evaluate:
    """Finds the sentences, the vocoder and the recognizer."""
    from tts_compress.architectures.checkpoints import content_hash

    sentences = _sentences(file, form.sentences, "evaluate", "sentences")
    vocoder = None
    if form.vocoder.path != GRIFFIN_LIM:
        vocoder = _checkpoint(file, form.vocoder, "evaluate", "vocoder")
    recognizer, sha256 = form.recognizer, None
    if recognizer is not None and recognizer != WHISPER:
        found = file.find(recognizer, ("evaluate", "recognizer"))
        recognizer, sha256 = str(found), content_hash(found)
    return Evaluate(
        sentences=sentences,
        vocoder=vocoder,
        seed=form.seed,
        recognizer=recognizer,
        recognizer_sha256=sha256,
    )


def _training(file: RecipeFile, form: TrainingForm) -> Training:
    """Finds the texts or the corpus, whose sound is too much to read for a hash."""
    if form.corpus is None:
        texts = _sentences(file, form.text or "", "training")
        return Training(texts=texts, sha256=(_hash("\n".join(texts).encode()),))
    corpus = file.find(form.corpus, ("training", "corpus"))
    metadata = corpus / "metadata.csv"
    if not metadata.is_file():
        raise file.error(
            ("training", "corpus"),
            f"no metadata.csv in this folder, got {form.corpus!r}. "
            "A corpus has wavs/, metadata.csv and alignments/.",
        )
    found = sorted(p for part in ("wavs", "alignments") for p in (corpus / part).glob("*"))
    sizes = "".join(f"{p.relative_to(corpus).as_posix()} {p.stat().st_size}\n" for p in found)
    return Training(corpus=corpus, sha256=(_hash(metadata.read_bytes()), _hash(sizes.encode())))


def _hash(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def _sentences(file: RecipeFile, given: str, *keys: str) -> tuple[str, ...]:
    path = file.find(given, keys)
    if path.is_dir():
        raise file.error(keys, f"must be a text file, got the folder {given!r}. Name a file in it.")
    lines = [" ".join(line.split()) for line in read_text(path).splitlines()]
    sentences = tuple(line for line in lines if line)
    if not sentences:
        raise RecipeError(f"{path}: holds no sentences. Write one a line.")
    return sentences
