"""What a recipe will do: its runs, and what each of their stages selects."""

from collections.abc import Sequence

import torch
from rich.console import Console
from rich.markup import escape

from tts_compress.architectures.base import Architecture
from tts_compress.methods.base import Method
from tts_compress.methods.pruning.choosing import choose
from tts_compress.methods.structured import Structured
from tts_compress.metrics.cost import n_parameters
from tts_compress.pipeline import load_network
from tts_compress.plan.models import tensor_table
from tts_compress.plan.tables import plain_table, say
from tts_compress.recipe import Recipe, Run
from tts_compress.synthesis import encode


def show_recipe(recipe: Recipe, console: Console) -> None:
    """Prints every run of a recipe, and the tensors that each of its stages selects.

    Raises:
        RecipeError: A stage selects no tensor, or names one that is not there, or more units would
            stay or leave than can.
        CheckpointError: The checkpoint cannot be read, or reads no text.
        TextError: A sentence has nothing to speak.
    """
    dense = recipe.runs[0]
    model = load_network(dense.model)
    texts = _texts(recipe.runs)
    for sentences in texts.values():
        for sentence in sentences:
            encode(model, sentence)
    title = f"{recipe.name}: {len(recipe.runs)} runs of {dense.model.path}"
    runs = plain_table(title, "id", "run")
    structured = any(isinstance(stage, Structured) for run in recipe.runs for stage in run.stages)
    for heading in ("selected", "of all", *["units stay"] * structured):
        runs.add_column(heading, justify="right")
    shown: dict[tuple[str, ...], str] = {}
    total = n_parameters(model)
    for run in recipe.runs:
        names = _selected(model, run.stages)
        weights = sum(model.get_parameter(name).numel() for name in names)
        counts = (f"{weights:,}", f"{100 * weights / total:.1f} %") if names else ("", "")
        runs.add_row(run.id, escape(run.name), *counts, *[_stay(model, run.stages)] * structured)
        if names:
            shown.setdefault(names, run.name)
    console.print(runs)
    for selected, run_name in shown.items():
        title = f"tensors of {run_name!r} and runs like it"
        console.print(tensor_table(model, selected, title, console.width))
    if recipe.search:
        asked = recipe.search.target.model_dump(exclude_none=True)
        say(console, f"and then {recipe.search.method}, as a search finds it for {asked}")
    for purpose, sentences in texts.items():
        say(console, f"{len(sentences)} {purpose}, the first: {sentences[0]!r}")


def _texts(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Gives the sentences that runs speak, by what for."""
    needs = {stage.needs for run in runs for stage in run.stages}
    dense = runs[0]
    texts = {"sentences": dense.evaluate.sentences}
    if "calibration" in needs:
        texts["calibration sentences"] = dense.calibration
    if "training" in needs and dense.training and dense.training.texts:
        texts["training sentences"] = dense.training.texts
    return texts


def _selected(model: Architecture, stages: Sequence[Method]) -> tuple[str, ...]:
    """Gives the names of the parameters that stages choose; some, such as `resize`, do not."""
    chosen = [stage for stage in stages if "include" in type(stage).model_fields]
    names = {name for stage in chosen for name in stage.selected(model)}
    return tuple(name for name, _ in model.named_parameters() if name in names)


def _stay(model: Architecture, stages: Sequence[Method]) -> str:
    """Says how many units structured stages leave, where no score decides that.

    Raises:
        RecipeError: More would stay or leave than can.
    """
    kept = total = 0
    decided = True
    for stage in stages:
        if isinstance(stage, Structured):
            sizes = {c.name: c.n_units for c in stage.couplings(model)}
            equal = {name: torch.zeros(size) for name, size in sizes.items()}
            leave = choose(equal, {name: score > 0 for name, score in equal.items()}, stage)
            kept += sum(int((~gone).sum()) for gone in leave.values())
            total += sum(sizes.values())
            decided &= stage.scope == "layer" or stage.multiple_of == 1
    if not total:
        return ""
    return f"{kept:,} of {total:,}" if decided else f"of {total:,}"
