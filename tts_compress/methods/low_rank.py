"""Low rank: a weight becomes the product of two thin factors, two smaller layers in its place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Change, Context, Deed, Selecting
from tts_compress.methods.selection import select

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.rebuilding.factors import Target
    from tts_compress.methods.rebuilding.spectrum import Spectrum


class LowRank(Selecting):
    """Gives each weight the product of two factors that is nearest to it, by singular values.

    A weight ``W (rows, columns)`` becomes ``U V`` of as few columns of U and rows of V as wanted;
    both really run, V first. A convolution is seen as ``(outputs, inputs * taps)``, one with taps
    followed by one of a single tap. Rank 1 of this weight, whose singular values are 6 and 2::

        4 2         3 3         u        v
        2 4    ->   3 3    =    1.732    1.732 1.732
                                1.732

    With `weighted`, it is nearest in what it says of calibration speech: the error of each
    direction counts as often as it is heard. Rows and columns of zeros stay zero; single zeros that
    were pruned would not, so such tensors are refused. A tensor that two factors would not make
    smaller stays whole, or is refused if it is included by its name.

    Source: Eckart and Young 1936, "The approximation of one matrix by another of lower rank"; Xue,
    Li and Gong 2013, "Restructuring of deep neural network acoustic models with singular value
    decomposition"; for LSTMs Prabhavalkar et al. 2016, "On the compression of recurrent neural
    networks with an application to LVCSR acoustic modeling", section 3; for speech that counts Chen
    et al. 2021, "DRONE: data-aware low-rank compression for large NLP models", section 3.2.
    """

    method: Literal["low_rank"] = "low_rank"
    rank: int | None = Field(
        None, ge=1, description="Rank of every weight; of gates, what each has on average."
    )
    energy: float | None = Field(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Fraction of its squared singular values that each weight keeps at least.",
    )
    budget: float | None = Field(
        None,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="Fraction of their parameters that the weights keep together at most; each has "
        "the rank that its squared singular values are worth.",
        examples=[0.5],
    )
    lstm: Literal["weights", "jointly", "gates"] = Field(
        "weights",
        description="What has factors of its own in an LSTM: each of its two weights, both "
        "together, or each gate of each weight.",
    )
    weighted: bool = Field(
        False, description="Whether errors count by what layers hear of calibration sentences."
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.rank, self.energy, self.budget].count(None) != 2:
            raise ValueError("needs exactly one of rank, energy and budget")
        return self

    @property
    def needs(self) -> Literal["nothing", "calibration", "training"]:  # type: ignore[override]
        """Calibration where errors are weighted."""
        return "calibration" if self.weighted else "nothing"

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "factors"

    @property
    def label(self) -> str:
        """Such as ``low rank 50 %`` or ``low rank rnn energy 90 % jointly weighted``."""
        how = f" {self.lstm}" if self.lstm != "weights" else ""
        return f"low rank{self.where} {self._amount}{how}{' weighted' * self.weighted}"

    @property
    def _amount(self) -> str:
        if self.rank is not None:
            return f"{self.rank}"
        if self.energy is not None:
            return f"energy {100 * self.energy:.6g} %"
        return f"{100 * (self.budget or 0):.6g} %"

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the weights that may get factors, and of factors that there are.

        Raises:
            RecipeError: An entry of include or exclude matches nothing, or no weight would become
                smaller, or not one that is included by its name.
        """
        from tts_compress.methods.rebuilding.factors import whole_names

        chosen = self._chosen(model)
        names = {name for target in self._targets(model) for name in target.weights}
        names |= {factor for factor, name in whole_names(model).items() if name in chosen}
        if not names:
            raise RecipeError(
                f"low_rank: makes no selected tensor smaller, got {self._amount}, include "
                f"{list(self.include)!r} and exclude {list(self.exclude)!r}. Select larger linear "
                "layers, convolutions or LSTMs, or keep less of them."
            )
        return [name for name, _ in model.named_parameters() if name in names]

    def _chosen(self, model: "Architecture") -> list[str]:
        """Gives the names of what include and exclude ask for; factors have that of their weight.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        from tts_compress.methods.rebuilding.factors import whole_names

        whole = whole_names(model)
        named = {whole.get(name, name): p for name, p in model.named_parameters()}
        return select(named, model.groups, self.include, self.exclude, self.method)

    def _targets(self, model: "Architecture") -> "list[Target]":
        """Gives the whole weights that factors of the least wanted rank would make smaller.

        Raises:
            RecipeError: One that is included by its name would not become smaller, or cannot have
                factors.
        """
        from tts_compress.methods.rebuilding.factors import targets, whole_names

        found = targets(model, self._chosen(model), self.lstm)
        known = {name for target in found for name in target.weights}
        known |= {*whole_names(model), *whole_names(model).values()}
        for name, _ in model.named_parameters():
            if name in self.include and name not in known:
                raise RecipeError(
                    f"low_rank: no weight of a linear layer, convolution or LSTM, got {name!r}. "
                    "Leave it out."
                )
        counts = [target.blocks * (self.rank or 1) for target in found]
        return self._smaller(found, counts)

    def _smaller(self, found: "list[Target]", counts: Sequence[int]) -> "list[Target]":
        """Gives those that so many components would make smaller.

        Raises:
            RecipeError: One that is included by its name would not become smaller.
        """
        for target, count in zip(found, counts, strict=True):
            for name in target.weights:
                if name in self.include and not target.shrinks(count):
                    raise RecipeError(
                        f"low_rank: factors would not make {name!r} smaller, got "
                        f"{count * target.cost:,} parameters in place of {target.size:,}. "
                        "Leave it out, or keep less of it."
                    )
        return [t for t, count in zip(found, counts, strict=True) if t.shrinks(count)]

    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Factors the network in place: the same class, with ranks in its settings.

        Raises:
            RecipeError: See `selected`; all are factors already; the budget is less than rank 1 of
                each takes; single weights were pruned; there is no calibration speech.
            CheckpointError: A weight, or what a layer hears, is not finite.
        """
        from tts_compress.methods.masking import changes_of
        from tts_compress.methods.rebuilding.factors import factor_names, factored

        self.selected(model)
        found = self._targets(model)
        if not found:
            raise RecipeError(
                f"low_rank: all that it selects are factors already, got include "
                f"{list(self.include)!r}. Remove the stage, or give it other tensors."
            )
        spectra = self._spectra(model, found, ctx)
        counts = self._counts(found, spectra)
        smaller = self._smaller(found, counts)
        if not smaller:
            raise RecipeError(
                f"low_rank: factors would make none of {len(found)} tensors smaller, got "
                f"{self._amount}. Keep less of them."
            )
        factors = {}
        for target, spectrum, count in zip(found, spectra, counts, strict=True):
            if target in smaller:
                _check_zeros(target, spectrum)
                factors[target] = spectrum.factors(count)
        model.become(factored(model, factors))
        ranks = {
            factor: model.settings.ranks[name]
            for name, names in factor_names(model).items()
            for factor in names
        }
        return tuple(
            replace(change, spec={"rank": ranks[change.layer]}) if change.layer in ranks else change
            for change in changes_of(model, self.selected(model))
        )

    def _spectra(
        self, model: "Architecture", found: "list[Target]", ctx: Context
    ) -> "list[Spectrum]":
        """Gives the components of each matrix."""
        from tts_compress.methods.calibration.hearing import hearing_key
        from tts_compress.methods.calibration.input_products import input_products
        from tts_compress.methods.precision import check_finite
        from tts_compress.methods.rebuilding.spectrum import Spectrum

        tensors = {name: model.get_parameter(name) for t in found for name in t.weights}
        for name, tensor in tensors.items():
            check_finite(self.method, name, tensor)
        spoken = ctx.calibration(self.method) if self.weighted else ()
        state = model.state_dict() if self.weighted else tensors

        def measure() -> "list[Spectrum]":
            heard = input_products(model, found, spoken, self.method) if self.weighted else {}
            return [
                Spectrum.of(target.matrix(tensors), target.blocks, heard.get(target.name))
                for target in found
            ]

        key = (self.method, tuple(found), self.weighted, *hearing_key(state, spoken))
        return ctx.memory.remember(key, measure)

    def _counts(self, found: "list[Target]", spectra: "list[Spectrum]") -> list[int]:
        """Gives how many components each matrix keeps."""
        from tts_compress.methods.rebuilding.spectrum import spend

        if self.budget is not None:
            return spend(spectra, [t.size for t in found], [t.cost for t in found], self.budget)
        if self.energy is not None:
            return [spectrum.count(self.energy) for spectrum in spectra]
        return [target.blocks * (self.rank or 1) for target in found]


MOST_ZEROS = 0.001
"""Fraction of single zeros that a tensor may have by chance: of voices, up to a 15th of that."""


def _check_zeros(target: "Target", spectrum: "Spectrum") -> None:
    """Refuses a matrix with zeros other than those of whole rows and columns of its blocks."""
    single = 0
    for block in spectrum.blocks:
        there = block != 0
        single += int((there.any(1)[:, None] & there.any(0) & ~there).sum())
    if single > max(1, MOST_ZEROS * target.size):
        raise RecipeError(
            f"low_rank: factors would fill single weights of {' and '.join(target.weights)!r} that "
            f"were pruned, got {single:,} zeros of {target.size:,}. Exclude it, or prune heads, "
            "channels or units in its place."
        )
