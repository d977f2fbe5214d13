"""Which axes of which tensors belong together: one unit is one index of all of them.

An architecture declares its couplings as data. Whoever takes a unit out of a network takes out
every slice that is listed here, and no shape is left that does not fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from tts_compress.architectures.blocks import Activation

Kind = Literal["heads", "channels", "units", "fixed"]
Role = Literal["makes", "reads", "steers", "statistic"]


@dataclass(frozen=True)
class Member:
    """The part of one axis of one tensor that the units of a coupling own.

    A unit may own several indices: ``size`` next to each other (the rows of an attention head),
    and that at ``repeats`` places (the four gates of an LSTM). The first unit's begin at `offset`
    (where an axis is a concatenation).

    Attributes:
        tensor: Name of the tensor in the state dict.
        axis: The axis.
        role: "makes" what the unit says, "reads" it, "steers" it without making it speak (queries
            and keys of a head), or is a "statistic" that a BatchNorm keeps of it.
        offset: Index of the first unit's first element.
        size: Elements of a unit that are next to each other.
        repeats: At how many places a unit has elements.

    >>> Member("lstm.weight_ih", 0, "makes", repeats=4).indices(torch.tensor([0, 2]), 3).tolist()
    [0, 2, 3, 5, 6, 8, 9, 11]
    """

    tensor: str
    axis: int
    role: Role
    offset: int = 0
    size: int = 1
    repeats: int = 1

    def indices(self, units: Tensor, n_units: int) -> Tensor:
        """Gives the indices along the axis that some of `n_units` units own, in order."""
        starts = self.size * (torch.arange(self.repeats)[:, None] * n_units + units.cpu())
        return (self.offset + starts[..., None] + torch.arange(self.size)).flatten()

    def slices(self, tensor: Tensor, n_units: int) -> Tensor:
        """Gives what each unit owns of the tensor, ``(units, elements)``; a copy."""
        moved = tensor.movedim(self.axis, 0)
        owned = moved[self.offset : self.offset + self.repeats * n_units * self.size]
        parts = owned.reshape(self.repeats, n_units, self.size, -1)
        return parts.transpose(0, 1).flatten(1)


@dataclass(frozen=True)
class Constant:
    """What a unit says that hears nothing: its bias, through what follows it, at every place.

    So it can move into the biases of those who read it, where that is exact: a convolution whose
    kernel reaches over a sentence's edge hears zeros there.

    Attributes:
        weight: The making tensor that must be zero, or the scale of `norm` must be.
        bias: What the unit then says, before norm and activation.
        activation: "linear", "relu" or "tanh".
        into: For each reading weight, the bias that takes what the unit says. Empty where it
            cannot move; then a unit can leave only if it says zero.
        norm: Prefix of a BatchNorm between bias and activation, if there is one.
    """

    weight: str
    bias: str
    activation: Activation
    into: Mapping[str, str] = field(default_factory=dict)
    norm: str | None = None


@dataclass(frozen=True)
class Coupling:
    """Units that can leave a network only with everything they own.

    Attributes:
        name: Such as ``encoder.layer_stack.0.pos_ffn.w_1``.
        kind: Which method takes its units out: "heads", "channels" or "units"; "fixed" for none.
        n_units: How many there are.
        members: What they own. The first is the weight that makes them and names their groups.
        setting: Path of their number in the network's settings; empty if fixed.
        fixed: Why no unit can leave; empty if they can.
        norm: Prefix of the BatchNorm whose scale is each unit's own; None where there is none.
        constant: What a unit says that hears nothing, where that is known.
        normalised: Whether a layer norm takes the mean over the units, so that a unit which nobody
            reads still matters to the others.
    """

    name: str
    kind: Kind
    n_units: int
    members: tuple[Member, ...]
    setting: tuple[str | int, ...] = ()
    fixed: str = ""
    norm: str | None = None
    constant: Constant | None = None
    normalised: bool = False

    def __iter__(self) -> Iterator[Member]:
        """Goes through the members."""
        return iter(self.members)


def rows(layer: str, size: int = 1) -> tuple[Member, Member]:
    """Gives the rows of a layer's weight that make units, and their biases."""
    return (
        Member(f"{layer}.weight", 0, "makes", size=size),
        Member(f"{layer}.bias", 0, "makes", size=size),
    )


def columns(layer: str, offset: int = 0, size: int = 1) -> Member:
    """Gives the columns of a layer's weight that read units."""
    return Member(f"{layer}.weight", 1, "reads", offset, size)


def batch_norm(prefix: str) -> tuple[Member, ...]:
    """Gives what a BatchNorm has of each channel."""
    return (
        Member(f"{prefix}.weight", 0, "makes"),
        Member(f"{prefix}.bias", 0, "makes"),
        Member(f"{prefix}.running_mean", 0, "statistic"),
        Member(f"{prefix}.running_var", 0, "statistic"),
    )


def conv_stack(
    stack: str,
    widths: tuple[int, ...],
    setting: str,
    readers: tuple[Member, ...],
    activation: Activation,
) -> Iterator[Coupling]:
    """Gives the channels of stacked convolutions, each with its BatchNorm.

    Args:
        stack: Prefix of the convolutions.
        widths: Channels of each that can leave.
        setting: The setting that holds them.
        readers: What reads the last of them.
        activation: What follows each BatchNorm.
    """
    for index, width in enumerate(widths):
        layer = f"{stack}.{index}"
        last = index + 1 == len(widths)
        reads = readers if last else (columns(f"{stack}.{index + 1}.0.conv"),)
        members = (*rows(f"{layer}.0.conv"), *batch_norm(f"{layer}.1"), *reads)
        conv, norm = f"{layer}.0.conv", f"{layer}.1"
        constant = Constant(f"{conv}.weight", f"{conv}.bias", activation, norm=norm)
        yield Coupling(
            layer,
            "channels",
            width,
            members,
            setting=(setting, index),
            norm=norm,
            constant=constant,
        )


def fixed(name: str, n_units: int, why: str, *members: Member) -> Coupling:
    """Gives units that no method takes out."""
    return Coupling(name, "fixed", n_units, members, fixed=why)
