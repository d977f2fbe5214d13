"""What a built test is, in a few lines, and how long a listener takes."""

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tts_compress.listening.built import TEST, BuiltTest, Trial

LONGEST = 12  # seconds of a sound, ITU-R BS.1534-3 section 5.1
SECONDS_TO_ANSWER, TIMES_HEARD, SECONDS_OF_PAGE = 4.0, 1.5, 30.0


def summarize(test: BuiltTest, out: Path, console: Console) -> None:
    """Says what was built."""
    n = test.per_listener or len(test.trials)
    judged = n * test.listeners / len(test.trials)
    times = f"{judged:g}" if judged.is_integer() else f"{int(judged)} or {int(judged) + 1}"
    sound = f"{test.source['loudness_lufs']:g} LUFS, {test.source['sample_rate']} Hz"
    say(console, "test", f"{test.name} ({test.kind}), {len(test.stimuli)} stimuli at {sound}")
    say(
        console,
        "trials",
        f"{len(test.trials)}, of which a listener gets {n}; "
        f"{test.checks_per_listener} checks, {len(test.training)} for practice",
    )
    minutes = math.ceil(seconds_of(test) / 60)
    say(
        console,
        "listeners",
        f"{test.listeners}, about {minutes} minutes each; every trial is judged {times} times",
    )
    longest = max(test.stimulus(id).seconds for trial in test.trials for id in trial.stimuli)
    if test.kind == "mushra" and longest > LONGEST:
        say(console, "long", f"{longest:.1f} s: ITU-R BS.1534-3 asks for {LONGEST} s or less")
    say(console, "folder", f"{out}; keep {TEST} to yourself: it says what each stimulus is")
    say(console, "next", f"tts-compress listen serve {out}")


def say(console: Console, name: str, text: str) -> None:
    """Writes one line as it is."""
    console.print(f"{name:10} {text}", markup=False, highlight=False, soft_wrap=True)


def seconds_of(test: BuiltTest) -> float:
    """Estimates how long a listener takes.

    Every sound is heard one and a half times, an answer takes four seconds for each stimulus, and
    a page other than a trial takes half a minute.
    """

    def mean(trials: Sequence[Trial]) -> float:
        return sum(_seconds_of_trial(test, trial) for trial in trials) / max(1, len(trials))

    n = test.per_listener or len(test.trials)
    others = [page for page in test.pages if page["type"] not in ("trials", "training", "finish")]
    return (
        n * mean(test.trials)
        + test.checks_per_listener * mean(test.checks)
        + len(test.training) * mean(test.training)
        + SECONDS_OF_PAGE * len(others)
    )


def _seconds_of_trial(test: BuiltTest, trial: Trial) -> float:
    reference = (trial.reference,) if trial.reference else ()
    heard = (*trial.stimuli, *trial.unknown[:1], *reference)
    sound = sum(test.stimulus(id).seconds for id in heard)
    return TIMES_HEARD * sound + SECONDS_TO_ANSWER * len(trial.stimuli)
