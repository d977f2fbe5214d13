"""What a checkpoint holds: its tensors, its groups and its totals."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from torch import nn

from tts_compress.architectures.base import Architecture
from tts_compress.methods.selection import groups_of
from tts_compress.metrics.cost import n_nonzero, n_parameters, state_dict_bytes
from tts_compress.plan.tables import folded, plain_table


def show_model(model: Architecture, where: Path, console: Console) -> None:
    """Prints the tensors of a network with their groups, shapes and zeros, and its totals."""
    names = [name for name, _ in model.named_parameters()]
    title = f"{where}: {model.architecture}"
    console.print(tensor_table(model, names, title, console.width))
    console.print(_group_table(model, groups_of(model)))
    console.print(
        f"{n_parameters(model):,} parameters, {n_nonzero(model):,} of them not zero, "
        f"{state_dict_bytes(model):,} bytes in float32",
        highlight=False,
    )


def tensor_table(model: Architecture, names: Iterable[str], title: str, width: int) -> Table:
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
    table = plain_table(title)
    for heading in rows[0]:
        left = heading in ("tensor", "groups")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for name, *cells in rows[1:]:
        table.add_row(folded(name, width - sum(widths[1:])), *cells)
    return table


def _group_table(model: nn.Module, groups: dict[str, tuple[str, ...]]) -> Table:
    table = plain_table("groups", "group")
    for heading in ("tensors", "weights", "share"):
        table.add_column(heading, justify="right")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total = sum(sizes.values())
    for group in sorted({group for names in groups.values() for group in names}):
        members = [name for name, names in groups.items() if group in names]
        weights = sum(sizes[name] for name in members)
        table.add_row(group, str(len(members)), f"{weights:,}", f"{100 * weights / total:.1f} %")
    return table
