"""How the inputs of a matrix go together: sums of products of what its columns read."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tts_compress.architectures.following import Spoken
from tts_compress.methods.calibration.affine import Affine, Arguments, affine_maps
from tts_compress.methods.calibration.calibrating import Hook, hooked
from tts_compress.methods.calibration.hearing import check_heard, evaluating, hearing
from tts_compress.methods.calibration.sums import Moments
from tts_compress.methods.rebuilding.factors import Target

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture

Reads = Callable[[Arguments, Tensor, Tensor], Tensor]
"""Gives inputs ``(positions, columns)`` from arguments, output, and True where there is data."""


@torch.no_grad()
def input_products(
    model: "Architecture", found: Sequence[Target], spoken: Sequence[Spoken], method: str
) -> dict[str, Tensor]:
    """Gives sums of products of what the columns of matrices read, in one pass.

    Args:
        model: The network.
        found: Its matrices.
        spoken: Calibration speech.
        method: Starts messages.

    Returns:
        By name of the matrix, float64 ``(columns, columns)``; layers that are not called are not
        there.

    Raises:
        RecipeError: The speech is empty.
        CheckpointError: The speech, or what a layer hears of it, is not finite.
    """
    speak, positions = hearing(model, spoken, method)
    readers, calls = _readers(model, found), Counter[str]()
    moments: defaultdict[str, Moments] = defaultdict(Moments)

    def hear(layer: str) -> Hook:
        def hook(_: nn.Module, heard: Arguments, output: Any) -> None:
            data = positions(layer, calls[layer])
            calls[layer] += 1
            for name, reads in readers[layer]:
                x = reads(heard, output, data)
                moments[name].add(x, x[:, :0])

        return hook

    with evaluating(model), hooked(model, {layer: hear(layer) for layer in readers}):
        speak(model)
    sums = {name: summed.sums(intercept=False)[0] for name, summed in moments.items()}
    for name, products in sums.items():
        check_heard(method, name, products.diagonal())
    return sums


def _readers(model: nn.Module, found: Sequence[Target]) -> dict[str, list[tuple[str, Reads]]]:
    """Gives, by layer, the names of its matrices and what gives the inputs of each."""
    readers: dict[str, list[tuple[str, Reads]]] = {}
    for path, layer in model.named_modules():
        names = {id(p): f"{path}.{own}" for own, p in layer.named_parameters(recurse=False)}
        for affine in affine_maps(layer):
            weights = [names[id(weight)] for weight in affine.weights]
            starts = [0, *itertools.accumulate(affine.widths)]
            for target in found:
                if set(target.weights) <= set(weights):
                    first = weights.index(target.weights[0])
                    columns = slice(starts[first], starts[first + len(target.weights)])
                    reads = _at_inputs if target.transposed else _some(affine, columns)
                    readers.setdefault(path, []).append((target.name, reads))
    return readers


def _some(affine: Affine, columns: slice) -> Reads:
    return lambda heard, output, data: affine.reads(heard, output)[data][:, columns]


def _at_inputs(heard: Arguments, _: Tensor, __: Tensor) -> Tensor:
    """Gives what a transposed convolution hears, which only vocoders have: without padding."""
    x: Tensor = heard[0]
    return x.transpose(1, 2).flatten(0, 1)
