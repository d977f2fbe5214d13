"""Reconstruction: the weights that pruning left are fitted to what the dense network said."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.methods.base import CHANGES, SHAPES, Change, Context, Deed, Method

if TYPE_CHECKING:
    from torch import nn

    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.calibration.calibrating import Fit


class Reconstruct(Method):
    """Fits each layer's weights that are left, and its bias, to what the layer said when dense.

    Put it after pruning, of single weights too. No labels and no gradients: the dense network
    speaks the calibration sentences; then layer by layer, in the order of execution, each row gets
    the weights that bring it nearest to what it said, by exact least squares on what the layer
    hears in the network as it has become. LSTM cells are fitted with the dense network's states.

    Zeros stay zero. Of two inputs of variance 1 and correlation 0.5, the weights that are left take
    over half of those that left::

        2 1        2.5 0
        0 4   ->   0   4
        4 2        0   4

    Source: Hubara et al. 2021, "Accelerated sparse neural training: a provable and efficient method
    to find N:M transposable masks", section 6, and Kwon et al. 2022, "A fast post-training pruning
    framework for transformers", section 4.3, for least squares on what masks left; He et al. 2017,
    "Channel pruning for accelerating very deep neural networks", section 3.2, for inputs of the
    pruned and outputs of the dense network.
    """

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "calibration"
    refuses: ClassVar[Mapping[Deed, str]] = {
        "quantizes": CHANGES,
        "factors": SHAPES,
        "folds": SHAPES,
        "resizes": SHAPES,
    }
    method: Literal["reconstruct"] = "reconstruct"
    ridge: float = Field(
        0.01,
        ge=1e-9,
        le=1e6,
        allow_inf_nan=False,
        description="How hard weights are held at what they were, in units of the mean square of a "
        "layer's inputs.",
    )

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "mends"

    @property
    def label(self) -> str:
        """The one thing it does."""
        return "reconstructed"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that may change: those of affine layers."""
        from tts_compress.methods.calibration.affine import affine_maps

        chosen: set[str] = set()
        for name, layer in model.named_modules():
            if affine_maps(layer):
                chosen |= {f"{name}.{own}" for own, _ in layer.named_parameters()}
        return [name for name in model.state_dict() if name in chosen]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Reconstructs the network in place and says how many weights of each tensor are zero.

        Raises:
            RecipeError: The network was resized; there is no calibration speech.
            CheckpointError: A weight, or what a layer says, is not finite.
        """
        from tts_compress.methods.calibration.calibrating import walk
        from tts_compress.methods.calibration.hearing import check_tensors, evaluating, hearing
        from tts_compress.methods.masking import changes_of

        dense = ctx.dense(self.method)
        check_tensors(model.state_dict(), dense.state_dict(), self.method)
        dense.to(next(model.parameters())).eval()
        speak, positions = hearing(model, ctx.calibration(self.method), self.method)
        with evaluating(model):
            walk(model, dense, self._fits(model, dense), speak, positions)
        return changes_of(model, self.selected(model))

    def _fits(self, model: "nn.Module", dense: "nn.Module") -> "dict[str, list[Fit]]":
        from tts_compress.methods.calibration.affine import affine_maps
        from tts_compress.methods.calibration.masked_fit import MaskedRefit

        found: dict[str, list[Fit]] = {}
        for name, layer in model.named_modules():
            maps = zip(affine_maps(layer), affine_maps(dense.get_submodule(name)), strict=True)
            for own, was in maps:
                shifts = bool(own.biases)
                fit = MaskedRefit(self.method, name, own, was, shifts, ridge=self.ridge)
                found.setdefault(name, []).append(fit)
        return found
