"""Weights that can be products of two factors, and networks in which they are."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.low_rank import GATES, LOW_RANK, LowRankLSTM
from tts_compress.architectures.settings import Rank

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture

Factors = tuple[Tensor, Tensor]
"""U ``(rows, rank)`` and V ``(rank, columns)``."""
PerLSTM = Literal["weights", "jointly", "gates"]


@dataclass(frozen=True)
class Target:
    """A matrix that may become the product of two factors, or each of some blocks of its rows.

    Attributes:
        name: Of its rank in the settings of a network.
        weights: Names of the tensors that are this matrix, side by side.
        shape: Rows and columns.
        blocks: How many equal blocks of rows get factors of their own.
        transposed: Whether it is that of a transposed convolution: its columns are inputs, its rows
            each tap of each output.
    """

    name: str
    weights: tuple[str, ...]
    shape: tuple[int, int]
    blocks: int = 1
    transposed: bool = False

    @property
    def size(self) -> int:
        """Parameters of the matrix."""
        return self.shape[0] * self.shape[1]

    @property
    def cost(self) -> int:
        """Parameters of a component: a column of U and a row of V."""
        return self.shape[0] // self.blocks + self.shape[1]

    def shrinks(self, components: int) -> bool:
        """Whether so many components, of all blocks together, have fewer parameters."""
        return components * self.cost < self.size

    def matrix(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Gives the matrix in float64, ``(rows, columns)``."""
        weights = [tensors[name].detach().double() for name in self.weights]
        if self.transposed:
            return weights[0].permute(1, 2, 0).flatten(0, 1)
        return torch.cat([weight.flatten(1) for weight in weights], 1)


def targets(model: nn.Module, names: Collection[str], lstm: PerLSTM) -> list[Target]:
    """Gives the matrices of layers that can have factors.

    Args:
        model: The network.
        names: The weights that count.
        lstm: What has factors of its own in an LSTM: each weight, both together, or each gate.

    >>> cell = nn.Sequential(nn.LSTMCell(2, 3))
    >>> [(t.name, t.shape) for t in targets(cell, ["0.weight_ih", "0.weight_hh"], "jointly")]
    [('0.weight', (12, 5))]
    """
    found: list[Target] = []
    for path, layer in model.named_modules():
        own = {
            f"{path}.{name}": parameter
            for name, parameter in layer.named_parameters(recurse=False)
            if f"{path}.{name}" in names
        }
        if type(layer) in LOW_RANK and (weight := own.get(f"{path}.weight")) is not None:
            first, others = len(weight), weight[0].numel()
            transposed = isinstance(layer, nn.ConvTranspose1d)
            shape = (others, first) if transposed else (first, others)
            name = f"{path}.weight"
            found.append(Target(name, (name,), shape, transposed=transposed))
        elif isinstance(layer, nn.LSTMCell | BidirectionalLSTM | LowRankLSTM):
            found += _of_lstm(f"{path}.weight", own, lstm)
    return found


def _of_lstm(path: str, own: Mapping[str, Tensor], lstm: PerLSTM) -> Iterator[Target]:
    for direction in ("", "_l0", "_l0_reverse"):
        both = (f"{path}_ih{direction}", f"{path}_hh{direction}")
        shapes = [(name, tuple(own[name].shape)) for name in both if name in own]
        if lstm == "jointly" and len(shapes) == 2:
            rows, columns = shapes[0][1][0], sum(shape[1] for _, shape in shapes)
            yield Target(path + direction, both, (rows, columns))
            continue
        for name, (rows, columns) in shapes:
            yield Target(name, (name,), (rows, columns), len(GATES) if lstm == "gates" else 1)


def factor_names(model: "Architecture") -> dict[str, list[str]]:
    """Gives the factors that a network has for each rank in its settings: Us, then Vs."""
    there = dict(model.named_parameters()).keys()
    return {
        name: [factor for factor in _possible(name) if factor in there]
        for name in model.settings.ranks
    }


def whole_names(model: "Architecture") -> dict[str, str]:
    """Gives, for each factor, the weight that it is of; the first if it is of two."""
    whole: dict[str, str] = {}
    for factors in factor_names(model).values():
        vs = [name for name in factors if name.endswith("_v")]
        for name in factors:
            whole[name] = (name if name in vs else vs[0]).removesuffix("_v")
    return whole


def _possible(name: str) -> list[str]:
    """Gives names of factors of a weight, of each kind of layer; U first, then V."""
    path, _, weight = name.rpartition(".")
    parts = [weight, *(weight.replace("weight", f"weight_{part}", 1) for part in ("ih", "hh"))]
    us = [f"{name}_u", *(f"{name}_u_{gate}" for gate in GATES)]
    return [*us, *(f"{path}.{part}_v" for part in parts)]


@torch.no_grad()
def factored(model: "Architecture", factors: Mapping[Target, Sequence[Factors]]) -> "Architecture":
    """Gives a new network, with the factors of blocks in place of weights.

    Its tensors have the type, device and training mode of the old ones, and share no memory.
    """
    ranks = {target.name: _rank(pairs) for target, pairs in factors.items()}
    settings = model.settings.model_copy(update={"ranks": model.settings.ranks | ranks})
    smaller = type(model).shaped(settings)
    before, wanted = model.state_dict(), smaller.state_dict()
    tensors = {name: before[name].clone() for name in wanted if name in before}
    for target, pairs in factors.items():
        for name, values in _named(target, pairs, wanted):
            like = before[target.weights[0]]
            shape = wanted[name].shape
            tensors[name] = values.reshape(shape).to(like, copy=True).contiguous()
    smaller.load_state_dict(tensors, assign=True)
    return smaller.train(model.training)


def _rank(pairs: Sequence[Factors]) -> Rank:
    ranks = [len(v) for _, v in pairs]
    if len(ranks) == 1:
        return ranks[0]
    i, f, g, o = ranks
    return i, f, g, o


def _named(
    target: Target, pairs: Sequence[Factors], wanted: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Gives the values of each factor by name, with as many as it has but in another shape."""
    names = [name for name in _possible(target.name) if name in wanted]
    us, vs = names[: len(pairs)], names[len(pairs) :]
    for name, (u, _) in zip(us, pairs, strict=True):
        yield name, u.T if target.transposed else u
    v = torch.cat([v for _, v in pairs])
    widths = [wanted[name][0].numel() for name in vs]
    yield from zip(vs, torch.split(v, widths, 1), strict=True)
