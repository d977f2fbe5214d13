"""What methods decided that a tensor is: small integers, and the tables that give them values.

A network holds the values themselves, in float32; beside it goes what they were made of, so that a
file stores the integers. In all forms the integer 0 is the value 0, so what was pruned stays zero.
Tensors are seen as matrices: rows are the first axis, columns all others; a vector is one row.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

OCTAVE = 4
"""Steps of a scale's exponent in a factor of two."""


def matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Gives the rows and columns of a tensor seen as a matrix.

    >>> matrix_shape((4, 3, 5)), matrix_shape((7,)), matrix_shape(())
    ((4, 15), (1, 7), (1, 1))
    """
    if len(shape) < 2:
        return 1, shape[0] if shape else 1
    columns = 1
    for size in shape[1:]:
        columns *= size
    return shape[0], columns


def spread(table: Tensor, rows: int, columns: int) -> Tensor:
    """Gives each weight of a matrix its entry of a table, ``(rows, columns)``.

    Args:
        table: One entry for all ``(1, 1)``, one for each row ``(rows, 1)``, or one for each of some
            groups of columns of each row, ``(rows, groups)``: all as wide as the first, which is
            ``ceil(columns / groups)``, but the last, which has what is left.
        rows: Rows of the matrix.
        columns: Columns of the matrix.

    >>> spread(torch.tensor([[1, 2], [3, 4]]), 2, 3).tolist()
    [[1, 1, 2], [3, 3, 4]]
    """
    width = -(-columns // table.shape[1])
    return table.repeat_interleave(width, 1)[:, :columns].expand(rows, columns)


@dataclass(frozen=True, eq=False)
class Quantized(ABC):
    """A tensor as integers.

    Attributes:
        levels: The integers, signed, int16 in the shape of the tensor; 0 has the value 0.
    """

    name: ClassVar[str]
    levels: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return tuple(self.levels.shape)

    def matrix(self) -> Tensor:
        """The levels as a matrix, ``(rows, columns)``."""
        return self.levels.reshape(matrix_shape(self.shape))

    @abstractmethod
    def dense(self) -> Tensor:
        """Gives the values, float32 in the shape of the tensor; each time the same bits."""


@dataclass(frozen=True, eq=False)
class Uniform(Quantized):
    """Evenly spaced values: a level times the scale of its tensor, row, or group of columns.

    Attributes:
        levels: As of every form; an asymmetric range is one whose ends differ.
        scale: float32, ``(1, 1)``, ``(rows, 1)`` or ``(rows, groups)`` as `spread` takes it.

    >>> Uniform(torch.tensor([[-1, 2]]).short(), torch.tensor([[0.5]])).dense().tolist()
    [[-0.5, 1.0]]
    """

    name: ClassVar[str] = "uniform"
    scale: Tensor

    def dense(self) -> Tensor:
        """Gives the values, float32 in the shape of the tensor."""
        levels = self.matrix()
        return (levels.float() * spread(self.scale, *levels.shape)).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Scaled(Quantized):
    """Evenly spaced values whose step is the product of one of its row and one of its column.

    Exponents count quarters of octaves: a level of row i and column j has the value
    ``level * step * 2 ** ((rows[i] + columns[j]) / 4)``.

    Attributes:
        levels: As of every form.
        step: float32, of no axes.
        rows: int8, ``(rows,)``.
        columns: int8, ``(columns,)``.

    >>> rows, columns = torch.tensor([0, 4]).char(), torch.tensor([0, -4]).char()
    >>> Scaled(torch.ones(2, 2).short(), torch.tensor(0.5), rows, columns).dense().tolist()
    [[0.5, 0.25], [1.0, 0.5]]
    """

    name: ClassVar[str] = "scaled"
    step: Tensor
    rows: Tensor
    columns: Tensor

    def dense(self) -> Tensor:
        """Gives the values, float32 in the shape of the tensor."""
        sums = self.rows.int()[:, None] + self.columns.int()
        return (self.matrix().float() * steps(self.step, sums)).reshape(self.shape)


def steps(step: Tensor, exponents: Tensor) -> Tensor:
    """Gives ``step * 2 ** (exponents / 4)`` in float32: the same bits on every machine.

    Powers are those of one table of fractions, moved by whole octaves, which is exact.

    >>> steps(torch.tensor(1.0), torch.tensor([-4, 0, 2, 8])).tolist()
    [0.5, 1.0, 1.4142135381698608, 4.0]
    """
    fractions = torch.tensor([1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429])
    octaves = torch.div(exponents, OCTAVE, rounding_mode="floor")
    return step * torch.ldexp(fractions[(exponents - OCTAVE * octaves).long()], octaves)


@dataclass(frozen=True, eq=False)
class Codebook(Quantized):
    """Values of a table: that of the tensor, or of its group of rows.

    A level counts entries of the sorted table from the one that is zero, which every table has.

    Attributes:
        levels: As of every form.
        tables: float32, ``(tables, entries)``, ascending, each with one 0.0; table t is that of the
            rows from ``t * n`` on, where n is ``ceil(rows / tables)``.

    >>> tables = torch.tensor([[-2.0, 0.0, 1.0]])
    >>> Codebook(torch.tensor([[1, -1], [0, 1]]).short(), tables).dense().tolist()
    [[1.0, -2.0], [0.0, 1.0]]
    """

    name: ClassVar[str] = "codebook"
    tables: Tensor

    def dense(self) -> Tensor:
        """Gives the values, float32 in the shape of the tensor."""
        if not self.levels.numel():  # no memory for rows of no columns, however many
            return torch.zeros(self.shape)
        offsets = self.tables.shape[1] * self._table_of_rows()
        return self.tables.flatten()[self.entries() + offsets].reshape(self.shape)

    def entries(self) -> Tensor:
        """Gives which entry of its table each weight has, counted from 0, ``(rows, columns)``."""
        zeros = (self.tables == 0).int().argmax(1)
        return self.matrix().long() + zeros[self._table_of_rows()]

    def _table_of_rows(self) -> Tensor:
        """Gives the number of each row's table, ``(rows, 1)``."""
        rows = len(self.matrix())
        return (torch.arange(rows) // -(-rows // len(self.tables)))[:, None]


@dataclass(frozen=True, eq=False)
class MultiBit(Quantized):
    """Sums of a few scales with signs: binary codes.

    With k scales a, a level other than 0 has the value ``sum(a[b] if bit b of its code is set else
    -a[b])``, added up from b = 0; the codes 0 to 2^k - 1 are the levels -2^(k-1) to -1 and 1 to
    2^(k-1) in this order.

    Attributes:
        levels: As of every form.
        scales: float32, ``(k, 1, 1)``, ``(k, rows, 1)`` or ``(k, rows, groups)``, each of the k as
            `spread` takes it.

    >>> MultiBit(torch.tensor([[-2, -1, 0, 1, 2]]).short(), torch.tensor([[[0.5]], [[2.0]]]))
    ... # doctest: +ELLIPSIS
    MultiBit(...)
    >>> _.dense().tolist()
    [[-2.5, -1.5, 0.0, 1.5, 2.5]]
    """

    name: ClassVar[str] = "multibit"
    scales: Tensor

    def dense(self) -> Tensor:
        """Gives the values, float32 in the shape of the tensor."""
        levels = self.matrix()
        half = 2 ** (len(self.scales) - 1)
        codes = levels.int() + half - (levels > 0).int()
        total = torch.zeros(levels.shape)
        for bit, scale in enumerate(self.scales):
            sign = (codes >> bit & 1) * 2 - 1
            total = total + sign * spread(scale, *levels.shape)
        return torch.where(levels == 0, 0.0, total).reshape(self.shape)


QUANTIZED: dict[str, type[Quantized]] = {
    form.name: form for form in (Uniform, Scaled, Codebook, MultiBit)
}
