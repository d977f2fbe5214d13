"""Gold trials: sounds so far apart that a listener who attends cannot miss it.

They look like all other trials: a clean sound, and a copy of it that noise makes bad.

Source: ITU-T P.808, which calls them gold standard questions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tts_compress.listening.building.form import RECORDING, ListeningForm
from tts_compress.listening.building.stimuli import Sound, Wave, modulated_noise
from tts_compress.listening.building.trials import Trials, conditions, new_id
from tts_compress.listening.built import Expected, Trial

DEGRADED = 5.0  # dB of speech over noise
MOST = 4  # sentences that checks are made of; listeners get them by turns
CLEAN, BAD = "clean", "degraded"


def gold_trials(trials: Trials, sentences: Sequence[int]) -> tuple[Trial, ...]:
    """Gives gold trials of some of the sentences."""
    return tuple(
        check
        for number, sentence in enumerate(sentences[:MOST])
        for check in _Gold(trials, sentence).checks(number)
    )


def clear_trial(trials: Trials, sentence: int) -> Trial:
    """Gives a trial of the bad end of quality, for practice."""
    first = next(_Gold(trials, sentence).checks(0))
    return first.model_copy(update={"check": None, "expected": None})


def clean_system(form: ListeningForm) -> str:
    """Gives the system that checks are made of: the reference, or else the first one."""
    return form.reference or next(iter(form.systems))


@dataclass(frozen=True)
class _Gold:
    """Gold trials of one sentence."""

    trials: Trials
    sentence: int

    def checks(self, number: int) -> Iterator[Trial]:
        """Gives the trials; X of an abx trial changes from one number to the next."""
        form = self.trials.form
        match form.kind:
            case "ab":
                clean, bad = self.add(CLEAN), self.add(BAD)
                yield self.trial((clean, bad), Expected(choice=clean))
            case "cmos":
                clean, bad = self.add(CLEAN), self.add(BAD)
                yield self.trial((clean, bad), Expected(ratings={clean: (1, 3)}))
            case "abx":
                both = self.add(CLEAN), self.add(BAD)
                x = self.add((CLEAN, BAD)[number % 2])
                yield self.trial(both, Expected(choice=both[number % 2]), (x,))
            case "mushra":
                [condition] = conditions(form)
                clean, bad_ones = self.add(CLEAN), [self.add(BAD) for _ in condition[1:]]
                ratings = {clean: (80.0, 100.0), **dict.fromkeys(bad_ones, (0.0, 70.0))}
                yield self.trial((clean, *bad_ones), Expected(ratings=ratings))
            case "dcr":
                yield self.rated(BAD, (1, 2))
                yield self.rated(CLEAN, (4, 5))
            case "acr":
                yield self.rated(BAD, (1, 2))
                if form.reference == RECORDING:  # how good a system is only listeners can say
                    yield self.rated(CLEAN, (3, 5))

    def rated(self, which: str, expected: tuple[float, float]) -> Trial:
        """Gives a trial of one stimulus."""
        id = self.add(which)
        return self.trial((id,), Expected(ratings={id: expected}))

    def trial(
        self, stimuli: tuple[str, ...], expected: Expected, unknown: tuple[str, ...] = ()
    ) -> Trial:
        return Trial(
            id=new_id(),
            sentence=self.sentence,
            text=self.trials.speech.text(self.sentence),
            reference=self.trials.reference(self.sentence),
            stimuli=stimuli,
            unknown=unknown,
            check="gold",
            expected=expected,
        )

    def add(self, which: str) -> str:
        """Adds a stimulus, and gives its id."""
        sound = self.trials.speech.sound(clean_system(self.trials.form), self.sentence)
        if which == BAD:
            sound = Sound(partial(_noisy, sound), sound.rate)
        return self.trials.sounds.add(sound, which, "check", self.sentence)


def _noisy(clean: Sound) -> Wave:
    wave = clean.load()
    return modulated_noise(wave, DEGRADED, np.random.default_rng(len(wave)))
