"""What each listener hears, in which order: a function of the built test and a number.

Nothing is drawn when a listener comes: the same number always gives the same pages. The numbers
0, 1, 2, ... share trials evenly, and go on evenly beyond the planned number of listeners.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tts_compress.listening.built import BuiltTest, Trial
from tts_compress.listening.orders import n_orders, shares, williams
from tts_compress.listening.scales import SCALES

Page = dict[str, Any]
ORDER, CHECKS, HEADPHONES, STARTS = range(4)  # each its own stream of chance


def session(test: BuiltTest, listener: int) -> dict[str, Any]:
    """Gives all pages of one listener, as the page that runs the test reads them.

    It names no system: stimuli are ids and letters.

    Args:
        test: The built test.
        listener: Number of the listener, from 0.
    """
    left = _chosen(test, listener)
    sizes = _parts(test, len(left))
    types = [page["type"] for page in test.pages]
    pages: list[Page] = []
    for number, page in enumerate(test.pages, 1):
        type = page["type"]
        id = type if types.count(type) == 1 else f"{type}-{number}"
        match type:
            case "trials":
                n = sizes.pop(0)
                pages += [_trial_page(test, p, title=page["title"]) for p in left[:n]]
                left = left[n:]
            case "training":
                pages += _training(test, listener, page)
            case "headphones":
                chance = _chance(test, HEADPHONES, listener)
                trials = [page["trials"][i] for i in chance.permutation(len(page["trials"]))]
                pages.append({"id": id, **page, "trials": trials})
            case _:
                pages.append({"id": id, **page})
    return {"format": 1, "title": test.title, "kind": test.kind, "pages": pages}


def trial_of(test: BuiltTest, listener: int) -> dict[str, Trial]:
    """Gives the trial behind each page of type trial that counts or checks, by the page's id."""
    return {place.id: place.trial for place in _chosen(test, listener)}


def audio_ids(session: dict[str, Any]) -> set[str]:
    """Gives the ids of all sounds that a session plays."""
    return set().union(*map(sounds_of, session["pages"]))


def sounds_of(page: Mapping[str, Any]) -> set[str]:
    """Gives the ids of all that is heard on a page."""
    found = [page.get("audio"), page.get("reference"), page.get("unknown")]
    found += [stimulus["id"] for stimulus in page.get("stimuli", ())]
    found += [trial["audio"] for trial in page.get("trials", ())]
    return {each for each in found if each}


def completion_code(test: BuiltTest, token: str) -> str:
    """Gives what shows that the listener with this token came to the end, as ``ABCD-EFGH``."""
    digest = hmac.new(test.secret.encode(), f"{test.id}:{token}".encode(), hashlib.sha256)
    code = b32encode(digest.digest()).decode()[:8]
    return f"{code[:4]}-{code[4:]}"


@dataclass(frozen=True)
class _Place:
    """A trial in a listener's order: the page's id, and which of its orders is heard."""

    id: str
    trial: Trial
    step: int


def _chance(test: BuiltTest, *stream: int) -> np.random.Generator:
    return np.random.default_rng([test.seed, *stream])


def _chosen(test: BuiltTest, listener: int) -> list[_Place]:
    """Gives all that a listener judges, in order.

    The order is a row of a Williams design. Where all listeners judge all trials, each trial is
    equally often in each place and after each other one; where they judge shares, their shares are
    drawn so that this holds on the whole.
    """
    grid = conditions(test, test.trials)
    starts = {
        trial.id: int(start)
        for number, row in enumerate(grid)
        for trial, start in zip(
            row, _chance(test, STARTS, number).permutation(len(row)), strict=True
        )
    }
    n = min(test.per_listener or len(test.trials), len(test.trials))
    items, rounds = shares(len(grid), len(grid[0]), n, listener, test.seed)
    if n == len(test.trials):  # all hear the same, so places can be balanced to the full
        items, _ = shares(len(grid), len(grid[0]), n, 0, test.seed)
    rows = _chance(test, ORDER).permutation(n_orders(n))
    judged = []
    for place in williams(n, int(rows[listener % len(rows)])):
        row, column = items[place]
        trial = grid[row][column]
        judged.append((trial, rounds[place] + starts[trial.id]))
    mixed = _with_checks(test, listener, judged)
    return [_Place(f"t{number:03}", *one) for number, one in enumerate(mixed, 1)]


