"""Multi-bit quantization: weights as sums of a few binary tensors, each times a scale."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tts_compress.methods.base import Change, Context
from tts_compress.methods.scale_sharing import ScaleSharing

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.quantized import MultiBit as MultiBitForm


class MultiBit(ScaleSharing):
    """Makes each weight the sum of a few scales, each added or taken away: a bit says which.

    With 2 bits and the scales 3.5 and 5 in the first row, 2 and 4 in the second, rows have the
    values -8.5, -1.5, 1.5 and 8.5, and -6, -2, 2 and 6::

        9  1  2 -8         8.5  1.5  1.5 -8.5
        5  3 -1 -7   ->    6    2   -2   -6

    What is zero is pruned, has no bits and stays zero. Products with such weights are additions,
    which is why recurrent networks are given them.

    Source: Guo et al. 2017, "Network sketching: exploiting binary structure in deep CNNs",
    algorithm 1, for greedy scales; Xu et al. 2018, "Alternating multi-bit quantization for
    recurrent neural networks", section 3, for scales that are least squares in turn with the
    nearest codes.
    """

    method: Literal["multibit"] = "multibit"
    bits: int = Field(ge=1, le=4, description="Bits of a weight: how many scales it is made of.")
    scales: Literal["alternating", "greedy"] = Field(
        "alternating",
        description="How scales are found: one after the other, or from there in turn with codes.",
    )

    @property
    def label(self) -> str:
        """Such as ``multibit rnn 3 bits``."""
        return f"multibit{self.where} {self.bits} bit{'s' if self.bits > 1 else ''}"

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Quantizes the network in place and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: An entry of include or exclude matches nothing; all was quantized before.
            CheckpointError: A weight is NaN or infinite.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.precision import check_finite

        names = ctx.unsettled(self.selected(model), self)
        for name in names:
            check_finite(self.method, name, model.get_parameter(name))
        for name in names:
            form = self._quantized(model.get_parameter(name))
            ctx.quantize(model, name, form, self.method)
        return changes_of(model, names)

    def _quantized(self, weight: "Tensor") -> "MultiBitForm":
        from tts_compress.methods.quantizing import binary_codes
        from tts_compress.methods.quantizing.granularity import Sharing
        from tts_compress.quantized import MultiBit as MultiBitForm

        sharing = Sharing.of(weight.shape, self.granularity, self.group_size)
        parts = sharing.split(weight.detach().double().cpu())
        find = binary_codes.greedy if self.scales == "greedy" else binary_codes.alternating
        scales = find(parts, self.bits)
        signed = binary_codes.codes(parts, scales) - 2 ** (self.bits - 1)
        levels = (signed + (signed >= 0)) * (parts != 0)  # no code is the level 0
        tables = scales.T.reshape(self.bits, *sharing.table).float()
        return MultiBitForm(sharing.join(levels).short(), tables)
