"""Simulated listeners with known opinions, who answer a built test through its database."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tests.listening.material import build
from tts_compress.listening.design import session, sounds_of, trial_of
from tts_compress.listening.serving.database import Answer
from tts_compress.listening.serving.store import Store

RANGES = {"mushra": (0, 100), "acr": (1, 5), "dcr": (1, 5)}
FAIR = {"clean": 0.9, "degraded": 0.1, "reference": 0.98, "anchor 7000 Hz": 0.5}
FAIR |= {"anchor 3500 Hz": 0.25}


QUALITIES = {"dense": 0.8, "small": 0.7, "smaller": 0.4}


@cache
def built(kind, more="checks: 2\nsentences: [1, 2, 3, 4]\ncomments: true"):
    """Builds a test once for all who ask; its sounds are gone then."""
    with tempfile.TemporaryDirectory() as folder:
        return build(Path(folder), kind, more)[0]


class Simulated:
    """A listener who hears a quality from 0 to 1 in each system, and tastes and noise beside it.

    Attributes:
        test: The built test.
        number: Which session it is.
        qualities: Quality by system.
        attends: Answers checks right; if not, all answers are chance.
        wears: Wears headphones, and so passes the check.
        hears: Probability to tell X.
        words: What is written in comments and questionnaires.
    """

    def __init__(
        self, test, number, qualities=QUALITIES, attends=True, wears=True, hears=0.5, words=""
    ):
        self.test, self.number = test, number
        self.attends, self.wears, self.hears = attends, wears, hears
        self.words = words
        self.chance = np.random.default_rng([1, number])
        self.qualities = FAIR | qualities
        self.bias = self.chance.normal(0, 0.04)
        self.tastes = {name: self.chance.normal(0, 0.04) for name in self.qualities}
        self.pages = session(test, number)["pages"]
        self.trials = trial_of(test, number)

    def answers(self):
        """All answers, by page, each of them complete."""
        return {page["id"]: self.answer(page) for page in self.pages if page["type"] != "finish"}

    def answer(self, page):
        plays = dict.fromkeys(sorted(sounds_of(page)), 1)
        return Answer(1, True, getattr(self, page["type"])(page), 30.0, plays)

    def heard(self, id):
        if not self.attends:
            return self.chance.uniform()
        system = self.test.stimulus(id).system
        noise = self.bias + self.tastes.get(system, 0) + self.chance.normal(0, 0.06)
        known = system == "reference" and self.qualities[system] > 0.9
        return self.qualities.get(system, 0.5) + (0 if known else noise)

    def consent(self, page):
        return {"agreed": True}

    def text(self, page):
        return {}

    def volume(self, page):
        return {"volume": 0.5}

    def questionnaire(self, page):
        plain = {"number": 30, "multiple": [], "text": self.words, "long": self.words}
        return {
            "answers": {
                question["id"]: plain.get(question["type"]) or question["choices"][0]
                for question in page["questions"]
                if question["type"] in ("number", "choice") or self.words
            }
        }

    def headphones(self, page):
        right = {trial["id"]: self.test.headphones[trial["id"]] for trial in page["trials"]}
        return {"choices": right if self.wears else {id: (v + 1) % 3 for id, v in right.items()}}

    def trial(self, page):
        ids = [stimulus["id"] for stimulus in page["stimuli"]]
        trial = self.trials.get(page["id"])
        expected = trial.expected if trial and self.attends else None
        if page["kind"] in RANGES:
            values = {"ratings": self.rated(ids, page["kind"], expected)}
        elif page["kind"] == "cmos":
            better = np.clip(round(6 * (self.heard(ids[1]) - self.heard(ids[0]))), -3, 3)
            if expected:
                [(id, (low, high))] = expected.ratings.items()
                better = (low + high) // 2 * (1 if id == ids[1] else -1)
            values = {"ratings": {ids[1]: int(better)}}
        else:
            values = {"choice": expected.choice if expected else self.chosen(page, trial, ids)}
        return values | ({"comment": self.words} if page["comment"] and self.words else {})

    def rated(self, ids, kind, expected):
        low, high = RANGES[kind]
        ratings = {id: round(low + (high - low) * min(1, max(0, self.heard(id)))) for id in ids}
        ends = expected.ratings if expected else {}
        return ratings | {id: round(sum(both) / 2) for id, both in ends.items()}

    def chosen(self, page, trial, ids):
        if page["kind"] == "ab":
            return max(ids, key=self.heard)
        if trial is None or len(trial.unknown) < 2:
            return ids[0]
        right = trial.stimuli[trial.unknown.index(page["unknown"])]
        wrong = next(id for id in ids if id != right)
        return right if self.chance.uniform() < self.hears else wrong


def store(test, folder, listeners, unfinished=()):
    """Saves the answers of simulated listeners as a server does."""
    opened = Store(folder, test.id)
    for listener in listeners:
        token = opened.join().result()
        for page, answer in listener.answers().items():
            if listener.number not in unfinished or not page.startswith("t0"):
                opened.save(token, page, answer).result()
        if listener.number not in unfinished:
            opened.finish(token, []).result()
    opened.close()
