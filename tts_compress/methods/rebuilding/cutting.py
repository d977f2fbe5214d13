"""A network without some of its units, built from settings of the new widths."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts_compress.architectures.couplings import Coupling

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


def resized(model: "Architecture", removed: Mapping[str, Tensor]) -> "Architecture":
    """Gives a new network without the units that are True in `removed`, by coupling.

    Its tensors have the type, device and training mode of the old ones, and share no memory.
    """
    couplings = [c for c in model.couplings() if c.name in removed]
    settings = model.resized_settings(
        {c.name: (~removed[c.name]).nonzero()[:, 0].tolist() for c in couplings}
    )
    smaller = type(model).shaped(settings)
    smaller.load_state_dict(_cut(model.state_dict(), couplings, removed), assign=True)
    return smaller.train(model.training)


def _cut(
    tensors: Mapping[str, Tensor], couplings: list[Coupling], removed: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Gives every tensor without the slices of the units that leave."""
    stays: dict[str, dict[int, Tensor]] = {}
    for coupling in couplings:
        units = removed[coupling.name].nonzero()[:, 0]
        for member in coupling:
            size = tensors[member.tensor].shape[member.axis]
            axes = stays.setdefault(member.tensor, {})
            axis = axes.setdefault(member.axis, torch.ones(size, dtype=torch.bool))
            axis[member.indices(units, coupling.n_units)] = False
    cut: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        smaller = tensor.detach().clone()
        for along, kept in stays.get(name, {}).items():
            smaller = smaller.index_select(along, kept.nonzero()[:, 0].to(tensor.device))
        cut[name] = smaller
    return cut
