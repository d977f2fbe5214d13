"""Uniform quantization: evenly spaced values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Change, Context
from tts_compress.methods.scale_sharing import ScaleSharing, only_with

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.quantized import Uniform as UniformForm


class Uniform(ScaleSharing):
    """Rounds weights to evenly spaced values, of which zero is one.

    Symmetric, 2 bits and one scale a row: the values are -scale, 0 and scale, where the scale is
    that of the least squared error, while with `range: minmax` it is the largest magnitude::

        4  3 -1             3.5  3.5  0
        0  1 -6      ->     0    0   -6

    Not symmetric, there is one value more, and the range need not be as wide on both sides: with
    minmax it reaches from the smallest weight to the largest. Scales are rounded to bfloat16. With
    bias correction, the biases of the layers whose weights are quantized move, so that the mean of
    what each says of the calibration sentences is what it was before; layer by layer, each in the
    network that is quantized up to it. Were these inputs 1 on average, the sums of the rows would
    count, and biases would move by -1 and 1.

    Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", section 2.1; Choukroun et al. 2019, "Low-bit quantization of
    neural networks for efficient inference", section 3.2, for ranges of least squared error; Nagel
    et al. 2019, "Data-free quantization through weight equalization and bias correction", section
    4.2, for biases.
    """

    method: Literal["uniform"] = "uniform"
    vectors: bool = Field(
        False, description="Whether include and exclude also match biases and normalisation."
    )
    bits: int = Field(ge=2, le=8, description="Bits of a level.")
    symmetric: bool = Field(True, description="Whether the range is as wide on both sides of zero.")
    range: Literal["mse", "minmax", "percentile"] = Field(
        "mse", description="How far values reach; mse is the least squared error."
    )
    percentile: Annotated[float | None, only_with("range", "percentile", 99.9)] = Field(
        None,
        gt=50,
        le=100,
        allow_inf_nan=False,
        validate_default=True,
        description="Per cent of weights other than zero within the range 'percentile'; 99.9 where "
        "left out.",
    )
    bias_correction: bool = Field(
        False,
        description="Whether biases make up for the mean error, by calibration sentences; those of "
        "LSTMs whose gates were factored one by one (low_rank, lstm: gates) stay as they are.",
    )

    @property
    def needs(self) -> Literal["nothing", "calibration", "training"]:  # type: ignore[override]
        """Calibration for the correction of biases."""
        return "calibration" if self.bias_correction else "nothing"

    @property
    def label(self) -> str:
        """Such as ``uniform rnn 4 bits``."""
        return f"uniform{self.where} {self.bits} bits"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that are quantized, and of biases that are corrected.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; no bias is to be corrected.
        """
        return self._changed(model, self.chosen(model, self.vectors))

    def _changed(self, model: "Architecture", rounded: Sequence[str]) -> list[str]:
        from tts_compress.methods.calibration.bias_correction import corrected_biases

        names = set(rounded)
        if self.bias_correction:
            biases = corrected_biases(model, names)
            if not biases:
                raise RecipeError(
                    f"{self.method}: bias_correction needs layers with biases, got none beside "
                    f"{rounded[0]!r}. Remove it, or include other tensors."
                )
            names |= set(biases)
        return [name for name, _ in model.named_parameters() if name in names]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Quantizes the network in place and says how many weights of each tensor are zero now.

        Biases are corrected after weights are quantized, and before vectors are.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; all was quantized before;
                there is no calibration speech.
            CheckpointError: A weight is NaN or infinite.
        """
        from copy import deepcopy

        from tts_compress.methods.calibration.bias_correction import correct_biases
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite

        names = ctx.unsettled(self.chosen(model, self.vectors), self)
        changed = [n for n in self._changed(model, names) if n not in ctx.settled]
        tensors = {name: model.get_parameter(name) for name in names}
        for name, tensor in tensors.items():
            check_finite(self.method, name, tensor)
        weights = [name for name in names if tensors[name].dim() > 1]
        vectors = [name for name in names if tensors[name].dim() <= 1]
        before = deepcopy(model) if self.bias_correction else None
        for name in weights:
            ctx.quantize(model, name, self._quantized(tensors[name]), self.method)
        if before is not None:
            correct_biases(model, before, set(weights), ctx, self.method)
        for name in vectors:
            ctx.quantize(model, name, self._quantized(tensors[name]), self.method)
        return changes_of(model, changed)

    def _quantized(self, weight: "Tensor") -> "UniformForm":
        from tts_compress.methods.quantizing import ranges
        from tts_compress.methods.quantizing.granularity import Sharing
        from tts_compress.quantized import Uniform as UniformForm

        sharing = Sharing.of(weight.shape, self.granularity, self.group_size)
        parts = sharing.split(weight.detach().double().cpu())
        if self.percentile is not None:
            ends = ranges.percentiles(parts, self.percentile, self.symmetric)
            grid = ranges.grid(*ends, self.bits, self.symmetric)
        elif self.range == "minmax":
            grid = ranges.grid(*ranges.minmax(parts), self.bits, self.symmetric)
        else:
            grid = ranges.least_squares(parts, self.bits, self.symmetric)
        levels = sharing.join(grid.levels(parts)).short()
        return UniformForm(levels, grid.scale.reshape(sharing.table).float())
