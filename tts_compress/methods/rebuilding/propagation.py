"""Which units say nothing, or are heard by nobody, and what goes with them."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from tts_compress.architectures.couplings import Constant, Coupling, Member
from tts_compress.methods.masking import all_zero, mask

BATCH_NORM_EPS = 1e-5
"""Torch's, which every architecture here has."""


@torch.no_grad()
def propagate(tensors: Mapping[str, Tensor], couplings: Sequence[Coupling]) -> dict[str, Tensor]:
    """Masks every unit that changes nothing, until no more are found; gives those, ``(units,)``.

    A unit goes if it is zero everywhere, if everything that reads it is zero, or if it says the
    same everywhere and that can move into the next biases, to which it is added. Each may make
    others go: those that only it reads, those that hear only it. What the network says stays as it
    was. One unit of each coupling stays, if dead.

    Args:
        tensors: State of the network; edited in place.
        couplings: Those of the network.
    """
    free = [coupling for coupling in couplings if coupling.kind != "fixed"]
    removed = {c.name: torch.zeros(c.n_units, dtype=torch.bool) for c in free}
    found = True
    while found:
        found = False
        for coupling in free:
            gone = removed[coupling.name]
            dead = _silent(tensors, coupling) | _unread(tensors, coupling)
            constant = _constant(tensors, coupling) & ~gone & ~dead
            leaving = (dead | constant) & ~gone
            if bool((gone | leaving).all()):
                stays = int(leaving.nonzero()[0])
                leaving[stays] = constant[stays] = False
            if bool(leaving.any()):
                _move_constants(tensors, coupling, constant)
                mask(tensors, coupling, leaving)
                gone |= leaving
                found = True
    return removed


def _silent(tensors: Mapping[str, Tensor], coupling: Coupling) -> Tensor:
    """Gives True at units that are zero everywhere."""
    return _zero(tensors, coupling, [m for m in coupling if m.role == "makes"])


def _zero(tensors: Mapping[str, Tensor], coupling: Coupling, members: Sequence[Member]) -> Tensor:
    found = torch.ones(coupling.n_units, dtype=torch.bool)
    for member in members:
        found &= all_zero(member.slices(tensors[member.tensor], coupling.n_units))
    return found


def _unread(tensors: Mapping[str, Tensor], coupling: Coupling) -> Tensor:
    """Gives True at units that no other unit reads; none of those that share a layer norm."""
    if coupling.normalised:
        return torch.zeros(coupling.n_units, dtype=torch.bool)
    others = {m.tensor: _without_own(tensors, coupling, m) for m in coupling if m.role == "reads"}
    return _zero(others, coupling, [m for m in coupling if m.role == "reads"])


def _without_own(tensors: Mapping[str, Tensor], coupling: Coupling, reader: Member) -> Tensor:
    """Gives a reading tensor without that by which each unit reads itself, as in an LSTM."""
    tensor = tensors[reader.tensor]
    for maker in coupling:
        if maker.tensor == reader.tensor and maker.role == "makes":
            tensor = tensor.clone()
            units = torch.arange(coupling.n_units)
            columns = reader.indices(units, coupling.n_units).repeat(maker.repeats)
            tensor[maker.indices(units, coupling.n_units), columns] = 0
    return tensor


def _constant(tensors: Mapping[str, Tensor], coupling: Coupling) -> Tensor:
    """Gives True at units that say the same everywhere, where that is zero or can move."""
    constant = coupling.constant
    if constant is None:
        return torch.zeros(coupling.n_units, dtype=torch.bool)
    maker = next(m for m in coupling if m.tensor == constant.weight)
    deaf = all_zero(maker.slices(tensors[constant.weight], coupling.n_units))
    if constant.norm:
        deaf |= (tensors[f"{constant.norm}.weight"] == 0).cpu()
    if constant.into:
        return deaf
    return deaf & all_zero(_said(tensors, coupling, constant))


def _said(tensors: Mapping[str, Tensor], coupling: Coupling, constant: Constant) -> Tensor:
    """Gives what units say that hear nothing, ``(units, size)``."""
    maker = next(m for m in coupling if m.tensor == constant.bias)
    said = maker.slices(tensors[constant.bias], coupling.n_units)
    if constant.norm:
        scale, shift, mean, variance = (
            tensors[f"{constant.norm}.{name}"][:, None]
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        said = (said - mean) * torch.rsqrt(variance + BATCH_NORM_EPS) * scale + shift
    match constant.activation:
        case "relu":
            return torch.relu(said)
        case "tanh":
            return torch.tanh(said)
    return said


def _move_constants(tensors: Mapping[str, Tensor], coupling: Coupling, units: Tensor) -> None:
    """Adds what some units say everywhere to the biases of those who read it."""
    for bias, moved in _moves(tensors, coupling, units):
        tensors[bias].add_(moved)


def _moves(
    tensors: Mapping[str, Tensor], coupling: Coupling, units: Tensor
) -> Iterator[tuple[str, Tensor]]:
    constant = coupling.constant
    if constant is None or not bool(units.any()):
        return
    said = _said(tensors, coupling, constant)[units]
    for weight, bias in constant.into.items():
        reader = next(m for m in coupling if m.tensor == weight and m.role == "reads")
        read = reader.slices(tensors[weight], coupling.n_units)[units]
        yield bias, (said[..., None] * read.reshape(len(said), reader.size, -1)).sum((0, 1))
