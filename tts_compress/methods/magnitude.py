"""Magnitude pruning: the weights nearest to zero become zero."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tts_compress.methods.base import Change, Context, Selecting

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.pruning.ranking import MagnitudeRanking


class Magnitude(Selecting):
    """Sets the smallest weights to zero, exactly floor(sparsity * n) of n.

    Sparsity 0.34 of 9 weights takes 3; of equal ones, the first in the tensor go::

        3 -1  2        3  0  2
        1 -5  1   ->   0 -5  0
        4  1  6        4  1  6

    What an earlier stage pruned counts, and stays zero. Across tensors, ties fall in the order of
    the network's state dict.

    Source: Han et al. 2015, "Learning both weights and connections for efficient neural networks",
    section 3, without retraining.
    """

    method: Literal["magnitude"] = "magnitude"
    scope: Literal["global", "tensor"] = Field(
        "global", description="Whether weights are ranked over all tensors together, or in each."
    )
    sparsity: float = Field(
        ge=0, lt=1, allow_inf_nan=False, description="Fraction of zeros in [0, 1)."
    )

    @property
    def label(self) -> str:
        """Name and sparsity, such as ``magnitude 40 %``."""
        return f"magnitude {100 * self.sparsity:.6g} %"

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Prunes the network in place and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
            CheckpointError: A weight is NaN or infinite.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.pruning.ranking import fingerprint, prune

        weights: dict[str, Tensor] = {
            name: model.get_parameter(name) for name in self.selected(model)
        }
        key = (self.method, self.scope, fingerprint(weights))
        for part, ranking in ctx.memory.remember(key, lambda: self._rank(weights)):
            prune({name: weights[name] for name in part}, ranking.cut(self.sparsity))
        return changes_of(model, list(weights))

    def _rank(
        self, weights: "dict[str, Tensor]"
    ) -> "list[tuple[tuple[str, ...], MagnitudeRanking]]":
        """Ranks all weights together, or those of each tensor."""
        from tts_compress.methods.pruning.ranking import MagnitudeRanking

        parts = [tuple(weights)] if self.scope == "global" else [(name,) for name in weights]
        return [(part, MagnitudeRanking({name: weights[name] for name in part})) for part in parts]
