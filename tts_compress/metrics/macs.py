"""Multiply-accumulates of a network, layer by layer, counted in a real pass of one sentence.

Counted are the products of matrices: every weight of a linear layer, a convolution and an LSTM at
every position, and the products of activations with activations inside attention. Biases,
activation functions, norms, embeddings and sums count 0. A convolution counts as if its input had
no edges, so that padding is multiplied too: that is the convention of the field, and what kernels
do. It is the acoustic network alone; a vocoder's work depends on nothing but the frames.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.location_attention import Attention
from tts_compress.architectures.low_rank import (
    LowRankBidirectionalLSTM,
    LowRankConv1d,
    LowRankConvTranspose1d,
    LowRankLinear,
    LowRankLSTMCell,
)
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.architectures.transformer import SelfAttention
from tts_compress.errors import TtsCompressError
from tts_compress.metrics.cost import Macs

Counter = Callable[[Any, tuple[Tensor, ...], Tensor], tuple[int, int]]


def _linear(
    layer: nn.Linear | LowRankLinear, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    return inputs[0].numel() // layer.in_features, 0


def _conv(
    layer: nn.Conv1d | LowRankConv1d, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    return output.numel() // layer.out_channels, 0


def _transposed(
    layer: nn.ConvTranspose1d | LowRankConvTranspose1d, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    return inputs[0].numel() // layer.in_channels, 0


def _lstm_cell(
    layer: nn.LSTMCell | LowRankLSTMCell, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    return inputs[0].numel() // layer.input_size, 0


def _lstm(
    layer: BidirectionalLSTM | LowRankBidirectionalLSTM, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    return inputs[0].numel() // inputs[0].shape[-1], 0


def _self_attention(
    layer: SelfAttention, inputs: tuple[Tensor, ...], output: Tensor
) -> tuple[int, int]:
    """Queries with keys, then weights with values."""
    batch, length, _ = inputs[0].shape
    return 0, 2 * batch * length**2 * layer.block.heads * layer.block.head_dim


def _attention(layer: Attention, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[int, int]:
    """Attention weights with the memory."""
    return 0, inputs[1].numel()


# How often a call of each layer uses every weight, and its products of activations.
COUNTERS: Mapping[type[nn.Module], Counter] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.ConvTranspose1d: _transposed,
    nn.LSTMCell: _lstm_cell,
    BidirectionalLSTM: _lstm,
    LowRankLinear: _linear,
    LowRankConv1d: _conv,
    LowRankConvTranspose1d: _transposed,
    LowRankLSTMCell: _lstm_cell,
    LowRankBidirectionalLSTM: _lstm,
    SelfAttention: _self_attention,
    Attention: _attention,
}
LOOKED_UP = (nn.Embedding,)


def layer_macs(model: nn.Module, forward: Callable[[], object]) -> dict[str, Macs]:
    """Counts what each layer of a network multiplies while `forward` runs it.

    >>> layer = nn.Linear(3, 2)
    >>> layer.weight.data[0] = 0
    >>> layer_macs(layer, lambda: layer(torch.ones(5, 3)))
    {'': Macs(dense=30, effective=15)}

    Args:
        model: The network.
        forward: Runs it once.

    Returns:
        By the name of each layer that was called, in the order of the first calls.

    Raises:
        TtsCompressError: A layer has matrices, and there is no rule by which to count it.
    """
    uses: dict[str, tuple[int, int]] = {}
    with _counting(model, uses), torch.no_grad():
        forward()
    counts = {}
    for name, (n_uses, products) in uses.items():
        weights = _matrices(model.get_submodule(name))
        n_weights = sum(weight.numel() for weight in weights)
        n_nonzero = sum(int(weight.count_nonzero()) for weight in weights)
        counts[name] = Macs(n_uses * n_weights + products, n_uses * n_nonzero + products)
    return counts


def sentence_macs(model: nn.Module, n_ids: int, n_frames: int) -> dict[str, Macs]:
    """Counts what each layer multiplies to speak one sentence.

    A FastSpeech2 speaks the sentence in given durations. Of a Tacotron2, whose every layer works
    per symbol, per frame or for every symbol at every frame, passes of one and of two frames are
    counted, and the rest is exactly as many more of the difference.

    Args:
        model: A Tacotron2 or a FastSpeech2.
        n_ids: Symbols of the sentence.
        n_frames: Mel frames that it is spoken in.

    Raises:
        TtsCompressError: The network reads no text, or there is no symbol or no frame.
    """
    if n_ids < 1 or n_frames < 1:
        raise TtsCompressError(
            "macs: a sentence has at least one symbol and one frame, "
            f"got {n_ids!r} and {n_frames!r}. Leave out what the model did not speak."
        )
    if isinstance(model, Tacotron2):
        one, two = (_tacotron2_macs(model, n_ids, frames) for frames in (1, 2))
        more = n_frames - 1
        return {
            name: Macs(
                one[name].dense + more * (two[name].dense - one[name].dense),
                one[name].effective + more * (two[name].effective - one[name].effective),
            )
            for name in one
        }
    if isinstance(model, FastSpeech2):
        return _fastspeech2_macs(model, n_ids, n_frames)
    name = getattr(model, "architecture", type(model).__name__)
    raise TtsCompressError(
        f"macs: reads no text, got {name!r}. Give a tacotron2 or fastspeech2 network."
    )


def _tacotron2_macs(model: Tacotron2, n_ids: int, n_frames: int) -> dict[str, Macs]:
    like = next(model.parameters())
    ids, lengths = _symbols(n_ids, like)
    mel = like.new_zeros(1, model.settings.n_mels, n_frames)
    frames = torch.tensor([n_frames], device=like.device)
    return layer_macs(model, lambda: model(ids, lengths, mel, frames, prenet_dropout=False))


def _fastspeech2_macs(model: FastSpeech2, n_ids: int, n_frames: int) -> dict[str, Macs]:
    ids, lengths = _symbols(n_ids, next(model.parameters()))
    durations = torch.zeros_like(ids)
    durations[0, 0] = n_frames
    return layer_macs(model, lambda: model(ids, lengths, durations=durations))


def _symbols(n_ids: int, like: Tensor) -> tuple[Tensor, Tensor]:
    ids = torch.zeros(1, n_ids, dtype=torch.long, device=like.device)
    return ids, torch.tensor([n_ids], device=like.device)


@contextmanager
def _counting(model: nn.Module, uses: dict[str, tuple[int, int]]) -> Iterator[None]:
    """Adds up what each layer does while this is open; the network is in evaluation mode then."""
    hooks = []
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for name, module in model.named_modules():
            counter = _counter(name, module)
            if counter is not None:
                hooks.append(module.register_forward_hook(_adding(name, counter, uses)))
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode


def _counter(name: str, module: nn.Module) -> Counter | None:
    counter = COUNTERS.get(type(module))
    leaf = next(module.children(), None) is None
    if counter is None and leaf and _matrices(module) and not isinstance(module, LOOKED_UP):
        raise TtsCompressError(
            f"macs: no rule counts the layer {name!r}, got a {type(module).__name__!r}. "
            f"Known: {', '.join(known.__name__ for known in COUNTERS)}."
        )
    return counter


def _adding(
    name: str, counter: Counter, uses: dict[str, tuple[int, int]]
) -> Callable[[nn.Module, Any, Any], None]:
    def add(module: nn.Module, inputs: Any, output: Any) -> None:
        before = uses.get(name, (0, 0))
        now = counter(module, inputs, cast(Tensor, output))
        uses[name] = (before[0] + now[0], before[1] + now[1])

    return add


def _matrices(module: nn.Module) -> list[Tensor]:
    """Gives what a layer multiplies with; scales and biases have one axis."""
    return [weight for weight in module.parameters(recurse=False) if weight.ndim > 1]
