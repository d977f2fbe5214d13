"""Pruned weights in training: which they are, and how they stay at zero."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tts_compress.architectures.base import Architecture


def held_masks(model: Architecture, removed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives, by the parameter's name, where training holds weights at zero.

    A weight of two axes or more that is exactly zero was pruned. A bias or a scale of normalisation
    may be zero by chance, so it is held only where its unit was removed.

    Args:
        model: The network.
        removed: For each coupling, True at the units that were taken out, ``(units,)``.

    Returns:
        True at weights that stay zero, in the shape of the parameter.
    """
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    masks = {name: (p == 0) & (p.dim() > 1) for name, p in parameters.items()}
    for coupling in model.couplings():
        if coupling.name not in removed:
            continue
        units = removed[coupling.name].nonzero()[:, 0]
        for member in coupling:
            if member.tensor in masks:
                mask = masks[member.tensor]
                indices = member.indices(units, coupling.n_units).to(mask.device)
                mask.index_fill_(member.axis, indices, True)
    return {name: mask for name, mask in masks.items() if bool(mask.any())}


def zero_gradients(model: nn.Module, held: Mapping[str, Tensor]) -> None:
    """Takes held weights out of the gradients, so that they count in no norm and no moment."""
    for name, mask in held.items():
        gradient = model.get_parameter(name).grad
        if gradient is not None:
            gradient.masked_fill_(mask, 0.0)


@torch.no_grad()
def zero_weights(model: nn.Module, held: Mapping[str, Tensor]) -> None:
    """Sets held weights to zero."""
    for name, mask in held.items():
        model.get_parameter(name).masked_fill_(mask, 0.0)
