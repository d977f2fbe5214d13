"""Where the sound of each system is: wavs of runs, of recordings, and of folders."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tts_compress.errors import AudioError, ListeningError, RecipeError, nearest
from tts_compress.listening.building.form import RECORDING, ListeningForm, SourceForm
from tts_compress.yaml_file import YamlFile

RECORDINGS = "recordings"


@dataclass(frozen=True)
class Source:
    """Wavs of one system.

    Attributes:
        name: The system, or ``recording``.
        folder: Where its ``NNN.wav`` are.
        label: What it is, for reports.
        texts: The sentences, if the results say them.
    """

    name: str
    folder: Path
    label: str
    texts: tuple[str, ...] = ()

    def numbers(self) -> set[int]:
        """Gives the numbers of the sentences that it says, from 1."""
        return {int(p.stem) for p in self.folder.glob("*.wav") if re.fullmatch("[0-9]+", p.stem)}

    def wav(self, sentence: int) -> Path:
        """Gives the file of a sentence."""
        return self.folder / f"{sentence:03}.wav"

    def rates(self, sentences: Iterable[int]) -> set[int]:
        """Gives the sample rates of sentences, Hz.

        Raises:
            AudioError: A wav cannot be read.
        """
        import soundfile

        rates = set()
        for path in map(self.wav, sentences):
            try:
                rates.add(int(soundfile.info(path).samplerate))
            except (soundfile.LibsndfileError, OSError) as error:
                raise AudioError(f"{path}: is no sound, got {error}. Make it again.") from None
        return rates


def find_sources(file: YamlFile, form: ListeningForm, runs: Path) -> dict[str, Source]:
    """Gives the wavs of every system by its name, and of the recordings if they are the reference.

    Args:
        file: The test file, for messages and as the place that paths start from.
        form: What it says.
        runs: Folder of results.

    Raises:
        RecipeError: A system is not there, is not done, or has no wavs.
    """
    sources = {name: _source(file, name, source, runs) for name, source in form.systems.items()}
    if form.reference == RECORDING:
        sources[RECORDING] = _recordings(file, form, runs)
    for name, source in sources.items():
        if not source.numbers():
            keys = ["systems", name] if name in form.systems else ["reference"]
            raise file.error(keys, f"{source.folder} holds no NNN.wav, got {name!r}. Correct it.")
    return sources


def choose_sentences(
    file: YamlFile, form: ListeningForm, sources: dict[str, Source]
) -> tuple[int, ...]:
    """Gives the numbers of the sentences that are compared.

    Raises:
        RecipeError: A system lacks one, or there is none that all have.
    """
    shared = set.intersection(*(source.numbers() for source in sources.values()))
    if form.sentences == "all":
        if not shared:
            raise file.error(["systems"], f"share no sentence, got {[*sources]!r}. Leave some out.")
        return tuple(sorted(shared))
    for index, number in enumerate(form.sentences):
        check_sentence(file, ["sentences", index], number, sources)
    return form.sentences


def check_sentence(
    file: YamlFile, keys: Sequence[str | int], number: int, sources: dict[str, Source]
) -> None:
    """Refuses a sentence that a system does not say.

    Raises:
        RecipeError: Its wav is missing.
    """
    for name, source in sources.items():
        if number not in source.numbers():
            known = _ranges(source.numbers())
            raise file.error(
                keys, f"{name!r} has no such sentence, got {number!r}. In {source.folder}: {known}."
            )


def texts(sources: dict[str, Source]) -> tuple[str, ...]:
    """Gives the sentences as the first results that know them say them.

    Raises:
        ListeningError: Two results hold other sentences under the same numbers.
    """
    known = [source for source in sources.values() if source.texts]
    for one, other in pairwise(known):
        for number, (a, b) in enumerate(zip(one.texts, other.texts, strict=False), 1):
            if a != b:
                raise ListeningError(
                    f"{one.label}: sentence {number} is another one in {other.label}, got {a!r} "
                    f"and {b!r}. Compare runs of the same sentences."
                )
    return max((source.texts for source in known), key=len, default=())


def _source(file: YamlFile, name: str, form: SourceForm, runs: Path) -> Source:
    keys = ["systems", name]
    if form.folder is not None:
        return Source(name, file.find(form.folder, [*keys, "folder"]), form.folder)
    recipe, slash, run = (form.run or "").partition("/")
    if not slash or not run:
        raise file.error(keys, f"must be recipe/run, got {form.run!r}. Such as {recipe}/dense.")
    folder, said = _recipe(file, keys, runs, recipe)
    sentences = tuple(said.get("sentences") or ())
    if run == RECORDINGS:
        return Source(name, folder / RECORDINGS, f"{recipe}/{RECORDINGS}", sentences)
    ids = {entry["id"]: entry["name"] for entry in said["runs"]}
    found = [id for id, known in ids.items() if run in (id, known)]
    if not found:
        known = nearest(run, [*ids.values(), RECORDINGS])
        raise file.error(keys, f"{recipe} has no such run, got {run!r}. {known}")
    [id] = found[:1]
    if not (folder / id / "DONE").is_file():
        raise file.error(keys, f"is not done, got {form.run!r}. Run the recipe {recipe!r} first.")
    return Source(name, folder / id / "wavs", f"{recipe}/{id} ({ids[id]})", sentences)


def _recipe(
    file: YamlFile, keys: Sequence[str], runs: Path, recipe: str
) -> tuple[Path, dict[str, Any]]:
    """Gives the folder of a recipe's results, and what its ``recipe.json`` says."""
    path = runs / recipe / "recipe.json"
    if not path.is_file():
        names = [found.parent.name for found in runs.glob("*/recipe.json")]
        if not names:
            raise file.error(keys, f"{runs} holds no results, got {recipe!r}. Run a recipe first.")
        raise file.error(
            keys, f"{runs} has no results of this recipe, got {recipe!r}. {nearest(recipe, names)}"
        )
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        ids = [(run["id"], run["name"]) for run in said["runs"]]
    except (ValueError, TypeError, KeyError):
        raise ListeningError(f"{path}: truncated or altered. Run the recipe again.") from None
    if not ids:
        raise file.error(keys, f"{path} names no run, got {recipe!r}. Run the recipe again.")
    return path.parent, said


def _recordings(file: YamlFile, form: ListeningForm, runs: Path) -> Source:
    """Gives the recordings of the first recipe of the test that has some."""
    recipes = dict.fromkeys(
        source.run.partition("/")[0] for source in form.systems.values() if source.run
    )
    for recipe in recipes:
        folder, said = _recipe(file, ["reference"], runs, recipe)
        if (folder / RECORDINGS).is_dir():
            sentences = tuple(said.get("sentences") or ())
            return Source(RECORDING, folder / RECORDINGS, f"{recipe}/{RECORDINGS}", sentences)
    raise _no_recordings(file, runs, [*recipes])


def _no_recordings(file: YamlFile, runs: Path, recipes: list[str]) -> RecipeError:
    return file.error(
        ["reference"],
        f"no recordings beside the runs, got {recipes!r} in {runs}. "
        "Name them in the recipe's evaluate, or take a system as the reference.",
    )


def _ranges(numbers: set[int]) -> str:
    """Says numbers in few words.

    >>> _ranges({1, 2, 3, 7})
    '1 to 3, 7'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts)
