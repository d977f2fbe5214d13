"""Folding: batch norms move into the convolutions before them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from tts_compress.errors import RecipeError
from tts_compress.methods.base import CHANGES, Change, Context, Deed, Method

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


class Fold(Method):
    """Leaves batch norms that say what they hear, and convolutions that do their work.

    The network and what it says stay the same, but there are four vectors less to store for each
    convolution: all batch norms are as those of a new network, which a file needs no bytes for. Put
    it after all that compares layers with those of the dense network, and before quantization.
    With w a filter and b its bias, of two channels, the second with a variance of 4::

        w         b    scale  shift  mean  variance         w         b    scale  shift  mean  v.
        1  2      0    3      1      0     1          ->    3  6      1    1      0      0     1
        4  0      1    1      0      3     4                2  0     -1    1      0      0     1

    where an `eps` of 0 is assumed. A channel that says zero everywhere keeps a scale of zero, so
    that `resize` still takes it out.

    Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", section 3.2.
    """

    refuses: ClassVar[Mapping[Deed, str]] = {
        "quantizes": CHANGES,
        "folds": "no batch norm is left to be folded",
    }
    method: Literal["fold"] = "fold"

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "folds"

    @property
    def label(self) -> str:
        """The one thing it does."""
        return "folded"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors of batch norms and of the convolutions before them.

        Raises:
            RecipeError: The network has no batch norm.
        """
        from tts_compress.methods.rebuilding.folding import convolutions

        chosen = {name for pair in convolutions(model) for name in pair.names}
        if not chosen:
            raise RecipeError(
                f"{self.method}: needs batch norms, got a {model.architecture}, which has none. "
                "Remove the stage."
            )
        return [name for name in model.state_dict() if name in chosen]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Folds the network in place and says how many numbers of each tensor are zero.

        Raises:
            RecipeError: The network has no batch norm.
            CheckpointError: A number is NaN or infinite.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite
        from tts_compress.methods.rebuilding.folding import convolutions

        names, tensors = self.selected(model), model.state_dict()
        for name in names:
            check_finite(self.method, name, tensors[name])
        for pair in convolutions(model):
            pair.fold()
        return changes_of(model, names)
