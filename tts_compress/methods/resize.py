"""Resizing: what is masked leaves, and the network is the same class with smaller settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from tts_compress.errors import RecipeError
from tts_compress.methods.base import (
    CHANGES,
    SHAPES,
    Change,
    Context,
    Deed,
    Method,
    check_no_factors,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture


class Resize(Method):
    """Takes out every unit that changes nothing; what the network says stays what it was.

    That is every unit that a stage masked, and each that zeros make useless: whose inputs are all
    pruned, whose outputs nobody reads, or which says the same everywhere, which moves into the next
    bias. One unit of each layer stays. A layer of three channels and the layer that reads them::

        1 2    5 0 1           1 2    5 1
        0 0    7 0 1    ->     3 4    7 1
        3 4

    Source: FluxPrune.jl, for zeros that take their neighbours with them; Wen et al. 2018, "Learning
    intrinsic sparse structures within LSTMs".
    """

    refuses: ClassVar[Mapping[Deed, str]] = {"quantizes": CHANGES, "factors": SHAPES}
    method: Literal["resize"] = "resize"

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "resizes"

    @property
    def label(self) -> str:
        """The one thing it does."""
        return "resized"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that may become smaller."""
        owned = {m.tensor for c in model.couplings() if c.kind != "fixed" for m in c}
        return [name for name in model.state_dict() if name in owned]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Resizes the network in place and gives the shape of each tensor now.

        Raises:
            RecipeError: What an earlier stage took out is not zero any more; weights are factors.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.rebuilding.cutting import resized
        from tts_compress.methods.rebuilding.propagation import propagate

        check_no_factors(model, self.method)
        tensors = model.state_dict()
        _check_masks(model, tensors, ctx)
        removed = propagate(tensors, model.couplings())
        model.become(resized(model, removed))
        ctx.removed.clear()
        smaller = model.state_dict()
        return tuple(
            Change(change.layer, {"shape": list(smaller[change.layer].shape)}, change.stats)
            if smaller[change.layer].shape != tensors[change.layer].shape
            else change
            for change in changes_of(model, self.selected(model))
        )


def _check_masks(model: "Architecture", tensors: "dict[str, Tensor]", ctx: Context) -> None:
    from tts_compress.methods.masking import masked

    for coupling in model.couplings():
        gone = ctx.removed.get(coupling.name)
        if gone is None:
            continue
        broken = gone & ~masked(tensors, coupling)
        if bool(broken.any()):
            raise RecipeError(
                f"resize: {int(broken.sum())} of {int(gone.sum())} masked units of "
                f"{coupling.name!r} are not zero any more, got unit {int(broken.nonzero()[0])}. "
                "Put resize before the stage that changed them."
            )
