"""Recipes: a YAML file to frozen runs, all of them checked before the first model loads."""

from collections.abc import Sequence
from pathlib import Path

from tts_compress.recipe.evaluating import evaluate
from tts_compress.recipe.finding import checkpoint, sentences, training
from tts_compress.recipe.forms import (
    RecipeForm,
    SearchForm,
    TargetForm,
    checked_form,
    json_schema,
)
from tts_compress.recipe.runs import (
    Checkpoint,
    Evaluate,
    Predictor,
    Recipe,
    Recording,
    Run,
    Training,
)
from tts_compress.recipe.sweeps import filled, names, points
from tts_compress.recipe.writing import written
from tts_compress.yaml_file import YamlFile, read_text

__all__ = [
    "Checkpoint",
    "Evaluate",
    "Predictor",
    "Recipe",
    "Recording",
    "Run",
    "SearchForm",
    "TargetForm",
    "Training",
    "json_schema",
    "load",
    "written",
]


def load(path: str | Path) -> Recipe:
    """Gives the runs of a recipe file: the dense baseline, then each point of the sweep.

    A path in a recipe is looked for in the folder of the recipe, then in those above it, then in
    the current one. A point without a stage that is done is the dense run, which is there already.

    Raises:
        RecipeError: The file is no recipe, or names a file that is not there.
    """
    file = YamlFile.read(Path(path), RecipeForm.model_fields)
    given = points(file)
    forms = [checked_form(file, filled(file, point), point) for point in given]
    _check_needs(file, forms)
    _check_order(file, forms)
    form = forms[0]
    _check_search(file, form)
    dense = Run(
        model=checkpoint(file, form.model, "model"),
        stages=(),
        evaluate=evaluate(file, form.evaluate),
        name="dense",
        calibration=sentences(file, form.calibration, "calibration") if form.calibration else (),
        training=training(file, form.training) if form.training else None,
    )
    runs = [dense]
    for name, form in zip(names(file, given, forms), forms, strict=True):
        stages = tuple(stage for stage in form.stages if stage.enabled)
        if stages:
            runs.append(dense.model_copy(update={"stages": stages, "name": name}))
    name, source = form.name or file.path.stem, read_text(file.path)
    return Recipe(name=name, runs=tuple(runs), source=source, search=form.search)


ADVICE = {
    "calibration": "Name a text file of sentences, as 'calibration: sentences.txt'.",
    "training": "Name a text file, as 'training: sentences.txt', or 'training: {corpus: folder}'.",
}


def _check_needs(file: YamlFile, forms: Sequence[RecipeForm]) -> None:
    """Says which stage asks for data that the recipe does not name."""
    for form in forms:
        for index, stage in enumerate(form.stages):
            if stage.enabled and stage.needs in ADVICE and not getattr(form, stage.needs):
                message = f"{stage.method} needs {stage.needs!r}, got none. {ADVICE[stage.needs]}"
                raise file.error(["stages", index], message)


def _check_search(file: YamlFile, form: RecipeForm) -> None:
    """Says what a search lacks, or what it cannot be beside."""
    if form.search and form.sweep:
        message = f"cannot be beside a sweep, got one of {', '.join(form.sweep)}. Remove one."
        raise file.error(["search"], message)
    if form.search and not form.calibration:
        message = f"needs 'calibration', got none. {ADVICE['calibration']}"
        raise file.error(["search"], message)


def _check_order(file: YamlFile, forms: Sequence[RecipeForm]) -> None:
    """Says which stage comes after one that it cannot follow."""
    for form in forms:
        done = [(index, stage) for index, stage in enumerate(form.stages) if stage.enabled]
        for place, (index, stage) in enumerate(done):
            for before, other in done[:place]:
                why = stage.refuses.get(other.does)
                if why:
                    advice = "Remove one" if stage.method == other.method else "Put it before"
                    raise file.error(
                        ["stages", index],
                        f"{stage.method} cannot follow {other.method} (stages[{before}]): {why}. "
                        f"{advice}.",
                    )
