"""A built test as a configuration of webMUSHRA, with its sounds.

Source: doc/experimenter.md and configs/ of audiolabs/webMUSHRA, which document the pages and keys,
and lib/webmushra of the same, which wants all stimuli of a MUSHRA page to have one length, adds the
hidden reference itself, and makes a paired comparison one of finding the reference again.
"""

import shutil
from collections.abc import Iterator, Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from rich.console import Console

from tts_compress.errors import ListeningError
from tts_compress.listening.building.checks import CLEAN
from tts_compress.listening.building.stimuli import write_wav
from tts_compress.listening.building.summary import say
from tts_compress.listening.building.trials import REFERENCE
from tts_compress.listening.built import AUDIO, BuiltTest, Trial
from tts_compress.listening.scales import SCALES

SOUNDS = Path("configs/resources/audio")
PAUSE = 0.5  # seconds between two sounds in one file
CLEAN_ONES = (REFERENCE, CLEAN)  # webMUSHRA adds the hidden reference itself
Page = dict[str, Any]


def export_webmushra(folder: Path, out: Path, console: Console) -> None:
    """Writes ``configs/<name>.yaml`` and its sounds, to be copied over a folder of webMUSHRA.

    What webMUSHRA cannot do is said, a line each.

    Args:
        folder: A built test.
        out: Folder to make.
        console: Where what is lost is said.

    Raises:
        ListeningError: There is no built test, or the folder holds something already.
    """
    test = BuiltTest.load(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ListeningError(f"{out}: is not empty. Export into another folder.")
    sounds = SOUNDS / test.name
    (out / sounds).mkdir(parents=True)
    pages = _Pages(test, folder, out, sounds)
    config = {
        "testname": test.title,
        "testId": test.name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": [*pages.all()],
    }
    path = out / "configs" / f"{test.name}.yaml"
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
    for line in _losses(test):
        say(console, "webMUSHRA", line)
    say(
        console, "next", f"copy {out} over a webMUSHRA folder, and open it with ?config={path.name}"
    )


class _Pages:
    """Makes the pages, and the sounds that they play."""

    def __init__(self, test: BuiltTest, folder: Path, out: Path, sounds: Path) -> None:
        self.test, self.folder, self.out, self.sounds = test, folder, out, sounds

    def all(self) -> Iterator[Page | list[Any]]:
        """Gives the pages in their order; the trials are one block by chance, where they start."""
        trials_come = True
        for number, page in enumerate(self.test.pages, 1):
            match page["type"]:
                case "trials":
                    if trials_come:
                        every = enumerate([*self.test.trials, *_checks(self.test)], 1)
                        yield ["random", *(self.trial(trial, f"t{n:03}") for n, trial in every)]
                    trials_come = False
                case "training":
                    yield _generic(page, f"page{number}")
                    for n, trial in enumerate(self.test.training, 1):
                        yield self.trial(trial, f"training{n:02}")
                case "volume":
                    yield {
                        **_generic(page, f"page{number}"),
                        "type": "volume",
                        "stimulus": self.copied(page["audio"]),
                        "defaultVolume": 0.5,
                    }
                case "finish":
                    yield self.finish(page)
                case "consent" | "text":
                    yield _generic(page, f"page{number}")

    def finish(self, page: Page) -> Page:
        """Gives the last page, which asks all questions."""
        asked = [p["questions"] for p in self.test.pages if p["type"] == "questionnaire"]
        return {
            "type": "finish",
            "name": page["title"],
            "content": _html(page["text"]),
            "showResults": False,
            "writeResults": True,
            "questionnaire": [_question(question) for question in chain.from_iterable(asked)],
        }

    def trial(self, trial: Trial, id: str) -> Page:
        """Gives a trial as the page that comes nearest to it."""
        sentence = [trial.text] if trial.text else []
        page: Page = {
            "id": f"{id}_{trial.check}" if trial.check else id,
            "name": self.test.title,
            "content": _html([self.test.question, *sentence]),
        }
        match self.test.kind:
            case "mushra":
                return page | self.mushra(trial)
            case "abx":
                return page | self.abx(trial, odd=id[-1] in "13579")
        return page | self.likert(trial, odd=id[-1] in "13579")

    def mushra(self, trial: Trial) -> Page:
        ids = [id for id in trial.stimuli if self.test.stimulus(id).system not in CLEAN_ONES]
        reference, *files = self.padded(trial, [str(trial.reference), *ids])
        return {
            "type": "mushra",
            "showWaveform": False,
            "enableLooping": True,
            "strict": False,
            "reference": reference,
            "createAnchor35": False,
            "createAnchor70": False,
            "randomize": True,
            "showConditionNames": False,
            "stimuli": dict(zip(self.names(ids), files, strict=True)),
        }

    def abx(self, trial: Trial, odd: bool) -> Page:
        """X is called the reference, and is one system or the other from trial to trial."""
        x, other = trial.stimuli if odd else trial.stimuli[::-1]
        reference, file = self.padded(trial, [x, other])
        [name] = self.names([other])
        return {
            "type": "paired_comparison",
            "showWaveform": False,
            "enableLooping": False,
            "reference": reference,
            "stimuli": {name: file},
        }

    def likert(self, trial: Trial, odd: bool) -> Page:
        """One file to rate: of two sounds, they follow each other in it."""
        ids = [*trial.stimuli] if odd else [*trial.stimuli[::-1]]
        heard = [trial.reference] if trial.reference else []
        file = self.joined([*heard, *ids])
        return {
            "type": "likert_single_stimulus",
            "mustRate": True,
            "mustPlayback": "ended",
            "stimuli": {" then ".join(self.names(ids)): file},
            "response": [*self.responses()],
        }

    def responses(self) -> Iterator[Page]:
        scale = SCALES[self.test.kind]
        if scale is not None:
            yield from scale["labels"]
            return
        yield from ({"value": "first", "label": "First"}, {"value": "second", "label": "Second"})
        if self.test.ties:
            yield {"value": "none", "label": "No preference"}

    def names(self, ids: Sequence[str]) -> list[str]:
        """Gives names of stimuli by their systems; the same one twice gets a number."""
        systems = [self.test.stimulus(id).system for id in ids]
        return [
            name if systems.count(name) == 1 else f"{name} {systems[:n].count(name) + 1}"
            for n, name in enumerate(systems)
        ]

    def copied(self, id: str) -> str:
        """Gives the path of a stimulus."""
        shutil.copyfile(self.source(id), self.out / self.sounds / f"{id}.wav")
        return str(self.sounds / f"{id}.wav")

    def padded(self, trial: Trial, ids: Sequence[str]) -> list[str]:
        """Gives the paths of stimuli with silence at their ends, as long as the longest."""
        waves = [self.read(id) for id in ids]
        longest = max(len(wave) for wave in waves)
        return [
            self.write(f"{trial.id}-{id}", np.pad(wave, (0, longest - len(wave))))
            for id, wave in zip(ids, waves, strict=True)
        ]

    def joined(self, ids: Sequence[str]) -> str:
        """Gives the path of stimuli after each other, with a pause."""
        pause = np.zeros(int(PAUSE * self.rate), np.int16)
        first, *others = [self.read(id) for id in ids]
        wave = np.concatenate([first, *chain.from_iterable((pause, other) for other in others)])
        return self.write("-".join(ids), wave)

    @property
    def rate(self) -> int:
        return int(self.test.source["sample_rate"])

    def source(self, id: str) -> Path:
        return self.folder / AUDIO / f"{id}.wav"

    def read(self, id: str) -> NDArray[np.int16]:
        import soundfile

        wave, _ = soundfile.read(self.source(id), dtype="int16")
        return np.asarray(wave)

    def write(self, name: str, wave: NDArray[np.int16]) -> str:
        write_wav(self.out / self.sounds / f"{name}.wav", wave, self.rate)
        return str(self.sounds / f"{name}.wav")


def _checks(test: BuiltTest) -> list[Trial]:
    """Gives the checks that work there: where X is the reference, it asks for nothing."""
    return [check for check in test.checks if (test.kind, check.check) != ("abx", "trap")]


def _generic(page: Page, id: str) -> Page:
    """Gives a page that only says something; a consent is said, and not asked for."""
    said = [*page["text"], *([page["label"]] if "label" in page else [])]
    return {"type": "generic", "id": id, "name": page["title"], "content": _html(said)}


def _html(paragraphs: Sequence[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in paragraphs)


def _question(question: Page) -> Page:
    """Gives a question in the nearest of webMUSHRA's types."""
    choices = question.get("choices", [])
    label = escape(question["label"])
    asked: Page = {"name": question["id"], "label": label, "optional": not question["required"]}
    match question["type"]:
        case "number":
            limits = {key: question.get(key, "") for key in ("min", "max")}
            return {"type": "number", **asked, **limits, "default": ""}
        case "choice":
            response = [{"value": choice, "label": escape(choice)} for choice in choices]
            return {"type": "likert", **asked, "response": response}
        case "multiple":
            listed = f"{label} (any of: {escape(', '.join(choices))})"
            return {"type": "long_text", **asked, "label": listed}
        case "long":
            return {"type": "long_text", **asked}
    return {"type": "text", **asked}


def _losses(test: BuiltTest) -> Iterator[str]:
    """Says what of this test webMUSHRA cannot do."""
    types = [page["type"] for page in test.pages]
    yield "names the systems in its configuration, which listeners can read."
    yield "orders trials by chance for each listener, and not by a balanced design."
    if test.per_listener is not None and test.per_listener < len(test.trials):
        yield f"gives every listener all {len(test.trials)} trials, not {test.per_listener}."
    if test.checks:
        yield f"gives every listener all {len(_checks(test))} checks, and may start with one."
    if "consent" in types:
        yield "shows the consent, and asks for none."
    if "headphones" in types:
        yield "has no check of headphones of this kind: it is left out."
    if "questionnaire" in types[:-2] or types.count("questionnaire") > 1:
        yield "asks all questions on its last page."
    if types.count("trials") > 1:
        yield "has all trials in one block."
    if test.comments:
        yield "takes no comments on trials."
    yield "stores answers at the end only: who leaves before loses them."
    yield from _losses_of_kind(test)


def _losses_of_kind(test: BuiltTest) -> Iterator[str]:
    roles = {test.stimulus(id).role for trial in test.trials for id in trial.stimuli}
    match test.kind:
        case "mushra":
            if "reference" not in roles:
                yield "always judges a hidden reference."
            yield "wants stimuli of one length: silence is added at their ends."
        case "abx":
            yield "calls X the reference, and X of each trial is the same for all listeners."
        case "ab" | "cmos" | "dcr":
            yield "has no page for this: two sounds are joined in one file, and rated there."
            if test.kind != "dcr":
                yield "has the same sound first for every listener; half of the trials each way."
