"""Recalibration: a pruned network hears calibration sentences, and what shifted is set right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import CHANGES, SHAPES, Change, Context, Deed, Method

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.architectures.following import Spoken


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
        "resizes": SHAPES,
    }
    method: Literal["recalibrate"] = "recalibrate"
    ridge: float = Field(
        0.01,
        gt=0,
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

        from tts_compress.methods.affine import affine_maps

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
        from tts_compress.architectures.following import follow
        from tts_compress.architectures.tacotron2 import Tacotron2
        from tts_compress.methods.calibrating import SpokenPositions, refits, walk
        from tts_compress.methods.masking import changes_of

        if not isinstance(model, (Tacotron2, FastSpeech2)):
            raise RecipeError(
                f"recalibrate: needs a network that reads text, got a {model.architecture}. "
                "Recalibrate a tacotron2 or a fastspeech2."
            )
        dense = ctx.dense(self.method)
        _check_tensors(model.state_dict(), dense.state_dict())
        spoken = ctx.calibration(self.method)
        _check_speech(spoken)
        weight = next(model.parameters())
        dense.to(weight).eval()
        training = model.training
        model.eval()
        walk(
            model,
            dense,
            refits(model, dense, self.ridge),
            lambda network: follow(network, spoken),
            SpokenPositions.of(model, spoken),
        )
        model.train(training)
        return changes_of(model, self.selected(model))


def _check_tensors(tensors: "Mapping[str, Tensor]", dense: "Mapping[str, Tensor]") -> None:
    for name, tensor in tensors.items():
        shape, before = tuple(tensor.shape), tuple(dense[name].shape)
        if shape != before:
            raise RecipeError(
                f"recalibrate: {name!r} has shape {shape}, the dense network's has {before}, "
                "got a resized network. Put recalibrate before resize."
            )
        if not bool(tensor.isfinite().all()):
            raise CheckpointError(
                f"recalibrate: {name!r} has values that are not finite, got "
                f"{int((~tensor.isfinite()).sum())} such of {tensor.numel()}. "
                "Use a checkpoint from before the training diverged."
            )


def _check_speech(spoken: "Sequence[Spoken]") -> None:
    from tts_compress.methods.calibrating import n_frames

    if not any(n_frames(speech) for speech in spoken):
        raise RecipeError(
            "recalibrate: the dense network says nothing of the calibration sentences, got "
            f"{len(spoken)} sentences of 0 frames in all. Give it sentences that it can speak."
        )
    for number, speech in enumerate(spoken, 1):
        if not bool(speech.mel.isfinite().all()):
            raise CheckpointError(
                f"recalibrate: the dense network's speech of calibration sentence {number} is not "
                f"finite, got {int((~speech.mel.isfinite()).sum())} such values of "
                f"{speech.mel.numel()}. Use a checkpoint from before the training diverged."
            )
