"""Structured pruning: whole heads, channels and units leave, with every weight that is theirs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tts_compress.errors import RecipeError, nearest
from tts_compress.methods.base import (
    CHANGES,
    SHAPES,
    Change,
    Context,
    Deed,
    Method,
    check_no_factors,
)
from tts_compress.methods.selection import groups_of, matches

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.architectures.couplings import Coupling

CALIBRATED = ("taylor", "sensitivity")


class Structured(Method):
    """Masks units: all weights that a unit owns become zero, and stay so.

    The network keeps its shape, so that it can be compared, recalibrated and fine-tuned; the stage
    `resize` then takes the zeros out. A coupling of two units, of which the second is smaller::

        makes   reads          makes   reads
        1 2     5 1            1 2     5 0
        1 0     7 2     ->     0 0     7 0

    Source: Li et al. 2017, "Pruning filters for efficient ConvNets", for whole filters.
    """

    kind: ClassVar[Literal["heads", "channels", "units"]]
    refuses: ClassVar[Mapping[Deed, str]] = {
        "quantizes": CHANGES,
        "factors": SHAPES,
        "folds": SHAPES,
    }

    include: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of couplings; all of this kind where left out."
    )
    exclude: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of couplings that are left as they are."
    )
    scope: Literal["global", "layer"] = Field(
        "layer", description="Whether units are ranked over all layers together, or in each."
    )
    sparsity: float | None = Field(
        None,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Fraction of units that leave, in [0, 1).",
        examples=[0.5],
    )
    keep: int | None = Field(
        None, ge=1, description="Units that stay, in each layer or, of scope global, in all."
    )
    multiple_of: int = Field(
        1, ge=1, description="Widths become a multiple of this, rounded up; 8 or 16 suit SIMD."
    )
    minimum: int = Field(1, ge=1, description="Units that each layer keeps at least.")
    score: str = Field("l2", description="What ranks units.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.sparsity is None) == (self.keep is None):
            raise ValueError("needs exactly one of sparsity and keep")
        return self

    @property
    def needs(self) -> Literal["nothing", "calibration", "training"]:  # type: ignore[override]
        """Calibration for the scores that look at gradients."""
        return "calibration" if self.score in CALIBRATED else "nothing"

    @property
    def label(self) -> str:
        """Such as ``channels ffn 50 %`` or ``heads keep 7``."""
        where = "".join(f" {entry}" for entry in self.include)
        much = f"keep {self.keep}" if self.keep else f"{100 * (self.sparsity or 0):.6g} %"
        return f"{self.method}{where} {much}" + (f" by {self.score}" if self.score != "l2" else "")

    def couplings(self, model: "Architecture") -> "list[Coupling]":
        """Gives the couplings whose units are ranked.

        Raises:
            RecipeError: The network has none of this kind, or an entry of include or exclude
                matches none, or one that no unit can leave.
        """
        check_no_factors(model, self.method)
        own = [c for c in model.couplings() if c.kind == self.kind]
        if not own:
            kinds = sorted({c.kind for c in model.couplings()} - {"fixed"})
            raise RecipeError(
                f"{self.method}: needs {self.kind}, got a {model.architecture}, which has "
                f"{', '.join(kinds)}. Take out these, or remove the stage."
            )
        included = self._matching(model, own, "include") if self.include else {c.name for c in own}
        chosen = included - self._matching(model, own, "exclude")
        if not chosen:
            raise RecipeError(
                f"{self.method}: selects no layer, got include {list(self.include)!r} and exclude "
                f"{list(self.exclude)!r}. Exclude less than is included."
            )
        return [c for c in own if c.name in chosen]

    def _matching(self, model: "Architecture", own: "list[Coupling]", side: str) -> set[str]:
        groups = groups_of(model)
        found: set[str] = set()
        for entry in getattr(self, side):
            matched = {
                c.name
                for c in own
                if entry in groups.get(c.members[0].tensor, ()) or matches(c.name, (entry,))
            }
            if not matched:
                raise self._no_match(model, own, f"{self.method}: {side} {[entry]!r}", entry)
            found |= matched
        return found

    def _no_match(
        self, model: "Architecture", own: "list[Coupling]", where: str, entry: str
    ) -> RecipeError:
        for c in model.couplings():
            if matches(c.name, (entry,)):
                why = f"cannot leave: {c.fixed}" if c.fixed else f"are {c.kind}, not {self.kind}"
                return RecipeError(f"{where}: units of {c.name!r} {why}. Leave it out.")
        groups = groups_of(model)
        known = sorted({group for c in own for group in groups.get(c.members[0].tensor, ())})
        hint = nearest(entry, [*known, *(c.name for c in own)])
        return RecipeError(f"{where} matches none of {len(own)} layers with {self.kind}. {hint}")

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that the chosen units own a part of."""
        owned = {m.tensor for c in self.couplings(model) for m in c if m.role != "statistic"}
        return [name for name in model.state_dict() if name in owned]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Masks the units that score least, and says how many weights of each tensor are zero now.

        Raises:
            RecipeError: See `couplings`; more units would leave than can; or the score needs
                calibration speech, and there is none.
            CheckpointError: A weight, or the calibration speech, is not finite.
        """
        from tts_compress.methods.masking import changes_of, mask, masked
        from tts_compress.methods.pruning.choosing import choose
        from tts_compress.methods.pruning.scores import scores

        couplings = self.couplings(model)
        tensors = model.state_dict()
        removed = choose(
            {c.name: s for c, s in zip(couplings, scores(self, model, ctx), strict=True)},
            {c.name: masked(tensors, c) for c in couplings},
            self,
        )
        for coupling in couplings:
            gone = removed[coupling.name]
            mask(tensors, coupling, gone)
            ctx.removed[coupling.name] = gone | ctx.removed.get(coupling.name, gone)
        return changes_of(model, self.selected(model))


class Heads(Structured):
    """Masks attention heads: their queries, keys and values, and what reads them.

    Two heads of one query, key and value each, of which the second is smaller::

        queries  keys  values  reads        queries  keys  values  reads
        1 2      1 0   2 1     3 1          1 2      1 0   2 1     3 0
        0 1      1 1   0 1     2 0    ->    0 0      0 0   0 0     2 0

    Source: Michel et al. 2019, "Are sixteen heads really better than one?"; score "sensitivity" is
    their equation 2 with a loss that needs no labels.
    """

    kind: ClassVar[Literal["heads", "channels", "units"]] = "heads"
    method: Literal["heads"] = "heads"
    score: Literal["l1", "l2", "taylor", "sensitivity"] = Field(
        "l2", description="What ranks heads; taylor and sensitivity need calibration sentences."
    )


class Channels(Structured):
    """Masks channels of convolutions and feed-forward layers, through what normalises them.

    Two filters with their biases and a BatchNorm, of which the second is smaller; what the norm
    knows of the channel, its mean and variance, stays::

        filters  bias  scale  shift  reads        filters  bias  scale  shift  reads
        1 2      3     1      2      5 1          1 2      3     1      2      5 0
        1 0      4     1      1      7 2    ->    0 0      0     0      0      7 0

    Source: Li et al. 2017, "Pruning filters for efficient ConvNets"; score "batchnorm": Liu et al.
    2017, "Learning efficient convolutional networks through network slimming".
    """

    kind: ClassVar[Literal["heads", "channels", "units"]] = "channels"
    method: Literal["channels"] = "channels"
    score: Literal["l1", "l2", "batchnorm", "taylor"] = Field(
        "l2", description="What ranks channels; taylor needs calibration sentences."
    )


class Units(Structured):
    """Masks units of LSTMs and linear layers, with four gates each and all that reads their state.

    One of the four gates of two units, of which the second is smaller. Its own state is read by the
    second column of every gate::

        weight_ih  weight_hh  bias_ih  reads        weight_ih  weight_hh  bias_ih  reads
        1 2        3 1        1        5 1          1 2        3 0        1        5 0
        1 0        1 1        2        7 2    ->    0 0        0 0        0        7 0

    Source: Wen et al. 2018, "Learning intrinsic sparse structures within LSTMs", for what leaves
    with a unit of an LSTM.
    """

    kind: ClassVar[Literal["heads", "channels", "units"]] = "units"
    method: Literal["units"] = "units"
    score: Literal["l1", "l2", "taylor"] = Field(
        "l2", description="What ranks units; taylor needs calibration sentences."
    )
