"""The location-sensitive attention of Tacotron2.

Source: Chorowski et al. 2015, "Attention-based models for speech recognition", equation 9;
NVIDIA/tacotron2, model.py.
"""

import torch
from torch import Tensor, nn

from tts_compress.architectures.blocks import Conv, Linear


class LocationLayer(nn.Module):
    """Features of where attention was and has been."""

    def __init__(self, filters: int, kernel: int, dim: int) -> None:
        super().__init__()
        self.location_conv = Conv(2, filters, kernel, bias=False)
        self.location_dense = Linear(filters, dim, bias=False, gain="tanh")

    def forward(self, weights: Tensor) -> Tensor:
        """Maps last and summed attention weights ``(batch, 2, ids)`` to ``(batch, ids, dim)``."""
        out: Tensor = self.location_dense(self.location_conv(weights).transpose(1, 2))
        return out


class Attention(nn.Module):
    """What the decoder reads of the memory, by its query and by where attention was."""

    def __init__(
        self, query_dim: int, memory_dim: int, dim: int, location_filters: int, location_kernel: int
    ) -> None:
        super().__init__()
        self.query_layer = Linear(query_dim, dim, bias=False, gain="tanh")
        self.memory_layer = Linear(memory_dim, dim, bias=False, gain="tanh")
        self.v = Linear(dim, 1, bias=False)
        self.location_layer = LocationLayer(location_filters, location_kernel, dim)

    def forward(
        self, query: Tensor, memory: Tensor, keys: Tensor, location: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gives the context ``(batch, memory_dim)`` and the attention weights ``(batch, ids)``.

        Args:
            query: State of the attention LSTM, ``(batch, query_dim)``.
            memory: The encoder's output, ``(batch, ids, memory_dim)``.
            keys: The memory through `memory_layer`, ``(batch, ids, dim)``.
            location: Last and summed attention weights, ``(batch, 2, ids)``.
            padding: True at ids that are padding, ``(batch, ids)``.
        """
        hidden = self.query_layer(query)[:, None] + self.location_layer(location) + keys
        energies = self.v(torch.tanh(hidden)).squeeze(-1)
        weights = torch.softmax(energies.masked_fill(padding, -torch.inf), 1)
        return torch.bmm(weights[:, None], memory)[:, 0], weights
