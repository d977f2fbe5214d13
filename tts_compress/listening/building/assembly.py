"""All parts of a test put together: trials, practice, checks, pages, and their sounds."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tts_compress.listening.building.checks import clean_system, clear_trial, gold_trials
from tts_compress.listening.building.form import PAIRED, ListeningForm
from tts_compress.listening.building.headphones import make_check
from tts_compress.listening.building.pages import PRACTICE, TASKS, Page
from tts_compress.listening.building.stimuli import Sounds
from tts_compress.listening.building.summary import say
from tts_compress.listening.building.traps import trap_trials
from tts_compress.listening.building.trials import Speech, Trials, new_id
from tts_compress.listening.built import AUDIO, BuiltTest, Trial
from tts_compress.listening.scales import QUESTIONS
from tts_compress.yaml_file import YamlFile


@dataclass(frozen=True)
class Assembly:
    """What a test is made of.

    Attributes:
        file: The test file.
        form: What it says.
        speech: What the systems say.
        sentences: Numbers of the sentences that are compared.
        practised: Number of the sentence of practice.
        console: Where is said what differs from what was asked for.
    """

    file: YamlFile
    form: ListeningForm
    speech: Speech
    sentences: Sequence[int]
    practised: int
    console: Console

    def made(self, folder: Path) -> BuiltTest:
        """Writes the sounds, and gives the test.

        Raises:
            AudioError: A wav cannot be used.
            ListeningError: An anchor needs a higher sample rate.
        """
        form = self.form
        sounds = Sounds(self.speech.rate)
        trials = Trials(form, self.speech, sounds)
        parts = {
            "trials": trials.judged(self.sentences),
            "training": self._practice(trials),
            "checks": self._checks(trials),
        }
        pages, right = self._pages(trials)
        target = self._loudness(sounds)
        settings = form.model_dump(
            include={"kind", "title", "ties", "comments", "seed", "listeners", "per_listener"}
        )
        return BuiltTest(
            **settings,
            **parts,
            id=new_id(),
            name=form.name or self.file.path.stem,
            question=form.question or QUESTIONS[form.kind],
            secret=secrets.token_hex(32),
            checks_per_listener=form.checks_per_listener,
            systems=form.compared,
            reference=form.reference,
            pages=pages,
            headphones=right,
            stimuli=sounds.write(folder / AUDIO, target),
            source=self._source(target),
        )

    def _practice(self, trials: Trials) -> tuple[Trial, ...]:
        """Gives the trials of practice; those of mushra have the bad end of quality in anchors."""
        if "training" not in (page.type for page in self.form.pages):
            return ()
        bad_end = [] if self.form.kind == "mushra" else [clear_trial(trials, self.practised)]
        return (*bad_end, *trials.practice(self.practised))

    def _checks(self, trials: Trials) -> tuple[Trial, ...]:
        if not self.form.checks_per_listener:
            return ()
        return (*gold_trials(trials, self.sentences), *trap_trials(trials, self.sentences))

    def _pages(self, trials: Trials) -> tuple[tuple[dict[str, Any], ...], dict[str, int]]:
        """Gives the pages as listeners get them, and the right choices of the headphone check."""
        right: dict[str, int] = {}
        pages = []
        for page in self.form.pages:
            said = page.model_dump(mode="json", exclude_none=True)
            if page.type == "headphones":
                check, right = make_check(trials.sounds)
                said |= check
            pages.append(self._said(page, said, trials))
        return tuple(pages), right

    def _said(self, page: Page, said: dict[str, Any], trials: Trials) -> dict[str, Any]:
        match page.type:
            case "volume":
                sound = self.speech.sound(clean_system(self.form), self.practised)
                audio = trials.sounds.add(sound, "volume", "tool", self.practised)
                return said | {"audio": audio}
            case "training":
                said.pop("sentence", None)
                return {"text": [*TASKS[self.form.kind], PRACTICE]} | said
        return said

    def _loudness(self, sounds: Sounds) -> float:
        """Gives the loudness of all sounds, LUFS; says if it is not the one that was asked for."""
        target, system = sounds.loudness(self.form.loudness)
        if system:
            asked = f"{target:.1f} LUFS for all instead of {self.form.loudness:g}"
            say(self.console, "loudness", f"{asked}: {system!r} would clip")
        silent = sounds.silent()
        if silent:
            say(self.console, "silent", f"and left so: {', '.join(silent)}")
        return target

    def _source(self, target: float) -> dict[str, Any]:
        """Gives where the sound came from, for reports."""
        pairs = self.form.all_pairs if self.form.kind in PAIRED else ()
        return {
            "systems": {name: source.label for name, source in self.speech.sources.items()},
            "sentences": [*self.sentences],
            "pairs": [[*pair] for pair in pairs],
            "practised": self.practised,
            "loudness_lufs": round(target, 2),
            "sample_rate": self.speech.rate,
            "form": self.file.path.read_text(encoding="utf-8-sig"),
        }
