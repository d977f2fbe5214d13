"""What a search can choose from, in a row: from hardly changed and large to coarse and small."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from tts_compress.architectures.base import Architecture
from tts_compress.encodings import Item, entropy_bytes
from tts_compress.methods.base import Context, Method
from tts_compress.methods.calibration.sensitivity import diagonal
from tts_compress.methods.narrow import Narrow
from tts_compress.methods.quantizing.rounding_fit import round_plainly
from tts_compress.methods.rate_aware import RateAware
from tts_compress.methods.rounding import Rounding
from tts_compress.quantized import Quantized
from tts_compress.recipe import SearchForm
from tts_compress.searching.hulls import Candidate, allocations


class Offer(Protocol):
    """Choices in a row, from the largest file to the smallest.

    Attributes:
        knob: What tells one from another.
        sizes: Minus the logarithm of the bytes that each is expected to take, up to a constant.
        changes: The logarithm of the mel distance that each is expected to have, likewise.
        absolute: Whether that constant is zero for sizes.
    """

    knob: str
    absolute: bool
    sizes: Sequence[float]
    changes: Sequence[float]

    def start(self, n_bytes: float | None) -> int:
        """Gives the position to try first, for a file of some bytes if that is asked."""

    def setting(self, position: int) -> float:
        """Gives the knob's value at a position."""

    def stages(self, position: int) -> list[Method]:
        """Gives what is done to the network there."""


FINEST, COARSEST, PER_DECADE = -6, 3, 200
"""Exponents of ten of rate weights, and how many of them lie in a factor of ten."""

SIZE_SLOPE, CHANGE_SLOPE = 0.25, 0.3
"""How much bytes fall and mel distance rises with the rate weight, in logarithms, about."""


class RateWeights:
    """One rate weight for the whole network, in steps of about one hundredth."""

    knob = "rate_weight"
    absolute = False

    def __init__(self, model: Architecture, context: Context) -> None:
        exponents = range(FINEST * PER_DECADE, COARSEST * PER_DECADE + 1)
        logs = [math.log(10) * exponent / PER_DECADE for exponent in exponents]
        self.sizes: Sequence[float] = [SIZE_SLOPE * log for log in logs]
        self.changes: Sequence[float] = [CHANGE_SLOPE * log for log in logs]
        self._settings = [float(f"{math.exp(log):.4g}") for log in logs]
        self._rest = list(_rest(model, context, RateAware().selected(model)))

    def start(self, n_bytes: float | None) -> int:
        """Gives the position of the method's default."""
        return bisect_left(self._settings, RateAware().rate_weight)

    def setting(self, position: int) -> float:
        """Gives the rate weight."""
        return self._settings[position]

    def stages(self, position: int) -> list[Method]:
        """Gives the one stage, and what narrows the tensors that it does not work on."""
        return [RateAware(rate_weight=self.setting(position)), *self._rest]


class Allocations:
    """Bits and sparsity for each tensor, by one price of a byte."""

    knob = "price"
    absolute = True

    def __init__(self, model: Architecture, context: Context, search: SearchForm) -> None:
        names = context.unsettled(Rounding().chosen(model), Rounding())
        importance = diagonal(model, context.calibration(Rounding().method))
        self._found = allocations(
            {
                name: [*_candidates(name, model.get_parameter(name), importance[name], search)]
                for name in names
            }
        )
        self.sizes: Sequence[float] = [-math.log(found.n_bytes) for found in self._found]
        self.changes: Sequence[float] = [
            math.log(max(found.distortion, 1e-30)) / 2 for found in self._found
        ]
        self._rest = list(_rest(model, context, []))

    def start(self, n_bytes: float | None) -> int:
        """Gives the first position of so few bytes as expected, or else the middle."""
        if n_bytes is None:
            return len(self._found) // 2
        return min(bisect_left(self.sizes, -math.log(n_bytes)), len(self._found) - 1)

    def setting(self, position: int) -> float:
        """Gives the price of a byte."""
        return self._found[position].price

    def stages(self, position: int) -> list[Method]:
        """Gives a stage for each pair of bits and sparsity, and what narrows all else."""
        choice = self._found[position].choice
        pairs = {(c.bits, c.sparsity) for c in choice.values() if c.bits or c.sparsity}
        stages: list[Method] = []
        for bits, sparsity in sorted(pairs, key=lambda pair: (pair[0] or 0, pair[1])):
            names = [n for n, c in choice.items() if (c.bits, c.sparsity) == (bits, sparsity)]
            stages.append(Rounding(bits=bits, sparsity=sparsity, include=tuple(names)))
        return [*stages, *self._rest]


@torch.no_grad()
def _candidates(
    name: str, weight: Tensor, importance: Tensor, search: SearchForm
) -> Iterator[Candidate]:
    """Gives what a tensor takes and changes for each choice, if it is rounded plainly."""
    for bits in search.bits:
        for sparsity in search.sparsity:
            done: dict[str, Quantized | None] = {}
            changed = weight.clone()
            if bits or sparsity:
                round_plainly(name, changed, Rounding(bits=bits, sparsity=sparsity), done)
            if not bits:
                changed = changed.bfloat16().float()
            n_bytes = entropy_bytes([Item(changed.cpu(), done.get(name))])
            distortion = float((importance * (changed - weight).square()).sum())
            yield Candidate(bits, sparsity, n_bytes, distortion)


def _rest(model: Architecture, context: Context, chosen: Sequence[str]) -> Iterator[Method]:
    """Gives what narrows the tensors that are not chosen, if some of them are not narrow."""
    narrow = Narrow(dtype="bfloat16")
    tensors = model.state_dict()
    left = set(narrow.selected(model)) - {*chosen, *context.settled}
    if any(not torch.equal(tensors[n], tensors[n].bfloat16().float()) for n in left):
        yield narrow
