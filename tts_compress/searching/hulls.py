"""Bits and sparsity of each tensor from one price: what a byte may cost in what the network says.

Each tensor has candidates. Only those on the lower convex hull of bytes and distortion are ever the
best for some price. From each tensor's finest candidate, steps along all hulls are taken in the
order of what they cost a byte; every number of steps is an allocation that no other of as few bytes
beats, but for those between two steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Candidate:
    """What may become of a tensor.

    Attributes:
        bits: Bits of a level; None if it is not rounded.
        sparsity: Fraction of zeros.
        n_bytes: What the tensor then takes, as estimated.
        distortion: What that changes in what the network says, as estimated.
    """

    bits: int | None
    sparsity: float
    n_bytes: float
    distortion: float


@dataclass(frozen=True)
class Allocation:
    """A candidate for each tensor.

    Attributes:
        price: The Lagrange multiplier: what a byte less may cost in distortion.
        choice: The candidates by name of tensor.
    """

    price: float
    choice: Mapping[str, Candidate]

    @property
    def n_bytes(self) -> float:
        """What all tensors take, as estimated."""
        return sum(candidate.n_bytes for candidate in self.choice.values())

    @property
    def distortion(self) -> float:
        """What changes in what the network says, as estimated."""
        return sum(candidate.distortion for candidate in self.choice.values())


def hull(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Gives the candidates that are best at some price, from most bytes to fewest.

    >>> found = hull([Candidate(8, 0, 8, 1), Candidate(4, 0, 4, 2), Candidate(2, 0, 2, 9),
    ...               Candidate(3, 0, 3, 8)])
    >>> [candidate.bits for candidate in found]
    [8, 4, 2]
    """
    found: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.distortion, c.n_bytes)):
        if found and candidate.n_bytes >= found[-1].n_bytes:
            continue  # as far off, for no fewer bytes
        while len(found) > 1 and price(found[-2], found[-1]) >= price(found[-1], candidate):
            found.pop()
        found.append(candidate)
    return found


def price(one: Candidate, other: Candidate) -> float:
    """Gives the distortion for each byte less of going from one candidate to another."""
    return (other.distortion - one.distortion) / (one.n_bytes - other.n_bytes)


def allocations(candidates: Mapping[str, Sequence[Candidate]]) -> list[Allocation]:
    """Gives the allocations for every price, from that of the finest candidates to the coarsest.

    Source: Shoham and Gersho 1988, "Efficient bit allocation for an arbitrary set of quantizers",
    section IV.

    >>> a = [Candidate(4, 0, 40, 1), Candidate(2, 0, 20, 5)]
    >>> b = [Candidate(4, 0, 80, 1), Candidate(2, 0, 40, 3)]
    >>> for found in allocations({"a": a, "b": b}):
    ...     print(found.choice["a"].bits, found.choice["b"].bits, found.n_bytes, found.price)
    4 4 120 0.0
    4 2 80 0.05
    2 2 60 0.2
    """
    hulls = {name: hull(given) for name, given in candidates.items()}
    steps = [
        (price(one, other), name, other)
        for name, points in hulls.items()
        for one, other in pairwise(points)
    ]
    found = [Allocation(0.0, {name: points[0] for name, points in hulls.items()})]
    for cost, name, candidate in sorted(steps, key=lambda step: step[0]):
        found.append(Allocation(cost, {**found[-1].choice, name: candidate}))
    return found
