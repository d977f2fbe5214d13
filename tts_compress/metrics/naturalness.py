"""Networks that guess how natural speech sounds to people, by name.

What they say is a guess of a mean opinion score, 1 (bad) to 5 (excellent), for speech like that
which they were trained on; it is no measurement, and a listening test is what decides.

Their weights are not part of this package and nothing is downloaded. Those of DNSMOS come with the
package speechmos (extra ``mos``), those of Distill-MOS with distillmos; those of UTMOS and NISQA
are named by who uses them. Another package adds a predictor as an entry point of the group
``tts_compress.predictors``: a function that takes the path of weights, or None, and gives a
`Predictor`.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from numpy.typing import ArrayLike

from tts_compress.errors import TtsCompressError, nearest
from tts_compress.metrics.predictors import DistillMos, Dnsmos, Nisqa, Utmos

PREDICTOR_PLUGINS = "tts_compress.predictors"
UNIT = "MOS"


class Predictor(Protocol):
    """Guesses opinion scores of speech; the same sound gives the same scores."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores."""

    def __call__(self, wav: ArrayLike, sample_rate: int) -> dict[str, float]:
        """Scores of sound ``(samples,)`` in [-1, 1], by name; none if it is too short for any."""


PREDICTORS: dict[str, Callable[[Path | None], Predictor]] = {
    "distillmos": DistillMos,
    "dnsmos": Dnsmos,
    "nisqa": Nisqa,
    "utmos": Utmos,
}


def predictor(name: str, weights: str | Path | None = None) -> Predictor:
    """Gives a predictor.

    Args:
        name: One of `PREDICTORS`, or of an entry point.
        weights: Its weights, a file or the folder that holds it; None if a package brings them.

    Raises:
        TtsCompressError: There is none of this name, or its weights are missing.
        ExtraError: Its package is not installed.
    """
    path = None if weights is None else Path(weights)
    if name in PREDICTORS:
        return PREDICTORS[name](path)
    plugins = {plugin.name: plugin for plugin in entry_points(group=PREDICTOR_PLUGINS)}
    if name not in plugins:
        raise TtsCompressError(
            f"predictors: there is no such predictor, got {name!r}. "
            f"{nearest(name, {*PREDICTORS, *plugins})}"
        )
    found: Predictor = plugins[name].load()(path)
    return found
