"""The affine maps of layers whose weights are two factors: each factor is one."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.low_rank import (
    GATES,
    LowRankConv1d,
    LowRankConvTranspose1d,
    LowRankLinear,
    LowRankLSTM,
)
from tts_compress.methods.calibration.affine import (
    Affine,
    Arguments,
    Reads,
    convolution_reads,
    lstm_reads,
    transposed_reads,
)


def factor_maps(layer: nn.Module) -> list[Affine]:
    """Gives the maps of a layer's factors, V before the U that hears it; none of other layers.

    What U reads comes through V as it is then, so V may change before U is heard.
    """
    if isinstance(layer, LowRankLSTM):
        return [
            found
            for suffix, reads in lstm_reads(layer).items()
            for found in _of_direction(layer, suffix, reads)
        ]
    if not isinstance(layer, LowRankLinear | LowRankConv1d | LowRankConvTranspose1d):
        return []
    inner = layer.inner
    biases = () if layer.bias is None else (layer.bias,)
    if isinstance(layer, LowRankLinear):
        return [
            Affine((layer.weight_v,), (), lambda heard, _: heard[0]),
            Affine((layer.weight_u,), biases, lambda heard, _: inner(heard[0]), lambda y: y),
        ]
    if isinstance(layer, LowRankConv1d):
        return [
            Affine((layer.weight_v,), (), convolution_reads(layer)),
            Affine(
                (layer.weight_u,),
                biases,
                lambda heard, _: inner(heard[0]).transpose(1, 2),
                lambda y: y.transpose(1, 2),
            ),
        ]
    taps = transposed_reads(layer)
    return [
        Affine((layer.weight_v,), (), _stuffed(layer.stride[0])),
        Affine(
            (layer.weight_u,),
            biases,
            lambda heard, y: taps((inner(heard[0]),), y),
            lambda y: y.transpose(1, 2),
            transposed=True,
        ),
    ]


def _stuffed(stride: int) -> Reads:
    """Gives what reads inputs with zeros between, at the rate of the output."""

    def reads(heard: Arguments, y: Tensor) -> Tensor:
        x: Tensor = heard[0].transpose(1, 2)
        stuffed = x.new_zeros(x.shape[0], y.shape[2], x.shape[2])
        stuffed[:, : x.shape[1] * stride : stride] = x
        return stuffed

    return reads


def _of_direction(layer: LowRankLSTM, suffix: str, reads: Reads) -> Iterator[Affine]:
    """Gives the maps of one direction of an LSTM: of each V, then of what adds up to its gates."""
    tensors: dict[str, Tensor] = dict(layer.named_parameters())
    biases = (tensors[f"bias_ih{suffix}"], tensors[f"bias_hh{suffix}"])
    joint, *both = (f"weight{part}{suffix}" for part in ("", "_ih", "_hh"))
    first = [tensors[name if name in tensors else f"{name}_v"] for name in both]
    if joint in layer.ranks:
        yield Affine(tuple(first), (), reads, n_states=first[1].shape[1])
        yield Affine(
            (tensors[f"{joint}_u"],),
            biases,
            lambda heard, y: functional.linear(reads(heard, y), torch.cat(first, 1)),
        )
        return
    n_in, n_states = (weight.shape[1] for weight in first)
    inputs, states = _between(reads, 0, n_in), _between(reads, n_in, n_in + n_states)
    for name, own, n_own in ((both[0], inputs, 0), (both[1], states, n_states)):
        if name in layer.ranks:
            yield Affine((tensors[f"{name}_v"],), (), own, n_states=n_own)
    through = [_through(layer, name, own) for name, own in zip(both, (inputs, states), strict=True)]
    if any(isinstance(layer.ranks.get(name), tuple) for name in both):
        for name, inner in zip(both, through, strict=True):
            yield from _of_gates(layer, name, inner)
        return
    last = tuple(tensors[f"{name}_u" if name in layer.ranks else name] for name in both)
    yield Affine(
        last,
        biases,
        lambda heard, y: torch.cat([inner(heard, y) for inner in through], -1),
        n_states=last[1].shape[1],
    )


def _through(layer: LowRankLSTM, name: str, reads: Reads) -> Reads:
    """Gives what reads what the U of a weight hears."""
    return lambda heard, y: layer.inner(name, reads(heard, y))


def _of_gates(layer: LowRankLSTM, name: str, reads: Reads) -> Iterator[Affine]:
    """Gives the maps of the U of each gate, or of a whole weight, which leave biases alone."""
    ranks = layer.ranks.get(name)
    if not isinstance(ranks, tuple):
        yield Affine((layer.get_parameter(name if ranks is None else f"{name}_u"),), (), reads)
        return
    starts = [0, *itertools.accumulate(ranks)]
    for gate, (start, end) in zip(GATES, itertools.pairwise(starts), strict=True):
        weight = layer.get_parameter(f"{name}_u_{gate}")
        yield Affine((weight,), (), _between(reads, start, end))


def _between(reads: Reads, start: int, end: int) -> Reads:
    return lambda heard, y: reads(heard, y)[..., start:end]
