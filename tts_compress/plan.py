"""What a recipe will do, and what a checkpoint holds, as tables for the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from torch import nn

from tts_compress.architectures.base import Architecture
from tts_compress.methods.selection import groups_of
from tts_compress.metrics.cost import n_nonzero, n_parameters, state_dict_bytes


def show_model(model: Architecture, where: Path, console: Console) -> None:
    """Prints the tensors of a network with their groups, shapes and zeros, and its totals."""
    table = Table(title=f"{where}: {model.architecture}", title_justify="left")
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
    table = Table("group", title="groups", title_justify="left")
    for heading in ("tensors", "weights", "share"):
        table.add_column(heading, justify="right")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total = sum(sizes.values())
    for group in sorted({group for names in groups.values() for group in names}):
        members = [name for name, names in groups.items() if group in names]
        weights = sum(sizes[name] for name in members)
        table.add_row(group, str(len(members)), f"{weights:,}", f"{100 * weights / total:.1f} %")
    return table
