"""Fine-tuning: the training that made the voice goes on, and what was pruned stays zero."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Change, Context, Deed, Method

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture


class Finetune(Method):
    """Trains what is left of the network to make up for what was taken out.

    The losses are those that the voice was trained with. The recipe's `training:` says on what:
    texts, which the dense network reads aloud to the smaller one, or a corpus of recordings. Every
    weight of two axes or more that is exactly zero, and all that removed units own, stays zero.
    With w a weight and b the bias of two units of which the second was removed, a step of 0.1
    against the gradient g gives::

        w            b        g(w)         g(b)        w              b
        3  0  2      1        1  5  0      2           2.9  0  2      0.8
        0  0  0      0        7  1  1      4           0    0  0      0

    There is no dropout, and BatchNorms keep their statistics: in a few hundred steps their noise
    costs more than it saves. The learning rate rises to its peak and falls again, down to a
    hundredth at the end. A training that was stopped goes on, on the CPU as if it had not been.
    Where `minutes` end it, how many steps are taken depends on the machine.

    Source: Han et al. 2015, "Learning both weights and connections for efficient neural networks",
    section 3.
    """

    needs: ClassVar[Literal["training"]] = "training"
    method: Literal["finetune"] = "finetune"
    steps: int = Field(200, ge=1, description="Steps to train.", examples=[2])
    minutes: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Time that ends it, even if steps are left."
    )
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="Peak of AdamW's learning rate."
    )
    warmup: int = Field(20, ge=0, description="Steps over which the learning rate rises.")
    batch_size: int = Field(8, ge=1, description="Sentences a step.")
    seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of the order of sentences, and of dropout."
    )
    precision: Literal["bfloat16", "float32"] = Field(
        "bfloat16", description="How layers multiply; weights stay in float32."
    )

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "mends"

    @property
    def label(self) -> str:
        """Name and length, such as ``finetune 200 steps``."""
        limit = "" if self.minutes is None else f" or {self.minutes:.6g} min"
        return f"finetune {self.steps} steps{limit}"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of all parameters that are trained."""
        return [name for name, p in model.named_parameters() if p.requires_grad]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Trains the network in place, and says how many weights of each tensor are zero now.

        Seconds and steps of several such stages are added up in ``ctx.measures``.

        Raises:
            RecipeError: The recipe names nothing to train on.
        """
        from tts_compress.methods.masking import changes_of

        if ctx.finetuner is None:
            raise RecipeError(
                f"{self.method}: needs something to train on, got none. Name a file of sentences, "
                "or a corpus, as 'training:' in the recipe."
            )
        names = self.selected(model)
        for name, value in ctx.finetuner(model, self).items():
            ctx.measures[name] = ctx.measures.get(name, 0) + value
        return changes_of(model, names)
