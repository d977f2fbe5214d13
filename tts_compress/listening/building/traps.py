"""Traps: a sentence begins as always, and then a voice asks for an answer.

Source: ITU-T P.808, which calls them trapping questions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tts_compress.listening.building.checks import MOST, clean_system
from tts_compress.listening.building.stimuli import Sound, Wave, faded, loudness, read_wav, resample
from tts_compress.listening.building.trials import Trials, new_id
from tts_compress.listening.built import Expected, Kind, Trial

VOICE = Path(__file__).parent / "data" / "traps"
ATTENTION = "attention"
BEGINNING, PAUSE, SHORT_PAUSE = 1.2, 0.25, 0.08  # seconds
LEVEL = -23.0  # LUFS of both parts

Trap = tuple[tuple[str, ...], tuple[float, float] | None]
"""What is asked for in each stimulus, and the rating that the first gets; none where the first is
chosen."""

RATINGS = range(1, 6)
TRAPS: dict[Kind, tuple[Trap, ...]] = {
    "mushra": (),
    "acr": tuple(((f"acr-{value}",), (value, value)) for value in RATINGS),
    "dcr": tuple(((f"dcr-{value}",), (value, value)) for value in RATINGS),
    "ab": ((("this", "other"), None),),
    "abx": ((("this", "other"), None),),
    "cmos": ((("better", "worse"), (3, 3)), (("same", "same"), (0, 0))),
}


def trap_trials(trials: Trials, sentences: Sequence[int]) -> tuple[Trial, ...]:
    """Gives traps: every answer that a voice can ask for, and at least so many as sentences."""
    traps = TRAPS[trials.form.kind]
    if not traps:
        return ()
    n = max(len(traps), min(MOST, len(sentences)))
    return tuple(
        _trial(trials, traps[i % len(traps)], sentences[i % len(sentences)]) for i in range(n)
    )


def _trial(trials: Trials, trap: Trap, sentence: int) -> Trial:
    asked, rating = trap
    stimuli = tuple(_add(trials, sentence, phrase) for phrase in asked)
    unknown = (_add(trials, sentence, "listen"),) if trials.form.kind == "abx" else ()
    return Trial(
        id=new_id(),
        sentence=sentence,
        text=trials.speech.text(sentence),
        reference=trials.reference(sentence),
        stimuli=stimuli,
        unknown=unknown,
        check="trap",
        expected=Expected(ratings={stimuli[0]: rating}) if rating else Expected(choice=stimuli[0]),
    )


def _add(trials: Trials, sentence: int, phrase: str) -> str:
    clean = trials.speech.sound(clean_system(trials.form), sentence)
    sound = Sound(lambda: interrupted(clean.load(), clean.rate, phrase), clean.rate)
    return trials.sounds.add(sound, f"trap {phrase}", "check", sentence)


def interrupted(wave: Wave, rate: int, phrase: str) -> Wave:
    """Gives the beginning of a sound ``(samples,)``, and then what the voice asks for.

    Args:
        wave: The sound.
        rate: Its sample rate, Hz.
        phrase: Name of the request, a file of `VOICE`.
    """
    pause, short = (np.zeros(int(seconds * rate)) for seconds in (PAUSE, SHORT_PAUSE))
    parts = [wave[: int(BEGINNING * rate)], *_voice(rate, ATTENTION, phrase)]
    spoken = [faded(_leveled(part, rate), rate) for part in parts]
    return np.concatenate([spoken[0], pause, spoken[1], short, spoken[2]])


def _voice(rate: int, *names: str) -> Iterator[Wave]:
    for name in names:
        yield resample(*read_wav(VOICE / f"{name}.flac"), rate)


def _leveled(wave: Wave, rate: int) -> Wave:
    measured = loudness(wave, rate)
    return wave * 10 ** ((LEVEL - measured) / 20) if np.isfinite(measured) else wave
