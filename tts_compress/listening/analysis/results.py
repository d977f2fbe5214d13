"""All that is computed of one test's answers, for whichever listeners count."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tts_compress.listening.analysis import preference, statistics
from tts_compress.listening.analysis.answers import RATED, SCALES
from tts_compress.listening.analysis.mixed import fit
from tts_compress.listening.analysis.power import Spread, spread, spread_of, typical
from tts_compress.listening.built import BuiltTest, Kind

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """What was found.

    Attributes:
        kind: Kind of the test.
        base: What the systems are compared with; of pairs, each names its own.
        n_listeners: Whose answers count.
        n_trials: How many trials these did, checks aside.
        systems: One line a system, as `statistics.describe` has it; empty for pairs.
        comparisons: One line a pair, as `statistics.compare` or `preference` has it.
        omnibus: Chi-squared and p value of Friedman's test; not numbers where it was not made.
        variances: Of the mixed model, by part; empty where none was fitted.
        spread: How differences scatter, as measured; None if too little was answered.
    """

    kind: Kind
    base: str | None
    n_listeners: int
    n_trials: int
    systems: "pd.DataFrame"
    comparisons: "pd.DataFrame"
    omnibus: tuple[float, float] = (float("nan"), float("nan"))
    variances: dict[str, float] = field(default_factory=dict)
    spread: Spread | None = None


def take(test: BuiltTest, rows: "pd.DataFrame", *, mixed: bool = True) -> Results:
    """Computes everything of some rows of `answers.Answers.rows`; checks do not count.

    Args:
        test: The test.
        rows: Answers of the listeners to take.
        mixed: Whether to fit the mixed model of ratings and CMOS, which takes longest.
    """
    import pandas as pd

    counted = rows[rows["check"] == ""]
    sizes = counted["listener"].nunique(), len(counted.groupby(["listener", "page"]))
    if not len(counted):
        return Results(test.kind, None, *sizes, pd.DataFrame(), pd.DataFrame())
    if test.kind in RATED:
        return _of_ratings(test, counted, sizes, mixed)
    place = {name: number for number, name in enumerate(test.systems)}
    ordered = counted.sort_values(
        ["versus", "system"], key=lambda names: names.map(place), kind="stable"
    )
    by_kind: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "ab": preference.preferences,
        "abx": preference.discriminations,
        "cmos": partial(preference.comparisons, mixed=mixed),
    }
    return Results(
        test.kind,
        None,
        *sizes,
        pd.DataFrame(),
        by_kind[test.kind](ordered),
        spread=None if test.kind == "abx" else spread_of(counted),
    )


def _of_ratings(
    test: BuiltTest, rows: "pd.DataFrame", sizes: tuple[int, int], mixed: bool
) -> Results:
    roles = rows.groupby("system")["role"].first()
    references = [name for name in roles.index if roles[name] == "reference"]
    named = [name for name in test.systems if name in roles.index]
    compared = references + named
    anchors = [name for name in roles.index if name not in compared]
    base = base_of(test, compared)
    model = fit(rows, compared, base) if mixed else None
    pairs = [(name, base) for name in compared if name != base]
    return Results(
        test.kind,
        base,
        *sizes,
        statistics.describe(rows, compared + anchors, SCALES[test.kind]),
        statistics.compare(rows, compared, base, model),
        statistics.friedman(statistics.listener_means(rows)[compared]),
        model.variances if model else {},
        spread(rows, pairs),
    )


def base_of(test: BuiltTest, compared: list[str]) -> str:
    """The hidden reference, else the system that is the reference, else the first one."""
    hidden = [name for name in compared if name not in test.systems]
    if hidden:
        return hidden[0]
    return test.reference if test.reference in compared else compared[0]


def expected_spread(test: BuiltTest) -> Spread | None:
    """What to expect before anyone answered; None for choices, of which chance says enough."""
    if test.kind not in SCALES:
        return None
    low, high = SCALES[test.kind]
    return typical(low, high, trials_each(test), single=test.kind == "cmos")


def trials_each(test: BuiltTest) -> float:
    """How many trials a listener has of each system or pair, on average."""
    n_trials = min(test.per_listener or len(test.trials), len(test.trials))
    conditions = {tuple(test.stimulus(id).system for id in trial.stimuli) for trial in test.trials}
    return max(1.0, n_trials / max(1, len(conditions)))
