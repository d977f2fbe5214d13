"""Narrow floating-point types: float16 and bfloat16."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Change, Context, Quantizing
from tts_compress.methods.selection import select

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture


class Narrow(Quantizing):
    """Rounds numbers to those of a floating-point type of 16 bits, which the file stores.

    Where nothing is included, that is all which no earlier stage quantized, nor the file that the
    model comes from: weights, biases, normalisation and the statistics of batch norms. No later
    stage changes them. With bfloat16::

        0.1     1.001          0.10009765625   1
        -3.0    70000    ->    -3              70144

    A variance never becomes zero.

    Source: Kalamkar et al. 2019, "A study of bfloat16 for deep learning training", section 2;
    Micikevicius et al. 2018, "Mixed precision training", section 3, for float16.
    """

    method: Literal["narrow"] = "narrow"
    include: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of tensors; everything where left out."
    )
    dtype: Literal["bfloat16", "float16"] = Field(
        "float16",
        description="float16 is eight times as fine, and holds no more than 65504; bfloat16 takes "
        "fewer bytes once coded.",
    )

    @property
    def label(self) -> str:
        """The type, and what is included."""
        return " ".join((self.dtype, *self.include))

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that are rounded.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        tensors = {
            name: tensor
            for name, tensor in model.state_dict().items()
            if name in trained or name.endswith((".running_mean", ".running_var"))
        }
        where = self.include, self.exclude, self.method
        return select(tensors, model.groups, *where, vectors=True)

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Rounds the network in place and says how many numbers of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; all was quantized before;
                the type cannot hold a number.
            CheckpointError: A number is NaN or infinite.
        """
        from tts_compress.methods.masking import changes_of

        stored = frozenset() if self.include else ctx.stored
        names = ctx.unsettled(self.selected(model), self, stored)
        tensors = model.state_dict()
        for name in names:
            tensors[name].copy_(self._rounded(name, tensors[name]))
        ctx.narrowed.update(names)
        return changes_of(model, names)

    def _rounded(self, name: str, tensor: "Tensor") -> "Tensor":
        import torch

        from tts_compress.methods.precision import check_finite

        check_finite(self.method, name, tensor)
        dtype: torch.dtype = getattr(torch, self.dtype)
        rounded = tensor.to(dtype)
        if not bool(rounded.isfinite().all()):
            raise RecipeError(
                f"{self.method}: {name!r} has values that {self.dtype} cannot hold, got "
                f"{float(tensor.abs().max()):.6g}. "
                + ("Use bfloat16." if self.dtype == "float16" else "Exclude it.")
            )
        if name.endswith(".running_var"):
            info = torch.finfo(dtype)
            smallest = info.smallest_normal * info.eps
            rounded = torch.where((tensor > 0) & (rounded == 0), smallest, rounded)
        return rounded.to(tensor.dtype)
