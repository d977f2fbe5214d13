"""What a recipe will do, and what a checkpoint holds, as tables for the terminal."""

import re
from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
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
    runs = _table(f"{recipe.name}: {len(recipe.runs)} runs of {dense.model.path}", "id", "run")
    for heading in ("weights selected", "of all"):
        runs.add_column(heading, justify="right")
    shown: dict[tuple[str, ...], str] = {}
    total = n_parameters(model)
    for run in recipe.runs:
        names = sorted({name for stage in run.stages for name in stage.selected(model)})
        weights = sum(model.get_parameter(name).numel() for name in names)
        counts = (f"{weights:,}", f"{100 * weights / total:.1f} %") if names else ()
        runs.add_row(run.id, escape(run.name), *counts)
        if names:
            shown.setdefault(tuple(names), run.name)
    console.print(runs)
    for selected, run_name in shown.items():
        title = f"tensors of {run_name!r} and runs like it"
        console.print(_tensor_table(model, selected, title, console.width))
    sentences = dense.evaluate.sentences
    line = f"{len(sentences)} sentences, the first: {sentences[0]!r}"
    console.print(line, soft_wrap=True, markup=False, highlight=False)


def show_model(model: Architecture, where: Path, console: Console) -> None:
    """Prints the tensors of a network with their groups, shapes and zeros, and its totals."""
    names = [name for name, _ in model.named_parameters()]
    title = f"{where}: {model.architecture}"
    console.print(_tensor_table(model, names, title, console.width))
    console.print(_group_table(model, groups_of(model)))
    console.print(
        f"{n_parameters(model):,} parameters, {n_nonzero(model):,} of them not zero, "
        f"{state_dict_bytes(model):,} bytes in float32",
        highlight=False,
    )


def _table(title: str, *headings: str) -> Table:
    return Table(
        *headings,
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )


def _tensor_table(model: Architecture, names: Iterable[str], title: str, width: int) -> Table:
    """Gives a line for each tensor, with a name of several lines where the width needs it."""
    groups = groups_of(model)
    rows = [("tensor", "groups", "shape", "weights", "zeros")]
    for name in names:
        tensor = model.get_parameter(name)
        zeros = 100 * (1 - int(tensor.count_nonzero()) / max(1, tensor.numel()))
        shape = "x".join(str(size) for size in tensor.shape)
        within = " ".join(groups.get(name, ()))
        rows.append((name, within, shape, f"{tensor.numel():,}", f"{zeros:.1f} %"))
    widths = [2 + max(map(len, column)) for column in zip(*rows, strict=True)]
    table = _table(title)
    for heading in rows[0]:
        left = heading in ("tensor", "groups")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for name, *cells in rows[1:]:
        table.add_row(_folded(name, width - sum(widths[1:])), *cells)
    return table


def _folded(name: str, width: int) -> str:
    """Breaks the name of a tensor after dots.

    >>> print(_folded("decoder.prenet.layers.0.weight", 20))
    decoder.prenet.
      layers.0.weight
    """
    lines = [""]
    for part in re.findall(r"[^.]+\.?", name):
        if lines[-1].strip() and len(lines[-1] + part) > width:
            lines.append("  ")
        lines[-1] += part
    return "\n".join(lines)


def _group_table(model: nn.Module, groups: dict[str, tuple[str, ...]]) -> Table:
    table = _table("groups", "group")
    for heading in ("tensors", "weights", "share"):
        table.add_column(heading, justify="right")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total = sum(sizes.values())
    for group in sorted({group for names in groups.values() for group in names}):
        members = [name for name, names in groups.items() if group in names]
        weights = sum(sizes[name] for name in members)
        table.add_row(group, str(len(members)), f"{weights:,}", f"{100 * weights / total:.1f} %")
    return table
