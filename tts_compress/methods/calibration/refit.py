"""How one layer is refitted, so that it says again what it said in the dense network."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.methods.calibration.affine import Arguments
from tts_compress.methods.calibration.affine_fit import AffineFit
from tts_compress.methods.calibration.sums import Moments, Spread


@dataclass
class AffineRefit(AffineFit):
    """Makes an affine map say what the dense network's said, from what it reads now.

    What left of whole columns is fitted by least squares; of other maps, the bias is moved to the
    dense mean.

    Attributes:
        kept: Rows and columns that are fitted; None where only the bias is.
        ridge: See `Moments.solve`.
    """

    kept: tuple[Tensor, Tensor] | None
    ridge: float
    found: Spread = field(default_factory=Spread, init=False)
    moments: Moments = field(default_factory=Moments, init=False)

    def listen(self, heard: Arguments, output: Tensor, data: Tensor) -> None:
        """Notes what the dense layer said, at the positions where `data` is True."""
        said = self.note(heard, output, data)
        if self.kept is not None:
            self.targets.append(said[:, self.kept[0]])

    def hear(self, heard: Arguments, output: Tensor, data: Tensor, call: int) -> None:
        """Notes what the layer hears in its own network, in a call of the same number."""
        if self.kept is not None:
            x = self.reads(heard, output, call)[data][:, self.kept[1]]
            self.moments.add(x, self.targets[call])
        elif self.own.said is None:
            x = self.reads(heard, output, call)
            self.found.add(functional.linear(x, self.own.matrix, self.own.bias)[data])
        else:
            self.found.add(self.own.said(output)[data])

    def fit(self) -> None:
        """Changes the map in place; what is zero stays zero.

        Raises:
            CheckpointError: What the layer hears or says is not finite.
        """
        found = self.found.total if self.kept is None else self.moments.xy
        self.check(self.wanted.total, found)
        if self.kept is None:
            self.own.shift(self.wanted.mean - self.found.mean, self.reference)
            return
        rows, columns = self.kept
        matrix, before = self.own.matrix, self.own.bias.double()
        inner = matrix[rows[:, None], columns]
        fitted, bias = self.moments.solve(inner, self.ridge, bool(self.own.biases))
        matrix[rows[:, None], columns] = fitted.to(matrix.dtype)
        self.own.write(matrix)
        after = self.wanted.mean.index_copy(0, rows, bias)  # rows that are gone say the dense mean
        self.own.shift(after - before, self.reference)


@dataclass
class NormRefit:
    """Gives a batch norm's output the mean and standard deviation that it had when dense.

    Channels that hear what they heard, or say nothing, keep their statistics.
    """

    own: nn.BatchNorm1d
    dense: nn.BatchNorm1d
    wanted: Spread = field(default_factory=Spread)
    found: Spread = field(default_factory=Spread)

    def listen(self, heard: Arguments, _: Tensor, data: Tensor) -> None:
        """Notes what the dense layer heard, at the positions where `data` is True."""
        self.wanted.add(heard[0].transpose(1, 2)[data])

    def hear(self, heard: Arguments, _: Tensor, data: Tensor, call: int) -> None:
        """Notes what the layer hears in its own network."""
        self.found.add(heard[0].transpose(1, 2)[data])

    def fit(self) -> None:
        """Changes the running statistics in place."""
        mean, variance = _statistics(self.own)
        dense_mean, dense_variance = _statistics(self.dense)
        wanted, found = self.wanted.variance, self.found.variance
        scale = (dense_variance + self.dense.eps).rsqrt()
        ratio = found / (wanted * scale.square())
        new_variance = torch.where(wanted > 0, ratio - self.own.eps, variance).clamp(min=0)
        said = (self.wanted.mean - dense_mean) * scale
        new_mean = self.found.mean - said * (new_variance + self.own.eps).sqrt()
        stays = (self.wanted.mean == self.found.mean) & (wanted == found)
        stays |= (self.own.weight == 0) & (self.own.bias == 0)
        for name, old, new in (
            ("running_mean", mean, new_mean),
            ("running_var", variance, new_variance),
        ):
            self.own.get_buffer(name).copy_(torch.where(stays, old, new))


def _statistics(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    return norm.get_buffer("running_mean").double(), norm.get_buffer("running_var").double()
