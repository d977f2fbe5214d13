"""Which listeners' answers count: post-screening by stated rules, each exclusion with its reason.

MUSHRA: a listener is left out who rates the hidden reference below 90 in more than 15 % of trials,
or the mid-range anchor (7 kHz) above 90 in more than 15 %. Sentences of which more than a quarter
of all listeners rate that anchor above 90 do not count for the second rule, since there the anchor
is hardly worse than the reference.

The first rule favours the reference. Who cannot tell a system from it takes the wrong one for the
reference in half of the trials, rates the reference lower, and is left out: with 24 listeners and 4
trials, Wilcoxon's test of those who are left finds a difference that is not there in up to 60 % of
simulated tests. `wording.findings` therefore asks all listeners, too.

All kinds: a listener is left out who answers a gold or trap trial wrong, fails the headphone check,
or did not come to the end. Who answers all alike, or faster than the sounds last, is kept, with a
warning.

Source:
    ITU-R BS.1534-3 (10/2015), section 4.1.2, as a public transcript quotes it. Gold and trap trials
    and that each must be right: ITU-T P.808 as its toolkit does it (github.com/microsoft/P.808,
    result_parser: correct_tps, gold_standard_bigger_equal; Naderi and Cutler 2020,
    arXiv:2005.08138). The variance below which ratings count as all alike, 0.1 on five points, is
    the toolkit's too. Headphones: Woods et al. (2017), Attention, Perception & Psychophysics 79.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tts_compress.listening.analysis.answers import SCALES, Answers, Listener
from tts_compress.listening.built import BuiltTest, Trial
from tts_compress.listening.serving.database import Answer

if TYPE_CHECKING:
    import pandas as pd

EXCELLENT, MOST_TRIALS, MOST_LISTENERS = 90, 0.15, 0.25
MID_ANCHOR = "anchor 7000 Hz"
LEAST_VARIANCE = 0.1 / 4**2  # of ratings, as a fraction of the squared scale
LEAST_CHOICES = 6  # of one side only, before that is more than chance (2 / 2^6 = 3 %)


@dataclass
class Screened:
    """What was found of one listener.

    Attributes:
        listener: Who.
        trials: How many trials were done.
        of: How many there are.
        reference_below: Share of trials with the hidden reference below 90; None without one.
        anchor_above: Share of trials that count with the mid-range anchor above 90.
        checks_right: How many gold and trap trials were answered right.
        checks: How many were answered.
        headphones_right: How many of the headphone check were right; None without one.
        headphones: How many there are.
        seconds: Median time of a trial.
        reasons: Why the listener is left out.
        warnings: What else is odd.
    """

    listener: str
    trials: int
    of: int
    reference_below: float | None = None
    anchor_above: float | None = None
    checks_right: int = 0
    checks: int = 0
    headphones_right: int | None = None
    headphones: int | None = None
    seconds: float | None = None
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the answers count."""
        return not self.reasons

    @property
    def odd(self) -> bool:
        """Whether there is anything to say of the listener."""
        return bool(self.reasons or self.warnings)


def screen(answers: Answers) -> list[Screened]:
    """Applies all rules; one result a listener, in their order."""
    easy = _easy_sentences(answers)
    return [_screen(answers, listener, easy) for listener in answers.listeners]


def as_table(screened: list[Screened]) -> "pd.DataFrame":
    """One line a listener, for screening.csv."""
    import pandas as pd

    names = [name for name in Screened.__dataclass_fields__ if name not in ("reasons", "warnings")]
    lines = [
        {name: getattr(each, name) for name in names}
        | {"kept": each.kept}
        | {"reasons": "; ".join(each.reasons), "warnings": "; ".join(each.warnings)}
        for each in screened
    ]
    return pd.DataFrame(lines, columns=[*names, "kept", "reasons", "warnings"])


def _screen(answers: Answers, listener: Listener, easy: set[Any]) -> Screened:
    test = answers.test
    rows = answers.rows
    own = rows[(rows["listener"] == listener.name) & (rows["check"] == "")]
    n_trials = sum(trial.check is None for trial in listener.trials.values())
    found = Screened(listener.name, own["page"].nunique(), n_trials)
    _unfinished(found)
    _checks(test, listener, found)
    _headphones(test, listener, found)
    if test.kind == "mushra":
        _mushra(own, found, easy)
    if len(own):
        found.seconds = float(own.groupby("page")["seconds"].first().median())
        _alike(test, own, found)
        _hasty(test, listener, found)
    return found


