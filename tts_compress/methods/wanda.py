"""Wanda: the weights that say least of what is heard become zero."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.methods.base import Change, Context, Selecting

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


class Wanda(Selecting):
    """Prunes by magnitude times the norm of the input, exactly floor(sparsity * n) of each tensor.

    No weight that stays is changed. Inputs of norms 1, 4 and 2, a third of each row; by magnitude
    alone, the weights of magnitude 1 would leave::

        3 -1  2        0 -1  2
        6  1 -4   ->   6  0 -4

    What an earlier stage pruned counts, and stays zero: rows of which more left than now shall lose
    no more, others lose less. Weights of which nothing is heard, such as an embedding's, are ranked
    by magnitude. Of equal scores, the first go.

    Source: Sun et al. 2023, "A simple and effective pruning approach for large language models",
    eq. 1 and section 3.
    """

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "calibration"
    matrices_only: ClassVar[bool] = True
    method: Literal["wanda"] = "wanda"
    scope: Literal["row", "tensor"] = Field(
        "row",
        description="Whether weights are ranked in each row, what one output reads, or over all of "
        "a tensor.",
    )
    sparsity: float = Field(
        ge=0, lt=1, allow_inf_nan=False, description="Fraction of zeros in [0, 1)."
    )

    @property
    def label(self) -> str:
        """Name and sparsity, such as ``wanda 40 %``."""
        return f"wanda {100 * self.sparsity:.6g} %"

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Prunes the network in place and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; there is no calibration
                speech.
            CheckpointError: A weight, or what a layer hears, is not finite.
        """
        from tts_compress.methods.calibration.hearing import hearing_key
        from tts_compress.methods.calibration.second_moments import weight_moments
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite
        from tts_compress.methods.pruning.scored import prune_lowest

        names = self.selected(model)
        spoken = ctx.calibration(self.method)
        key = ("activations", *hearing_key(model.state_dict(), spoken))
        moments = ctx.memory.remember(key, lambda: weight_moments(model, spoken, self.method))
        outputs = _output_axes(model)
        for name in names:
            weight = model.get_parameter(name)
            check_finite(self.method, name, weight)
            scores = weight.detach().double().abs()
            if name in moments:
                scores = scores * moments[name].sqrt()
            axis = outputs.get(id(weight), 0) if self.scope == "row" else None
            prune_lowest(weight, scores, self.sparsity, axis)
        return changes_of(model, names)


def _output_axes(model: "Architecture") -> dict[int, int]:
    """Gives the axis of each affine map's weight that counts what it says, by identity."""
    from tts_compress.methods.calibration.affine import affine_maps

    return {
        id(weight): int(own.transposed)
        for layer in model.modules()
        for own in affine_maps(layer)
        for weight in own.weights
    }
