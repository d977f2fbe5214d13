"""What a recipe will do, and what a checkpoint holds, as tables for the terminal."""

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.checkpoints import load_model
from tts_compress.methods.selection import groups_of
from tts_compress.metrics.cost import n_nonzero, n_parameters, state_dict_bytes
from tts_compress.recipe import Recipe
from tts_compress.synthesis import encode


def show_recipe(recipe: Recipe, console: Console) -> None:
    """Prints every run of a recipe, and the tensors that each of its stages selects.

    Raises:
        RecipeError: A stage selects no tensor, or names one that is not there.
        CheckpointError: The checkpoint cannot be read, or reads no text.
    """
    dense = recipe.runs[0]
    model = load_model(dense.model.path, dense.model.config, architecture=dense.model.architecture)
    for sentence in dense.evaluate.sentences:
        encode(model, sentence)
    title = f"{recipe.name}: {len(recipe.runs)} runs of {dense.model.path}"
    runs = Table("id", "run", "weights selected", "of", box=box.SIMPLE_HEAD, title=title)
    shown: dict[tuple[str, ...], str] = {}
    total = n_parameters(model)
    for run in recipe.runs:
        names = sorted({name for stage in run.stages for name in stage.selected(model)})
        weights = sum(model.get_parameter(name).numel() for name in names)
        runs.add_row(run.id, run.name, f"{weights:,}" if names else "", f"{total:,}")
        if names:
            shown.setdefault(tuple(names), run.name)
    console.print(runs)
    for selected, run_name in shown.items():
        console.print(_tensor_table(model, selected, f"tensors of {run_name!r} and runs like it"))
    sentences = dense.evaluate.sentences
    console.print(f"{len(sentences)} sentences, the first: {sentences[0]!r}")


def _tensor_table(model: Architecture, names: Iterable[str], title: str) -> Table:
    table = Table("tensor", "shape", title=title, box=box.SIMPLE_HEAD)
    table.add_column("weights", justify="right")
    for name in names:
        tensor = model.get_parameter(name)
        shape = " x ".join(str(size) for size in tensor.shape)
        table.add_row(name, shape, f"{tensor.numel():,}")
    return table


def show_model(model: Architecture, where: Path, console: Console) -> None:
    """Prints the tensors of a network with their groups, shapes and zeros, and its totals."""
    title = f"{where}: {model.architecture}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("tensor", "groups", "shape"):
        table.add_column(heading, overflow="fold")
    for heading in ("weights", "zeros"):
        table.add_column(heading, justify="right")
    groups = groups_of(model)
    for name, tensor in model.named_parameters():
        zeros = 1 - int(tensor.count_nonzero()) / max(1, tensor.numel())
        table.add_row(
            name,
            " ".join(groups.get(name, ())),
            " x ".join(str(size) for size in tensor.shape),
            f"{tensor.numel():,}",
            f"{100 * zeros:.1f} %",
        )
    console.print(table)
    console.print(_group_table(model, groups))
    console.print(
        f"{n_parameters(model):,} parameters, {n_nonzero(model):,} of them not zero, "
        f"{state_dict_bytes(model):,} bytes in float32"
    )


def _group_table(model: nn.Module, groups: dict[str, tuple[str, ...]]) -> Table:
    table = Table("group", title="groups", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("tensors", "weights", "share"):
        table.add_column(heading, justify="right")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total = sum(sizes.values())
    for group in sorted({group for names in groups.values() for group in names}):
        members = [name for name, names in groups.items() if group in names]
        weights = sum(sizes[name] for name in members)
        table.add_row(group, str(len(members)), f"{weights:,}", f"{100 * weights / total:.1f} %")
    return table
