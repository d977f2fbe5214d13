"""Recalibration: a pruned network hears calibration sentences, and what shifted is set right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.errors import RecipeError
from tts_compress.methods.base import CHANGES, SHAPES, Change, Context, Deed, Method

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


class Recalibrate(Method):
    """Makes each layer say again, as nearly as it can, what it said in the dense network.

    Put it after pruning and before `resize`. No labels and no training: the dense network speaks
    the calibration sentences, and layer by layer, in the order of execution,

    - a layer that reads units which left gets new weights for those that stay, by least squares;
    - every other layer's bias moves, so that the mean before its activation is what it was;
    - batch norms get the statistics that give their outputs the old mean and standard deviation.

    Zeros stay zero. A layer that reads two equal channels, before and after the second left::

        2 1         2 0         3 0
        1 4    ->   1 0    ->   5 0

    Source: He et al. 2017, "Channel pruning for accelerating very deep neural networks", section
    3.1.2, for least squares; Nagel et al. 2019, "Data-free quantization through weight equalization
    and bias correction", section 4.2.2, for biases.
    """

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "calibration"
    refuses: ClassVar[Mapping[Deed, str]] = {
        "quantizes": CHANGES,
        "factors": SHAPES,
        "folds": SHAPES,
        "resizes": SHAPES,
    }
    method: Literal["recalibrate"] = "recalibrate"
    ridge: float = Field(
        0.01,
        ge=1e-9,
        le=1e6,
        allow_inf_nan=False,
        description="How hard refitted weights are held at what they were, in units of the mean "
        "square of a layer's inputs.",
    )

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "mends"

    @property
    def label(self) -> str:
        """The one thing it does."""
        return "recalibrated"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that may change: of affine layers and batch norms."""
        from torch import nn

        from tts_compress.methods.calibration.affine import affine_maps

        chosen: set[str] = set()
        for name, layer in model.named_modules():
            if affine_maps(layer):
                chosen |= {f"{name}.{own}" for own, _ in layer.named_parameters()}
            elif isinstance(layer, nn.BatchNorm1d):
                chosen |= {f"{name}.running_mean", f"{name}.running_var"}
        return [name for name in model.state_dict() if name in chosen]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Recalibrates the network in place and says how many weights of each tensor are zero.

        Raises:
            RecipeError: The network reads no text, or was resized; there is no calibration speech.
            CheckpointError: A weight, or what a layer says, is not finite.
        """
        from tts_compress.architectures.fastspeech2 import FastSpeech2
        from tts_compress.architectures.tacotron2 import Tacotron2
        from tts_compress.methods.calibration.calibrating import refits, walk
        from tts_compress.methods.calibration.hearing import check_tensors, evaluating, hearing
        from tts_compress.methods.masking import changes_of

        if not isinstance(model, (Tacotron2, FastSpeech2)):
            raise RecipeError(
                f"recalibrate: needs a network that reads text, got a {model.architecture}. "
                "Recalibrate a tacotron2 or a fastspeech2."
            )
        dense = ctx.dense(self.method)
        check_tensors(model.state_dict(), dense.state_dict(), self.method)
        speak, positions = hearing(model, ctx.calibration(self.method), self.method)
        dense.to(next(model.parameters())).eval()
        with evaluating(model):
            walk(model, dense, refits(model, dense, self.ridge), speak, positions)
        return changes_of(model, self.selected(model))
