"""Codebook quantization: each weight becomes the nearest of a few values that fit its tensor."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Change, Context, Quantizing

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.quantized import Codebook as CodebookForm


class Codebook(Quantizing):
    """Rounds weights to the entries of a table, whose squared error is the least there is.

    One entry is zero, so that pruned weights stay zero; the others are the means of the weights
    that are nearest to them. With 2 bits there are three beside the zero::

        0.25  1.75 -3.00        0  2 -3
        5.00  2.25 -0.25   ->   5  2  0
        0.00 -3.00  5.00        0 -3  5

    Source: Han et al. 2016, "Deep compression: compressing deep neural networks with pruning,
    trained quantization and Huffman coding", section 3, without retraining; Choi et al. 2017,
    "Towards the limit of network quantization", section 3, for importance by the diagonal of the
    Hessian, in whose place here is that of the Fisher matrix.
    """

    method: Literal["codebook"] = "codebook"
    bits: int = Field(ge=1, le=8, description="A table has 2^bits entries, with the zero.")
    granularity: Literal["tensor", "group"] = Field(
        "tensor", description="Whether a table is that of a tensor, or of a group of its rows."
    )
    rows_per_table: int | None = Field(
        None,
        ge=1,
        description="Most rows of a group, with granularity group; groups are as even as can be.",
    )
    importance: Literal["none", "activations", "fisher"] = Field(
        "none",
        description="What the squared error of a weight is multiplied by: nothing, the mean square "
        "of its input, or what it changes in the speech; the latter need calibration sentences.",
    )
    table: Literal["float16", "int8"] = Field(
        "float16", description="Type of a table's entries; int8 times a power of two."
    )

    @model_validator(mode="after")
    def _rows_of_groups(self) -> Self:
        if (self.granularity == "group") != (self.rows_per_table is not None):
            raise ValueError(
                "needs rows_per_table with granularity group, and only then, got granularity "
                f"{self.granularity} and rows_per_table {self.rows_per_table}"
            )
        return self

    @property
    def needs(self) -> Literal["nothing", "calibration", "training"]:  # type: ignore[override]
        """Calibration where weights differ in importance."""
        return "nothing" if self.importance == "none" else "calibration"

    @property
    def label(self) -> str:
        """Such as ``codebook 4 bits`` or ``codebook rnn 4 bits by fisher``."""
        by = "" if self.importance == "none" else f" by {self.importance}"
        return f"codebook{self.where} {self.bits} bits{by}"

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Quantizes the network in place and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; earlier stages quantized
                all; a weight is too large for a table; there is no calibration speech.
            CheckpointError: A weight, what a layer hears, or what a weight changes in the speech,
                is not finite.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite

        names = ctx.unsettled(self.selected(model), self)
        for name in names:
            check_finite(self.method, name, model.get_parameter(name))
            self._check_size(name, model.get_parameter(name))
        importances = self._importances(model, ctx)
        for name in [name for name in names if name in importances]:
            check_finite(f"{self.method}: importance", name, importances[name])
        for name in names:
            weight = model.get_parameter(name)
            form = self._quantized(weight, importances.get(name))
            ctx.quantize(model, name, form, self.method)
        return changes_of(model, names)

    def _check_size(self, name: str, weight: "Tensor") -> None:
        from tts_compress.methods.quantizing.clustering import LARGEST

        largest = float(weight.detach().abs().max())
        if largest > LARGEST:
            raise RecipeError(
                f"{self.method}: {name!r} has values that tables cannot hold, got {largest:.6g}. "
                "Exclude it."
            )

    def _quantized(self, weight: "Tensor", importance: "Tensor | None") -> "CodebookForm":
        from tts_compress.methods.quantizing.clustering import codebook
        from tts_compress.quantized import matrix_shape

        rows, _ = matrix_shape(weight.shape)
        n_tables = -(-rows // (self.rows_per_table or rows))
        return codebook(weight, 2**self.bits, n_tables, self.table, importance)

    def _importances(self, model: "Architecture", ctx: Context) -> "dict[str, Tensor]":
        """Gives the importance of each weight, by name of the tensor; of some tensors, or none."""
        from tts_compress.methods.calibration.hearing import check_speech, hearing_key
        from tts_compress.methods.calibration.second_moments import weight_moments
        from tts_compress.methods.calibration.sensitivity import diagonal

        if self.importance == "none":
            return {}
        spoken = ctx.calibration(self.method)
        check_speech(spoken, self.method)

        def measure() -> "dict[str, Tensor]":
            if self.importance == "fisher":
                return diagonal(model, spoken)
            return weight_moments(model, spoken, self.method)

        key = (self.importance, *hearing_key(model.state_dict(), spoken))
        return ctx.memory.remember(key, measure)
