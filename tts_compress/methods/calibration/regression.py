"""What a layer hears in a compressed network, and should say: sums for least squares."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from tts_compress.methods.calibration.affine import Arguments
from tts_compress.methods.calibration.affine_fit import AffineFit
from tts_compress.methods.calibration.sums import Moments


@dataclass
class Regression(AffineFit, ABC):
    """Sums up what an affine map reads now and what the reference's map said, then changes it.

    Attributes:
        crosses: Whether it needs products of inputs and targets, or the mean of targets alone.
        shifts: Whether the map has a bias that may be changed.
    """

    crosses: ClassVar[bool] = True
    shifts: bool
    moments: Moments = field(default_factory=Moments, init=False)

    def listen(self, heard: Arguments, output: Tensor, data: Tensor) -> None:
        """Notes what the reference's map said, at the positions where `data` is True."""
        said = self.note(heard, output, data)
        if self.crosses:
            self.targets.append(said)

    def hear(self, heard: Arguments, output: Tensor, data: Tensor, call: int) -> None:
        """Notes what the map reads in its own network, in a call of the same number."""
        x = self.reads(heard, output, call)[data]
        self.moments.add(x, self.targets[call] if self.crosses else x[:, :0])

    def fit(self) -> None:
        """Changes the map in place, and its bias so that the mean of what it says is right.

        Raises:
            CheckpointError: What the layer hears or says is not finite.
        """
        xx, xy = self.moments.sums(self.shifts)
        self.targets.clear()
        self.states.clear()
        self.check(xx, xy, self.wanted.mean)
        before = self.own.bias.double()
        matrix = self.change(self.own.matrix.double(), xx, xy)
        self.own.write(matrix)
        if self.shifts:
            mean_x, _ = self.moments.means()
            self.own.shift(self.wanted.mean - matrix @ mean_x - before, self.reference)
        self.moments = Moments()

    @abstractmethod
    def change(self, matrix: Tensor, xx: Tensor, xy: Tensor) -> Tensor:
        """Gives what the map becomes, float64 ``(rows, columns)``.

        Args:
            matrix: What it is, in the same form.
            xx: Sums of products of inputs, ``(columns, columns)``; about the mean, with a bias.
            xy: Those of inputs and targets, ``(columns, rows)``; of no rows, unless it `crosses`.
        """