def conditions(test: BuiltTest, trials: Sequence[Trial]) -> list[list[Trial]]:
    """Gives trials by the systems that they compare, each list in the order of sentences."""
    found: dict[tuple[str, ...], list[Trial]] = {}
    for trial in trials:
        systems = tuple(test.stimulus(id).system for id in trial.stimuli)
        found.setdefault(systems, []).append(trial)
    return [*found.values()]


def _with_checks(
    test: BuiltTest, listener: int, judged: list[tuple[Trial, int]]
) -> list[tuple[Trial, int]]:
    """Puts checks between trials: never first, and never one after another."""
    chance = _chance(test, CHECKS, listener)
    checks = _checks_of(test, listener)
    checks = [checks[i] for i in chance.permutation(len(checks))]
    gaps = chance.choice(len(judged), size=len(checks), replace=False)
    after = dict(zip((int(gap) for gap in gaps), checks, strict=True))
    mixed = []
    for number, one in enumerate(judged):
        mixed.append(one)
        if number in after:
            mixed.append((after[number], int(chance.integers(1000))))
    return mixed


def _checks_of(test: BuiltTest, listener: int) -> list[Trial]:
    """Gives the checks of a listener: gold and trap by turns, all of each equally often."""
    pools = [[check for check in test.checks if check.check == kind] for kind in ("gold", "trap")]
    pools = [pool for pool in pools if pool]
    chosen = []
    for kind, pool in enumerate(pools):
        n = len(range(kind, test.checks_per_listener, len(pools)))
        chosen += [pool[(listener * n + i) % len(pool)] for i in range(n)]
    return chosen


def _parts(test: BuiltTest, n: int) -> list[int]:
    """Gives how many trials each page of type trials stands for; the last one for what is left."""
    parts = [page.get("part") or 1.0 for page in test.pages if page["type"] == "trials"]
    sizes = [round(part * n) for part in parts[:-1]]
    return [*sizes, n - sum(sizes)]


def _training(test: BuiltTest, listener: int, page: Page) -> list[Page]:
    """Gives what is said before the practice, and its trials."""
    intro = {"id": "training", "type": "text", "title": page["title"], "text": page["text"]}
    places = [_Place(f"p{n:02}", trial, n + listener) for n, trial in enumerate(test.training, 1)]
    trials = [_trial_page(test, place, title=page["title"], practice=True) for place in places]
    return [intro, *trials]


def _trial_page(test: BuiltTest, place: _Place, title: str, practice: bool = False) -> Page:
    order, unknown = _arranged(place.trial, place.step)
    return {
        "id": place.id,
        "type": "trial",
        "title": title,
        "text": [],
        "kind": test.kind,
        "practice": practice,
        "question": test.question,
        "sentence": place.trial.text,
        "reference": place.trial.reference,
        "stimuli": [{"id": id, "label": chr(ord("A") + n)} for n, id in enumerate(order)],
        "unknown": unknown,
        "scale": SCALES[test.kind],
        "ties": test.ties,
        "comment": test.comments,
    }


def _arranged(trial: Trial, step: int) -> tuple[list[str], str | None]:
    """Gives the order of a trial's stimuli, and X.

    A trial's steps follow each other from one listener who judges it to the next: the order goes
    through a Williams design, and X changes when it has gone through, so each stimulus is equally
    often in each place, and is X equally often in each.
    """
    n = len(trial.stimuli)
    order = [trial.stimuli[i] for i in williams(n, step)]
    if not trial.unknown:
        return order, None
    return order, trial.unknown[step // n_orders(n) % len(trial.unknown)]
