"""The feed-forward transformer that FastSpeech2's encoder and decoder are made of.

Source: Ren et al. 2019, "FastSpeech", section 3.1; ming024/FastSpeech2, transformer/.
"""

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.blocks import FeatureNorm
from tts_compress.architectures.settings import Settings


class BlockSettings(Settings):
    """Widths of one transformer block."""

    heads: int = 2
    head_dim: int = 128
    filter: int = 1024


class PositionSettings(Settings):
    """Columns of a position encoding of `dim` columns, in the order of the features."""

    dim: int
    columns: tuple[int, ...]

    @model_validator(mode="after")
    def _has_columns(self) -> Self:
        if not all(0 <= column < self.dim for column in self.columns):
            raise ValueError("columns are counted from 0 to dim - 1")
        return self


def sinusoids(positions: int, dim: int) -> Tensor:
    """Gives the position encoding ``(positions, dim)``: sine at even, cosine at odd columns.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.5.
    """
    if torch.get_default_device().type == "meta":  # to count there takes torch a second, once
        return torch.empty(positions, dim)
    rate = 10000 ** (-2 * (torch.arange(dim, dtype=torch.float64) // 2) / dim)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * rate
    angles[:, 0::2] = angles[:, 0::2].sin()
    angles[:, 1::2] = angles[:, 1::2].cos()
    return angles.float()


class SelfAttention(nn.Module):
    """Multi-head self-attention with its residual and layer norm."""

    def __init__(self, hidden: int, block: BlockSettings, dropout: float) -> None:
        super().__init__()
        self.block = block
        inner = block.heads * block.head_dim
        self.w_qs = nn.Linear(hidden, inner)
        self.w_ks = nn.Linear(hidden, inner)
        self.w_vs = nn.Linear(hidden, inner)
        self.layer_norm = FeatureNorm(hidden)
        self.fc = nn.Linear(inner, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, hidden)`` to the same shape; mask is True at data."""

        def heads(y: Tensor) -> Tensor:
            return y.reshape(*y.shape[:2], self.block.heads, self.block.head_dim).transpose(1, 2)

        heard = functional.scaled_dot_product_attention(
            heads(self.w_qs(x)),
            heads(self.w_ks(x)),
            heads(self.w_vs(x)),
            attn_mask=mask[:, None, None],
        )
        out = self.dropout(self.fc(heard.transpose(1, 2).flatten(2)))
        normalised: Tensor = self.layer_norm(out + x)
        return normalised


class FeedForward(nn.Module):
    """Two convolutions over time with their residual and layer norm."""

    def __init__(self, hidden: int, filter_: int, kernels: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.w_1 = nn.Conv1d(hidden, filter_, kernels[0], padding=(kernels[0] - 1) // 2)
        self.w_2 = nn.Conv1d(filter_, hidden, kernels[1], padding=(kernels[1] - 1) // 2)
        self.layer_norm = FeatureNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, hidden)`` to the same shape; x and mask are 0 at padding."""
        inner = torch.relu(self.w_1(x.transpose(1, 2))) * mask[:, None]
        out: Tensor = self.layer_norm(self.dropout(self.w_2(inner).transpose(1, 2)) + x)
        return out


class Block(nn.Module):
    """One feed-forward transformer block."""

    def __init__(
        self, hidden: int, block: BlockSettings, kernels: tuple[int, int], dropout: float
    ) -> None:
        super().__init__()
        self.slf_attn = SelfAttention(hidden, block, dropout)
        self.pos_ffn = FeedForward(hidden, block.filter, kernels, dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, hidden)`` to the same shape, zero where mask is False."""
        data = mask.to(x.dtype)
        x = self.slf_attn(x, mask) * data[..., None]
        out: Tensor = self.pos_ffn(x, data) * data[..., None]
        return out


class Stack(nn.Module):
    """Position encoding and a stack of blocks: FastSpeech2's decoder, and most of its encoder."""

    def __init__(
        self,
        hidden: int,
        blocks: tuple[BlockSettings, ...],
        kernels: tuple[int, int],
        dropout: float,
        n_positions: int,
        positions: PositionSettings | None = None,
    ) -> None:
        super().__init__()
        if positions and len(positions.columns) != hidden:
            columns = len(positions.columns)
            raise ValueError(f"positions has {columns} columns, of {hidden} hidden features")
        self.hidden, self.positions = hidden, positions
        self.position_enc = nn.Parameter(self._table(n_positions), requires_grad=False)
        self.layer_stack = nn.ModuleList(Block(hidden, b, kernels, dropout) for b in blocks)

    def table(self) -> Tensor:
        """Gives the position encoding that a fresh network has, on any device."""
        return self._table(self.position_enc.shape[1])

    def _table(self, length: int) -> Tensor:
        """Gives the position encoding of this network's features, ``(1, length, hidden)``."""
        if self.positions is None:
            return sinusoids(length, self.hidden)[None]
        return sinusoids(length, self.positions.dim)[None, :, list(self.positions.columns)]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, hidden)`` to the same shape, zero where mask is False."""
        length = x.shape[1]
        table: Tensor = self.position_enc
        if length > table.shape[1]:
            table = self._table(length).to(table)
        x = x + table[:, :length]
        for layer in self.layer_stack:
            x = layer(x, mask)
        return x
