"""A bidirectional LSTM whose two directions may have different widths."""

import math

import torch
from torch import Tensor, nn

from tts_compress.architectures.blocks import length_mask


def backwards(lengths: Tensor, longest: int) -> Tensor:
    """Gives the places from the last to the first of each sentence, ``(batch, longest, 1)``.

    >>> backwards(torch.tensor([2, 3]), 3)[..., 0].tolist()
    [[1, 0, 2], [2, 1, 0]]
    """
    time = torch.arange(longest, device=lengths.device)
    mask = length_mask(lengths, longest)
    return torch.where(mask, lengths[:, None] - 1 - time, time)[..., None]


class BidirectionalLSTM(nn.Module):
    """One LSTM forwards and one backwards in time, with the tensor names of `torch.nn.LSTM`.

    torch's own gives both directions one width, so that pruning one of them could not shrink it.

    Source: Graves and Schmidhuber 2005, "Framewise phoneme classification with bidirectional LSTM".
    """

    def __init__(self, n_in: int, units: tuple[int, int]) -> None:
        super().__init__()
        self.units = units
        for suffix, width in zip(("", "_reverse"), units, strict=True):
            for name, shape in (
                ("weight_ih_l0", (4 * width, n_in)),
                ("weight_hh_l0", (4 * width, width)),
                ("bias_ih_l0", (4 * width,)),
                ("bias_hh_l0", (4 * width,)),
            ):
                bound = 1 / math.sqrt(width)
                self.register_parameter(
                    name + suffix, nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
                )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Maps ``(batch, length, n_in)`` to ``(batch, length, sum(units))``, zero at padding."""
        order = backwards(lengths, x.shape[1])
        ahead = self._run(x, "", self.units[0])
        back = self._run(x.take_along_dim(order, 1), "_reverse", self.units[1])
        out = torch.cat((ahead, back.take_along_dim(order, 1)), 2)
        return out * length_mask(lengths, x.shape[1])[..., None]

    def _run(self, x: Tensor, suffix: str, units: int) -> Tensor:
        weights: list[Tensor] = [
            self.get_parameter(name + suffix)
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        ]
        zeros = x.new_zeros(1, len(x), units)
        out, _, _ = torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, self.training, False, True)
        return out
