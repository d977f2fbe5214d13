"""How strongly each column of a layer's weights is read: mean squares of what the layer hears."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tts_compress.architectures.following import Spoken
from tts_compress.methods.calibration.affine import Affine, Arguments, affine_maps
from tts_compress.methods.calibration.calibrating import Hook, Pass, Positions, hooked
from tts_compress.methods.calibration.hearing import check_heard, evaluating, hearing
from tts_compress.methods.calibration.sums import ROWS_AT_ONCE, Spread

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


def second_moments(
    model: "Architecture", spoken: Sequence[Spoken], method: str
) -> dict[str, Tensor]:
    """Gives the mean square of what each column of an affine layer's weights reads.

    Columns are those of `Affine.as_matrix`: inputs of the layer, of a convolution each tap of them;
    an LSTM's `weight_hh` reads the states. Padding does not count.

    Args:
        model: The network; it hears the speech in one pass.
        spoken: Calibration speech.
        method: Starts messages.

    Returns:
        By name of the parameter, float64 ``(columns,)``; embeddings, which multiply nothing, and
        layers that are not called are not there.

    Raises:
        RecipeError: The speech is empty.
        CheckpointError: The speech, or what a layer hears of it, is not finite.
    """
    speak, positions = hearing(model, spoken, method)
    with evaluating(model):
        found = mean_squares(model, speak, positions)
    for name, squares in found.items():
        check_heard(method, name, squares)
    return found


def weight_moments(
    model: "Architecture", spoken: Sequence[Spoken], method: str
) -> dict[str, Tensor]:
    """Gives the mean square of what each weight is multiplied by, in the shape of its tensor.

    All else is as of `second_moments`.
    """
    found = second_moments(model, spoken, method)
    names = _names(model)
    return {
        name: affine.as_weight(found[name].expand(affine.n_rows, -1), weight)
        for layer in model.modules()
        for affine in affine_maps(layer)
        for weight in affine.weights
        if (name := names[id(weight)]) in found
    }


@torch.no_grad()
def mean_squares(model: nn.Module, speak: Pass, positions: Positions) -> dict[str, Tensor]:
    """Gives the mean square of each column's input over one pass, by name of the parameter."""
    names = _names(model)
    spreads: defaultdict[str, Spread] = defaultdict(Spread)
    calls: Counter[str] = Counter()

    def hear(layer: str, maps: list[Affine]) -> Hook:
        def hook(_: nn.Module, heard: Arguments, output: Any) -> None:
            data = positions(layer, calls[layer])
            calls[layer] += 1
            for affine in maps:
                inputs = affine.reads(heard, output)[data]
                parts = torch.split(inputs, affine.widths, 1)
                for weight, part in zip(affine.weights, parts, strict=True):
                    for rows in torch.split(part, ROWS_AT_ONCE):
                        spreads[names[id(weight)]].add(rows)

        return hook

    hooks = {
        name: hear(name, maps)
        for name, layer in model.named_modules()
        if (maps := affine_maps(layer))
    }
    with hooked(model, hooks):
        speak(model)
    return {
        name: spread.squares / spread.n
        for name, spread in spreads.items()
        if spread.squares is not None
    }


def _names(model: nn.Module) -> dict[int, str]:
    """Gives the names of parameters by their identity."""
    return {id(parameter): name for name, parameter in model.named_parameters()}
