"""What a layer hears in a compressed network, and should say: sums for least squares."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from tts_compress.errors import CheckpointError
from tts_compress.methods.calibration.affine import Affine, Arguments
from tts_compress.methods.calibration.refit import Moments, Spread


@dataclass
class Regression(ABC):
    """Sums up what an affine map reads now and what the reference's map said, then changes it.

    An LSTM's gates read the states of the reference: with them right, the states come out right in
    turn, while its own would be those of the map before it is changed.

    Attributes:
        crosses: Whether it needs products of inputs and targets, or the mean of targets alone.
        method: Starts messages.
        layer: Its name, for messages.
        own: The map that is changed.
        reference: The same map of the reference.
        shifts: Whether the map has a bias that may be changed.
    """

    crosses: ClassVar[bool] = True
    method: str
    layer: str
    own: Affine
    reference: Affine
    shifts: bool
    wanted: Spread = field(default_factory=Spread, init=False)
    moments: Moments = field(default_factory=Moments, init=False)
    targets: list[Tensor] = field(default_factory=list, init=False)
    states: list[Tensor] = field(default_factory=list, init=False)

    def listen(self, heard: Arguments, output: Tensor, data: Tensor) -> None:
        """Notes what the reference's map said, at the positions where `data` is True."""
        if self.reference.said is not None:
            said = self.reference.said(output)[data]
        else:
            x = self.reference.reads(heard, output)
            self.states.append(x[..., x.shape[-1] - self.reference.n_states :].clone())
            said = functional.linear(x, self.reference.matrix, self.reference.bias)[data]
        self.wanted.add(said)
        if self.crosses:
            self.targets.append(said)

    def hear(self, heard: Arguments, output: Tensor, data: Tensor, call: int) -> None:
        """Notes what the map reads in its own network, in a call of the same number."""
        x = self.own.reads(heard, output)
        if self.own.n_states:
            x = torch.cat((x[..., : -self.own.n_states], self.states[call]), -1)
        x = x[data]
        self.moments.add(x, self.targets[call] if self.crosses else x[:, :0])

    def fit(self) -> None:
        """Changes the map in place, and its bias so that the mean of what it says is right.

        Raises:
            CheckpointError: What the layer hears or says is not finite.
        """
        xx, xy = self.moments.sums(self.shifts)
        self.targets.clear()
        self.states.clear()
        self._check(xx, xy)
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

    def _check(self, xx: Tensor, xy: Tensor) -> None:
        if not all(bool(sums.isfinite().all()) for sums in (xx, xy, self.wanted.mean)):
            raise CheckpointError(
                f"{self.method}: what {self.layer!r} hears or should say of the calibration "
                "sentences is not finite, got NaN or infinity. "
                "Use a checkpoint from before the training diverged, or compress less."
            )
