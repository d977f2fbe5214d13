"""Units that left but still have their place: everything they own is zero."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts_compress.architectures.couplings import Coupling
from tts_compress.methods.base import Change

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


@torch.no_grad()
def mask(tensors: Mapping[str, Tensor], coupling: Coupling, units: Tensor) -> None:
    """Sets all that some units own to zero, in place, but for statistics.

    Args:
        tensors: State of the network by name.
        coupling: What its units own.
        units: True at those that leave, ``(units,)``.
    """
    for member in coupling:
        if member.role != "statistic":
            indices = member.indices(units.nonzero()[:, 0], coupling.n_units)
            tensor = tensors[member.tensor]
            tensor.index_fill_(member.axis, indices.to(tensor.device), 0)


def masked(tensors: Mapping[str, Tensor], coupling: Coupling) -> Tensor:
    """Gives True at the units of which all that they own is zero, but for statistics."""
    zero = torch.ones(coupling.n_units, dtype=torch.bool)
    for member in coupling:
        if member.role != "statistic":
            zero &= all_zero(member.slices(tensors[member.tensor], coupling.n_units))
    return zero


def all_zero(slices: Tensor) -> Tensor:
    """Gives True at the units that own nothing but zeros, ``(units,)``, on the CPU."""
    return (slices == 0).all(1).cpu()


def changes_of(model: "Architecture", names: Sequence[str]) -> tuple[Change, ...]:
    """Says how many weights of each tensor are zero."""
    tensors = model.state_dict()
    return tuple(
        Change(
            name,
            None,
            {
                "n_weights": tensors[name].numel(),
                "n_zero": tensors[name].numel() - int(tensors[name].count_nonzero()),
            },
        )
        for name in names
    )
