"""The trials of a test: which sounds are judged together."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tts_compress.listening.building.form import PAIRED, ListeningForm
from tts_compress.listening.building.sources import Source
from tts_compress.listening.building.stimuli import (
    Sound,
    Sounds,
    Wave,
    low_pass,
    read_wav,
    resample,
)
from tts_compress.listening.built import Role, Trial

REFERENCE = "reference"
MOST_PRACTICE = 3  # conditions that are practised; of more, some between the first and the last


@dataclass
class Speech:
    """What systems say, all at one sample rate.

    Attributes:
        sources: Wavs by system.
        rate: Sample rate, Hz.
        texts: Sentences, in the order of their numbers; empty if unknown or not shown.
    """

    sources: dict[str, Source]
    rate: int
    texts: tuple[str, ...] = ()
    _sounds: dict[tuple[str, int, int], Sound] = field(default_factory=dict)

    def sound(self, system: str, sentence: int, cutoff: int = 0) -> Sound:
        """Gives what a system says; its low-pass copy if there is a cutoff, in Hz."""
        key = (system, sentence, cutoff)
        if key not in self._sounds:
            path = self.sources[system].wav(sentence)
            self._sounds[key] = Sound(lambda: self._load(path, cutoff), self.rate)
        return self._sounds[key]

    def text(self, sentence: int) -> str | None:
        """Gives a sentence, if it is known."""
        return self.texts[sentence - 1] if sentence <= len(self.texts) else None

    def _load(self, path: Path, cutoff: int) -> Wave:
        wave = resample(*read_wav(path), self.rate)
        return low_pass(wave, self.rate, cutoff) if cutoff else wave


@dataclass(frozen=True)
class Part:
    """One of the stimuli of a condition: a system, the hidden reference, or an anchor.

    Attributes:
        system: What it is called in the results.
        role: What it is for.
        source: The system whose sound it is.
        cutoff: Of an anchor, Hz.
    """

    system: str
    role: Role
    source: str
    cutoff: int = 0


Condition = tuple[Part, ...]


def conditions(form: ListeningForm) -> tuple[Condition, ...]:
    """Gives what is heard together: every one of them is a trial with each sentence."""
    if form.kind in PAIRED:
        return tuple(tuple(Part(name, "system", name) for name in pair) for pair in form.all_pairs)
    parts = [Part(name, "system", name) for name in form.compared]
    if form.hides_reference:
        parts.append(Part(REFERENCE, "reference", str(form.reference)))
    if form.kind != "mushra":
        return tuple((part,) for part in parts)
    anchors = [
        Part(f"anchor {cutoff} Hz", "anchor", str(form.reference), cutoff)
        for cutoff in form.cutoffs
    ]
    return ((*parts, *anchors),)


@dataclass
class Trials:
    """Makes trials, and collects their sounds.

    Attributes:
        form: What the test file says.
        speech: What the systems say.
        sounds: Where stimuli go.
    """

    form: ListeningForm
    speech: Speech
    sounds: Sounds
    _references: dict[int, str] = field(default_factory=dict)

    def judged(self, sentences: Sequence[int]) -> tuple[Trial, ...]:
        """Gives every condition with every sentence."""
        return tuple(
            self.trial(condition, sentence)
            for condition in conditions(self.form)
            for sentence in sentences
        )

    def practice(self, sentence: int) -> tuple[Trial, ...]:
        """Gives trials of practice over the whole range of quality, as BS.1534-3 asks."""
        found = conditions(self.form)
        if len(found) > MOST_PRACTICE:
            steps = MOST_PRACTICE - 1
            found = tuple(found[i * (len(found) - 1) // steps] for i in range(MOST_PRACTICE))
        return tuple(self.trial(condition, sentence) for condition in found)

    def trial(self, condition: Condition, sentence: int) -> Trial:
        """Gives one trial, each of its stimuli a file of its own."""
        unknown = condition if self.form.kind == "abx" else ()
        return Trial(
            id=new_id(),
            sentence=sentence,
            text=self.speech.text(sentence),
            reference=self.reference(sentence),
            stimuli=tuple(self._add(condition, sentence)),
            unknown=tuple(self._add(unknown, sentence)),
        )

    def reference(self, sentence: int) -> str | None:
        """Gives the stimulus that is named as the reference of a sentence, if there is one."""
        if self.form.reference is None or self.form.kind == "acr":
            return None
        if sentence not in self._references:
            sound = self.speech.sound(self.form.reference, sentence)
            self._references[sentence] = self.sounds.add(sound, REFERENCE, "reference", sentence)
        return self._references[sentence]

    def _add(self, condition: Condition, sentence: int) -> Iterator[str]:
        for part in condition:
            sound = self.speech.sound(part.source, sentence, part.cutoff)
            yield self.sounds.add(sound, part.system, part.role, sentence)


def new_id() -> str:
    """Gives a name by chance."""
    return secrets.token_hex(8)
