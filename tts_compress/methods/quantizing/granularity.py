"""Which weights share a statistic: those of a tensor, of a row, or of a group of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from torch import Tensor
from torch.nn import functional

from tts_compress.quantized import matrix_shape

Granularity = Literal["tensor", "channel", "group"]


@dataclass(frozen=True)
class Sharing:
    """A tensor cut into parts that share a statistic, each a row of a matrix.

    Attributes:
        shape: That of the tensor.
        table: Shape of a table of the statistic as `quantized.spread` takes it: ``(1, 1)``,
            ``(rows, 1)`` or ``(rows, groups)``.

    >>> import torch
    >>> sharing = Sharing.of((2, 3), "group", 2)
    >>> parts = sharing.split(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    >>> parts.tolist()
    [[1.0, 2.0], [3.0, 0.0], [4.0, 5.0], [6.0, 0.0]]
    >>> sharing.join(parts).tolist()
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    """

    shape: tuple[int, ...]
    table: tuple[int, int]

    @classmethod
    def of(cls, shape: Sequence[int], granularity: Granularity, group_size: int | None) -> Self:
        """Cuts a tensor.

        Args:
            shape: That of the tensor.
            granularity: What shares a statistic.
            group_size: Most columns of a group, with that granularity; all have as many but the
                last. None otherwise.
        """
        rows, columns = matrix_shape(shape)
        groups = -(-columns // group_size) if granularity == "group" and group_size else 1
        return cls(tuple(shape), (1 if granularity == "tensor" else rows, max(groups, 1)))

    def split(self, values: Tensor) -> Tensor:
        """Gives the parts of a tensor, ``(parts, width)``, with zeros where the last is shorter."""
        if self.table == (1, 1):
            return values.reshape(1, -1)
        rows, columns = matrix_shape(self.shape)
        width = -(-columns // self.table[1])
        padded = functional.pad(values.reshape(rows, columns), (0, width * self.table[1] - columns))
        return padded.reshape(-1, width)

    def join(self, parts: Tensor) -> Tensor:
        """Gives the tensor of such parts."""
        if self.table == (1, 1):
            return parts.reshape(self.shape)
        rows, columns = matrix_shape(self.shape)
        return parts.reshape(rows, -1)[:, :columns].reshape(self.shape)
