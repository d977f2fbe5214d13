"""Rate-aware quantization: what each bit changes in what the network says is worth the same."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.errors import CheckpointError
from tts_compress.methods.base import Change, Context, Quantizing

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.calibration.sensitivity import Curvature


class RateAware(Quantizing):
    """Rounds weights so that error and bits cost least together, over the whole network.

    Calibration sentences tell how a change of each weight changes what the network says, and how
    those of two weights of a tensor act together. Steps are small where much depends on weights;
    then each weight gets the level that costs least: the squared change, plus its length in bits
    times `rate_weight`. Errors are made up for by the weights after them in the row and column.
    What hardly matters becomes zero by itself; what was pruned stays zero.

    Rows that matter equally, and columns of which the first matters 16 times as much as the second,
    so that steps are 0.5 in one and 2 in the other::

        0.9  2.2       1    2
        0.4 -0.3  ->   0.5  0

    Source: Tseng et al. 2025, "Model-preserving adaptive rounding", for curvature and the errors
    that are made up for; Wiedemann et al. 2020, "DeepCABAC", section III, for lengths in the choice
    of levels.
    """

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "calibration"
    method: Literal["rate_aware"] = "rate_aware"
    include: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of tensors; all that is trained where left out."
    )
    vectors: bool = Field(
        True, description="Whether include and exclude also match biases and normalisation."
    )
    rate_weight: float = Field(
        0.003,
        gt=0,
        le=1e6,
        allow_inf_nan=False,
        description="How much one bit a weight is worth in what is said: in mean squared changes "
        "of each kind of output, in its variances, added up. From 0.0001 to 0.1 is useful.",
    )

    @property
    def label(self) -> str:
        """Such as ``rate_aware 0.003``."""
        return f"rate_aware {self.rate_weight:.6g}"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that are quantized.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        return self.chosen(model, self.vectors)

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Quantizes the network in place and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; all was quantized before;
                there is no calibration speech.
            CheckpointError: A weight, the calibration speech, or what a weight changes in it, is
                not finite.
        """
        from tts_compress.methods.calibration.hearing import check_speech, hearing_key
        from tts_compress.methods.calibration.sensitivity import curvatures
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite
        from tts_compress.methods.quantizing.allocation import scaled

        names = ctx.unsettled(self.selected(model), self)
        tensors = {name: model.get_parameter(name) for name in names}
        for name, tensor in tensors.items():
            check_finite(self.method, name, tensor)
        spoken = ctx.calibration(self.method)
        check_speech(spoken, self.method)
        key = (self.method, *names, *hearing_key(model.state_dict(), spoken))
        found = ctx.memory.remember(key, lambda: curvatures(model, spoken, names))
        for name, curvature in found.items():
            _check_curvature(name, curvature)
        bit = self.rate_weight / sum(tensor.numel() for tensor in tensors.values())
        for name, tensor in tensors.items():
            ctx.quantize(model, name, scaled(tensor, found.get(name), bit), self.method)
        return changes_of(model, names)


def _check_curvature(name: str, curvature: "Curvature") -> None:
    if not all(bool(part.isfinite().all()) for part in (curvature.rows, curvature.columns)):
        raise CheckpointError(
            f"rate_aware: what {name!r} changes in what is said of the calibration sentences is "
            "not finite, got NaN or infinity. Use a checkpoint from before the training diverged."
        )
