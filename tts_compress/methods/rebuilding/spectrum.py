"""Singular values of matrices, the factors they give, and how ranks share a budget."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tts_compress.errors import RecipeError
from tts_compress.methods.rebuilding.factors import Factors

DAMPING = 1e-4
"""How much of the mean square of the inputs is added to that of each; so all directions count."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The components of a matrix, or of blocks of its rows, by how much of it each is.

    Attributes:
        blocks: The matrices, ``(rows, columns)`` each.
        directions: Of each block, orthonormal ``(rows, components)``: where its outputs go.
        energies: Squared singular values, ``(components,)`` of each block, falling.
    """

    blocks: tuple[Tensor, ...]
    directions: tuple[Tensor, ...]
    energies: tuple[Tensor, ...]

    @classmethod
    def of(cls, matrix: Tensor, blocks: int = 1, gram: Tensor | None = None) -> "Spectrum":
        """Gives the components of a matrix.

        Args:
            matrix: float64, ``(rows, columns)``.
            blocks: How many blocks of rows have components of their own.
            gram: Sums of products of what the columns read, ``(columns, columns)``; by default all
                read equally much, each for itself.

        Source: Chen et al. 2021, "DRONE", theorem 1, solved for the outputs: the best projection of
        what a matrix says is that on the first directions of what it says.
        """
        parts = matrix.chunk(blocks)
        root = None if gram is None else _root(gram)
        found = [_directions(part, part if root is None else part @ root) for part in parts]
        directions, energies = zip(*found, strict=True)
        return cls(parts, directions, energies)

    @property
    def shares(self) -> Tensor:
        """What fraction of all energy each component has, in the order in which they are kept."""
        energies = torch.cat(self.energies)
        return energies[self.order] / energies.sum().clamp(min=torch.finfo(energies.dtype).tiny)

    @property
    def worths(self) -> Tensor:
        """Energies by the root of all: between what there is, and what fraction it is.

        Of budgets spent by either, this one's speech was the nearest over both embedded voices.
        """
        return self.shares * torch.cat(self.energies).sum().sqrt()

    @property
    def order(self) -> Tensor:
        """In which order components are kept: the first of each block, then the largest."""
        firsts = torch.cat([torch.arange(len(block)) == 0 for block in self.energies])
        energies = torch.where(firsts, torch.inf, torch.cat(self.energies))
        return energies.argsort(descending=True, stable=True)

    def count(self, energy: float) -> int:
        """How many components have this fraction of all energy, at least one of each block.

        >>> Spectrum.of(torch.tensor([[4.0, 2.0], [2.0, 4.0]]).double()).count(0.9)
        1
        """
        rounding = 1e-12
        enough = self.shares.cumsum(0) >= energy - rounding
        return max(len(self.blocks), len(enough) - int(enough.sum()) + 1)

    def factors(self, count: int) -> list[Factors]:
        """Gives the factors of each block that the first components make, equally large.

        The largest value of a column of U is positive.
        """
        widths = [len(block) for block in self.energies]
        kept = torch.zeros(sum(widths), dtype=torch.bool)
        kept[self.order[:count]] = True
        return [
            _factors(matrix, directions[:, own.to(directions.device)])
            for matrix, directions, own in zip(
                self.blocks, self.directions, torch.split(kept, widths), strict=True
            )
        ]


def _root(gram: Tensor) -> Tensor:
    """Gives a matrix whose product with its transpose is this one, damped."""
    size = gram.diagonal().mean()
    if not bool(size > 0):
        return torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    values, vectors = torch.linalg.eigh(gram / size)
    root: Tensor = vectors * (values.clamp(min=0) + DAMPING).sqrt()
    return root


def _directions(matrix: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
    """Gives the left singular vectors of what a matrix says, and squared singular values."""
    left, values, _ = torch.linalg.svd(said, full_matrices=False)
    left[(matrix == 0).all(1)] = 0
    largest = left.abs().argmax(0, keepdim=True)
    return left * torch.where(left.gather(0, largest) < 0, -1.0, 1.0), values.square()


def _factors(matrix: Tensor, directions: Tensor) -> Factors:
    u, v = directions, directions.T @ matrix
    scale = torch.linalg.vector_norm(v, dim=1).sqrt()
    return u * scale, torch.where(scale[:, None] > 0, v / scale[:, None], 0.0)


def spend(
    spectra: Sequence[Spectrum], sizes: Sequence[int], costs: Sequence[int], budget: float
) -> list[int]:
    """Gives how many components of each matrix a budget of parameters allows.

    One component after the other is bought, the one whose parameters are worth most; a matrix whose
    components would cost more than itself is bought whole. What is left in the end is less than any
    next component costs.

    Args:
        spectra: Of each matrix.
        sizes: Parameters of each.
        costs: Parameters of a component of each.
        budget: Fraction of all parameters that stays at most.

    Returns:
        At least one for each block of each matrix; as many as cost its size, or more, where it
        stays whole.

    Raises:
        RecipeError: The budget is less than what the least number of components takes.
    """
    left = budget * sum(sizes)
    counts = [len(spectrum.blocks) for spectrum in spectra]
    left -= sum(count * cost for count, cost in zip(counts, costs, strict=True))
    if left < 0:
        raise RecipeError(
            f"low_rank: rank 1 of each of {len(spectra)} matrices takes more than the budget, got "
            f"{budget!r} of {sum(sizes):,} parameters. Raise it, or exclude small tensors."
        )
    steps = [
        (-worth, number, price)
        for number, spectrum in enumerate(spectra)
        for worth, price in _steps(spectrum.worths, counts[number], sizes[number], costs[number])
    ]
    too_dear: set[int] = set()
    for _, number, price in sorted(steps, key=lambda step: step[:2]):
        if price > left:
            too_dear.add(number)
        if number not in too_dear:
            left -= price
            counts[number] += 1
    return counts


def _steps(worths: Tensor, first: int, size: int, cost: int) -> Iterator[tuple[float, int]]:
    """Gives the worth of a parameter, and the price, of each component from `first` on.

    The last one is what is missing of the whole matrix; no step is worth more than one before it.
    """
    last = -(-size // cost) - 1  # components that cost less than the matrix
    least = math.inf
    for worth in worths[first:last].tolist():
        least = min(least, worth / cost)
        yield least, cost
    price = size - max(first, last) * cost
    if price > 0:
        yield min(least, float(worths[last:].sum()) / price), price
