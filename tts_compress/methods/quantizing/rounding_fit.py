"""How an affine map is rounded or pruned column by column, with the errors fed on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from tts_compress.methods.calibration.affine import Affine, Arguments
from tts_compress.methods.calibration.regression import Regression
from tts_compress.methods.pruning.blocks import BlockPruning
from tts_compress.methods.quantizing import ranges
from tts_compress.methods.quantizing.feedback import cholesky_diagonal, feedback
from tts_compress.methods.quantizing.granularity import Sharing
from tts_compress.quantized import Quantized, Uniform

if TYPE_CHECKING:
    from tts_compress.methods.rounding import Rounding

Forms = dict[str, Quantized | None]


@dataclass
class RoundingFit(Regression):
    """Rounds or prunes a map, or both, so that it says nearly what the reference's says.

    Attributes:
        names: Of the map's weights; None of those that are left as they are.
        settings: What becomes of them.
        done: Takes the name of each weight that was done, with its form where it is rounded.
    """

    crosses: ClassVar[bool] = False
    names: Sequence[str | None]
    settings: "Rounding"
    done: Forms

    def change(self, matrix: Tensor, xx: Tensor, xy: Tensor) -> Tensor:
        """Gives the map rounded and pruned."""
        return round_map(self.own, matrix, xx, self.names, self.settings, self.done)


class WeightGrid:
    """Evenly spaced values for one weight of a map, fitted to it by least squares."""

    def __init__(self, own: Affine, weight: Tensor, columns: Tensor, settings: "Rounding") -> None:
        self._own, self._weight = own, weight
        self._sharing = Sharing.of(weight.shape, settings.granularity, settings.group_size)
        parts = self._sharing.split(own.as_weight(columns, weight))
        assert settings.bits is not None
        grid = ranges.least_squares(parts, settings.bits, settings.symmetric)
        self._scale = grid.scale

        def shared(table: Tensor) -> Tensor:
            return own.as_matrix(self._sharing.join(table.expand(parts.shape)))

        self._step, self._low, self._high = map(shared, (grid.scale, grid.low, grid.high))

    def nearest(self, j: int, asked: Tensor) -> Tensor:
        """Gives the nearest values of what is asked of the weight's column j, ``(rows,)``."""
        step = self._step[:, j]
        return (asked / step).round().clamp(self._low[:, j], self._high[:, j]) * step

    def form(self, chosen: Tensor) -> Uniform:
        """Gives the weight as integers, from the chosen values of its columns."""
        levels = self._own.as_weight((chosen / self._step).round(), self._weight)
        scale = self._scale.reshape(self._sharing.table).float()
        return Uniform(levels.short().cpu().contiguous(), scale.cpu())


@dataclass
class Part:
    """One weight of a map that is rounded or pruned.

    Attributes:
        name: Its name.
        start: Its first column.
        end: The column after its last.
        grid: Its values; None where it is pruned alone.
        pruning: What takes the weights that leave.
    """

    name: str
    start: int
    end: int
    grid: WeightGrid | None
    pruning: BlockPruning


def round_map(
    own: Affine,
    matrix: Tensor,
    xx: Tensor,
    names: Sequence[str | None],
    settings: "Rounding",
    done: Forms,
) -> Tensor:
    """Gives a map rounded and pruned.

    Columns come in the order in which they are heard, the loudest first; where weights leave, as
    they are in the map, since each block of columns loses its share.

    Args:
        own: The map.
        matrix: Its values, float64 ``(rows, columns)``; zeros stay.
        xx: Sums of products of what it hears, ``(columns, columns)``.
        names: As of `RoundingFit`.
        settings: What becomes of the weights.
        done: As of `RoundingFit`.
    """
    kept = matrix != 0
    parts = list(_parts(own, matrix, kept, names, settings))
    part_of = {j: part for part in parts for j in range(part.start, part.end)}
    order = None if settings.sparsity else xx.diagonal().argsort(descending=True, stable=True)
    costs = cholesky_diagonal(xx, settings.damping) if settings.sparsity else None

    def ahead(columns: Tensor, asked: Tensor) -> None:
        if costs is not None:
            for part in parts:
                part.pruning.prune(columns, asked.square() * costs[columns])

    def choose(j: int, asked: Tensor) -> Tensor:
        if j not in part_of:
            return matrix[:, j]
        part = part_of[j]
        chosen = asked if part.grid is None else part.grid.nearest(j - part.start, asked)
        return torch.where(kept[:, j], chosen, 0.0)

    found = feedback(matrix, xx, choose, settings.damping, order, ahead)
    for part in parts:
        own_columns = found[:, part.start : part.end]
        done[part.name] = None if part.grid is None else part.grid.form(own_columns)
    return found


def _parts(
    own: Affine,
    matrix: Tensor,
    kept: Tensor,
    names: Sequence[str | None],
    settings: "Rounding",
) -> Iterator[Part]:
    start = 0
    for name, weight, width in zip(names, own.weights, own.widths, strict=True):
        end = start + width
        if name is not None:
            rounds = settings.bits is not None
            grid = WeightGrid(own, weight, matrix[:, start:end], settings) if rounds else None
            pruning = BlockPruning(start, end, kept, settings.sparsity)
            yield Part(name, start, end, grid, pruning)
        start = end


@torch.no_grad()
def round_plainly(name: str, weight: Tensor, settings: "Rounding", done: Forms) -> None:
    """Rounds or prunes a weight of which nothing is heard, in place; arguments as `round_map`'s."""
    own = Affine((weight,), (), reads=_nothing)
    matrix = own.matrix.double()
    xx = matrix.new_zeros(matrix.shape[1], matrix.shape[1])
    own.write(round_map(own, matrix, xx, [name], settings, done))


def _nothing(heard: Arguments, output: Tensor) -> Tensor:
    return output[..., :0]
