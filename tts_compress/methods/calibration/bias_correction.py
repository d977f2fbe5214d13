"""Biases that make up for what the rounding of weights does to the mean of what a layer says."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from torch import nn

from tts_compress.methods.base import Context
from tts_compress.methods.calibration.affine import Affine, affine_maps
from tts_compress.methods.calibration.calibrating import Fit, walk
from tts_compress.methods.calibration.hearing import evaluating, hearing
from tts_compress.methods.calibration.refit import AffineRefit

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


def corrected_biases(model: nn.Module, weights: AbstractSet[str]) -> list[str]:
    """Gives the names of the biases beside these weights: one for each affine map.

    An LSTM whose gates have factors of their own has none: no map there says all of a gate.

    >>> corrected_biases(nn.Sequential(nn.Linear(2, 2), nn.LSTMCell(2, 2)), {"1.weight_hh"})
    ['1.bias_ih']
    """
    return [bias for _, _, _, bias in _maps(model, weights)]


def correct_biases(
    model: "Architecture",
    before: "Architecture",
    weights: AbstractSet[str],
    ctx: Context,
    method: str,
) -> None:
    """Gives layers the means back that they had before their weights changed, in place.

    Layer by layer, in the order of execution, each as it hears those that are corrected.

    Args:
        model: The network.
        before: The network with the weights as they were.
        weights: Names of those that changed.
        ctx: What there is to speak, and which biases must stay.
        method: Starts messages.

    Raises:
        RecipeError: There is no calibration speech.
        CheckpointError: What a layer hears or says of it is not finite.
    """
    fits: dict[str, list[Fit]] = {}
    for name, index, own, bias in _maps(model, weights):
        if bias not in ctx.settled:
            was = affine_maps(before.get_submodule(name))[index]
            fit = AffineRefit(method, name, own, was, kept=None, ridge=0.0)
            fits.setdefault(name, []).append(fit)
    speak, positions = hearing(model, ctx.calibration(method), method)
    with evaluating(model), evaluating(before):
        walk(model, before, fits, speak, positions)


def _maps(model: nn.Module, weights: AbstractSet[str]) -> Iterator[tuple[str, int, Affine, str]]:
    """Gives affine maps that have one of these weights: layer, number in it, map and bias."""
    for layer, module in model.named_modules():
        names = {id(p): f"{layer}.{own}" for own, p in module.named_parameters(recurse=False)}
        for index, own in enumerate(affine_maps(module)):
            if own.biases and not weights.isdisjoint(names[id(w)] for w in own.weights):
                yield layer, index, own, names[id(own.biases[0])]
