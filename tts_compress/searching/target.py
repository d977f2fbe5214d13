"""Targets of a search: a size that a file may have, or a distance that speech may be off."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tts_compress.recipe import TargetForm
from tts_compress.searching.tries import Try

NEAR_BYTES, NEAR_CHANGE = 0.005, 0.02
"""How far below its target a size or a distance is near enough, as a share."""

FAR = 3.0


@dataclass(frozen=True)
class Target:
    """What is to be met.

    Attributes:
        form: What the recipe says.
        float32_bytes: What a file of the dense network holds, in float32.
    """

    form: TargetForm
    float32_bytes: int

    @property
    def n_bytes(self) -> int | None:
        """The most bytes; None where a distance is asked for."""
        if self.form.ratio is not None:
            return math.floor(self.float32_bytes / self.form.ratio)
        return self.form.bytes

    @property
    def aim(self) -> float:
        """The excess that is best to aim at: within the target, by half of what is near enough."""
        return NEAR_BYTES / 2 if self.n_bytes is not None else -NEAR_CHANGE / 2

    def excess(self, one: Try) -> float:
        """Gives how much too coarse a try is, as a logarithm; below zero it is too fine."""
        if self.n_bytes is not None:
            return math.log(max(self.n_bytes, 1) / one.n_bytes)
        assert self.form.mel_mae_db is not None
        return min(math.log(max(one.mel_mae_db, 1e-9) / self.form.mel_mae_db), FAR)

    def is_met(self, one: Try) -> bool:
        """Whether a try is what was asked for."""
        return self.excess(one) >= 0 if self.n_bytes is not None else self.excess(one) <= 0

    def best(self, made: Iterable[Try]) -> Try | None:
        """Gives the try that meets the target best: the least changed one, or the smallest file.

        None if none meets it.
        """
        met = [one for one in made if self.is_met(one)]
        if self.n_bytes is not None:
            return min(met, key=lambda one: one.position, default=None)
        return min(met, key=lambda one: one.n_bytes, default=None)

    @property
    def words(self) -> str:
        """Says what is asked for."""
        if self.form.mel_mae_db is not None:
            return f"the fewest bytes with a mel_mae_db of at most {self.form.mel_mae_db:g}"
        asked = f"the least change with at most {self.n_bytes:,} bytes"
        return f"{asked}, a ratio of {self.form.ratio:g}" if self.form.ratio else asked

    def why_not(self, made: Iterable[Try]) -> str:
        """Says that the target cannot be met, and what is nearest."""
        tried = list(made)
        smallest = min(one.n_bytes for one in tried)
        if self.form.mel_mae_db is not None:
            least = min(one.mel_mae_db for one in tried)
            what = f"a mel_mae_db below {least:.3g} cannot be had, got {self.form.mel_mae_db:g}"
            advice = "Allow that much"
        elif self.form.ratio is not None:
            most = math.floor(100 * self.float32_bytes / smallest) / 100
            what = f"a ratio above {most:g} cannot be had, got {self.form.ratio:g}"
            advice = "Ask for that or less"
        else:
            what = f"fewer bytes than {smallest:,} cannot be had, got {self.n_bytes:,}"
            advice = "Allow that many"
        return f"{what}. {advice}, or give method: rounding other bits and sparsity."
