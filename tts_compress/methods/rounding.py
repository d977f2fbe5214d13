"""Calibrated rounding: the error of each weight is made up for by those that come after it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tts_compress.methods.base import Change, Context, Deed
from tts_compress.methods.scale_sharing import ScaleSharing

if TYPE_CHECKING:
    from torch import nn

    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.calibration.calibrating import Fit
    from tts_compress.quantized import Quantized


OF_LEVELS = {"granularity", "group_size", "symmetric"}
"""Settings without effect where nothing is rounded."""


class Rounding(ScaleSharing):
    """Rounds or prunes weights, or both in one pass, so that layers say nearly what they said.

    Layer by layer, in the order of execution, the weights are chosen column by column, and what is
    off by that is fed on to the columns to come, as far as their inputs say the same: the inputs in
    the network as it has become. Biases bring the means back to what they were, but for those of an
    LSTM whose gates were factored one by one.

    Two bits and a scale for each row, so values are -scale, 0 and scale. The second and the third
    input have correlation 0.9; the second weight becomes 0, and of the third 1 + 0.9 * 1 is asked,
    which is nearer to 3 than to 0. The squared error of a row of 3, 0, 0 would be nearly thrice as
    large::

        3  1  1       3  0  3
        0 -4  1  ->   0 -4  0

    With a sparsity, the weights that leave are those that cost least, exactly floor(sparsity * n)
    of n in each tensor; what left before counts, and stays zero. Without bits, those that stay are
    not rounded. What hears nothing, such as an embedding, is rounded or pruned plainly.

    Source: Frantar et al. 2023, "GPTQ: accurate post-training quantization for generative
    pre-trained transformers", algorithm 1; Frantar and Alistarh 2023, "SparseGPT: massive language
    models can be accurately pruned in one-shot", algorithm 1, for sparsity.
    """

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "calibration"
    matrices_only: ClassVar[bool] = True
    method: Literal["rounding"] = "rounding"
    bits: int | None = Field(
        4, ge=2, le=8, description="Bits of a level; null prunes without rounding."
    )
    sparsity: float = Field(
        0, ge=0, lt=1, allow_inf_nan=False, description="Fraction of zeros in [0, 1)."
    )
    symmetric: bool = Field(True, description="Whether the range is as wide on both sides of zero.")
    damping: float = Field(
        0.01,
        ge=1e-9,
        le=1e6,
        allow_inf_nan=False,
        description="What is added to the mean square of each input, in units of their mean.",
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.bits is None and not self.sparsity:
            raise ValueError("needs bits, a sparsity, or both")
        if self.bits is None and (given := OF_LEVELS & self.model_fields_set):
            raise ValueError(f"rounds nothing without bits, got {', '.join(sorted(given))}")
        return self

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "prunes" if self.bits is None else "quantizes"

    @property
    def label(self) -> str:
        """Such as ``rounding rnn 4 bits 50 %``."""
        words = ["rounding", *self.include]
        words += [f"{self.bits} bits"] if self.bits is not None else []
        words += [f"{100 * self.sparsity:.6g} %"] if self.sparsity else []
        return " ".join(words)

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of those tensors, and of the biases that bring the means back.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        from tts_compress.methods.calibration.bias_correction import corrected_biases

        names = set(self.chosen(model))
        names |= set(corrected_biases(model, names))
        return [name for name, _ in model.named_parameters() if name in names]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Rounds or prunes the network in place and says how many weights of each tensor are zero.

        Biases only move, so that no zeros of theirs are counted.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; all was quantized before;
                there is no calibration speech.
            CheckpointError: A weight, or what a layer hears, is not finite.
        """
        from copy import deepcopy

        from tts_compress.methods.calibration.calibrating import walk
        from tts_compress.methods.calibration.hearing import evaluating, hearing
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite
        from tts_compress.methods.quantizing.rounding_fit import round_plainly

        chosen = ctx.unsettled(self.chosen(model), self)
        left = ctx.settled
        for name in chosen:
            check_finite(self.method, name, model.get_parameter(name))
        before = deepcopy(model)
        speak, positions = hearing(model, ctx.calibration(self.method), self.method)
        done: dict[str, Quantized | None] = {}
        with evaluating(model), evaluating(before):
            walk(model, before, self._fits(model, before, chosen, ctx, done), speak, positions)
        for name in chosen:
            if name not in done:
                round_plainly(name, model.get_parameter(name), self, done)
        for name, form in done.items():
            if form is not None:
                ctx.quantize(model, name, form, self.method)
        counted = {change.layer: change for change in changes_of(model, chosen)}
        changed = [name for name in self.selected(model) if name not in left]
        return tuple(counted.get(name, Change(name, None, {})) for name in changed)

    def _fits(
        self,
        model: "nn.Module",
        before: "nn.Module",
        chosen: Sequence[str],
        ctx: Context,
        done: "dict[str, Quantized | None]",
    ) -> "dict[str, list[Fit]]":
        """Gives what rounds each map that has one of the chosen weights."""
        from tts_compress.methods.calibration.affine import affine_maps
        from tts_compress.methods.quantizing.rounding_fit import RoundingFit

        known = {id(parameter): name for name, parameter in model.named_parameters()}
        found: dict[str, list[Fit]] = {}
        for layer, module in model.named_modules():
            maps = zip(affine_maps(module), affine_maps(before.get_submodule(layer)), strict=True)
            for own, was in maps:
                names = [known[id(weight)] for weight in own.weights]
                mine = [name if name in chosen else None for name in names]
                if any(mine):
                    shifts = bool(own.biases) and known[id(own.biases[0])] not in ctx.settled
                    where = self.method, layer, own, was, shifts
                    found.setdefault(layer, []).append(RoundingFit(*where, mine, self, done))
        return found