def _unfinished(found: Screened) -> None:
    if found.trials < found.of:
        found.reasons.append(f"did {found.trials} of {found.of} trials")


def _mushra(own: "pd.DataFrame", found: Screened, easy: set[Any]) -> None:
    """The two rules of BS.1534-3."""
    reference = own[own["role"] == "reference"]["value"]
    if len(reference):
        found.reference_below = float((reference < EXCELLENT).mean())
        if found.reference_below > MOST_TRIALS:
            part = f"{100 * found.reference_below:.0f} %"
            found.reasons.append(f"rated the hidden reference below 90 in {part} of trials")
    anchor = own[(own["system"] == MID_ANCHOR) & ~own["sentence"].isin(easy)]["value"]
    if len(anchor):
        found.anchor_above = float((anchor > EXCELLENT).mean())
        if found.anchor_above > MOST_TRIALS:
            part = f"{100 * found.anchor_above:.0f} %"
            found.reasons.append(f"rated the 7 kHz anchor above 90 in {part} of trials")


def _easy_sentences(answers: Answers) -> set[Any]:
    """Sentences of which many listeners cannot tell that the mid-range anchor is worse."""
    rows = answers.rows
    anchor = rows[(rows["system"] == MID_ANCHOR) & (rows["check"] == "")]
    above = (anchor["value"] > EXCELLENT).groupby(anchor["sentence"]).mean()
    return set(above[above > MOST_LISTENERS].index)


def _checks(test: BuiltTest, listener: Listener, found: Screened) -> None:
    wrong = []
    for _, trial, answer in listener.done():
        if trial.check:
            found.checks += 1
            right = is_right(test, trial, answer)
            found.checks_right += right
            if not right:
                wrong.append(trial.check)
    for kind in sorted(set(wrong)):
        n = wrong.count(kind)
        found.reasons.append(f"answered {n} {kind} trial{'s' if n > 1 else ''} wrong")


def is_right(test: BuiltTest, trial: Trial, answer: Answer) -> bool:
    """Whether a check was answered as someone who attends does."""
    if trial.expected is None:
        return True
    if trial.expected.choice is not None:
        return bool(answer.values["choice"] == trial.expected.choice)
    ratings = dict(answer.values["ratings"])
    if test.kind == "cmos":  # the second was rated against the first, whichever that was
        (rated, rating), *_ = ratings.items()
        ratings |= {other: -rating for other in trial.stimuli if other != rated}
    return all(
        low <= ratings[id] <= high for id, (low, high) in (trial.expected.ratings or {}).items()
    )


def _headphones(test: BuiltTest, listener: Listener, found: Screened) -> None:
    for id, page in listener.pages.items():
        if page["type"] != "headphones" or id not in listener.answers:
            continue
        choices = listener.answers[id].values.get("choices", {})
        asked = [trial["id"] for trial in page["trials"]]
        found.headphones = len(asked)
        found.headphones_right = sum(choices.get(key) == test.headphones.get(key) for key in asked)
        if found.headphones_right < page["required"]:
            found.reasons.append(
                f"headphone check: {found.headphones_right} of {found.headphones} right"
            )


def _alike(test: BuiltTest, own: "pd.DataFrame", found: Screened) -> None:
    sides = own["side"].dropna()
    if len(sides) >= LEAST_CHOICES and sides.nunique() == 1:
        found.warnings.append(f"always chose the {'first' if sides.iloc[0] == 1 else 'second'}")
    low, high = SCALES.get(test.kind, (0, 0))
    if len(own) > 3 and own["value"].var() < LEAST_VARIANCE * (high - low) ** 2:
        found.warnings.append("rated almost all alike")


def _hasty(test: BuiltTest, listener: Listener, found: Screened) -> None:
    hasty = 0
    for page, _, answer in listener.done():
        shown = listener.pages[page]
        heard = [each["id"] for each in shown["stimuli"]]
        heard += [shown[key] for key in ("reference", "unknown") if shown[key]]
        hasty += answer.seconds < sum(test.stimulus(id).seconds for id in heard)
    if hasty:
        trials = "1 trial" if hasty == 1 else f"{hasty} trials"
        found.warnings.append(f"was faster than the sounds last in {trials}")
