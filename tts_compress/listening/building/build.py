"""A test file and results to a blinded test: a folder that says nothing of what is in it."""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tts_compress.errors import ListeningError
from tts_compress.listening.building.assembly import Assembly
from tts_compress.listening.building.form import ListeningForm
from tts_compress.listening.building.pages import TrainingPage
from tts_compress.listening.building.rules import read_form
from tts_compress.listening.building.sources import (
    Source,
    check_sentence,
    choose_sentences,
    find_sources,
    texts,
)
from tts_compress.listening.building.summary import say, summarize
from tts_compress.listening.building.trials import Speech, conditions
from tts_compress.listening.built import ANSWERS, TEST
from tts_compress.yaml_file import YamlFile


def build_test(form: Path, runs: Path, out: Path, console: Console) -> None:
    """Makes the folder of a listening test from a test file.

    What is there already is replaced, unless it has answers. Nothing is left of a test that cannot
    be built.

    Args:
        form: The test file.
        runs: Folder of results.
        out: Folder to make.
        console: Where the summary goes.

    Raises:
        RecipeError: The test file is wrong, or names what is not there.
        AudioError: A wav cannot be used.
        ListeningError: The folder cannot be replaced.
    """
    file, checked = read_form(form)
    _check_place(out)
    sources = find_sources(file, checked, runs)
    sentences = choose_sentences(file, checked, sources)
    _check_amounts(file, checked, len(sentences))
    practised = _practised(file, checked, sources, sentences)
    speech = Speech(
        sources,
        _common_rate(sources, {*sentences, practised}, console),
        texts(sources) if checked.show_text else (),
    )
    assembly = Assembly(file, checked, speech, sentences, practised, console)
    place = out.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(place)
    try:
        partial.mkdir()
        test = assembly.made(partial)
        test.save(partial)
        _replace(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    summarize(test, out, console)


def _check_place(out: Path) -> None:
    """Refuses a folder that holds answers, or something else than a test."""
    if (out / ANSWERS).exists():
        raise ListeningError(
            f"{out}: has answers of listeners, got {ANSWERS!r}. "
            "Build into another folder, or move this one away."
        )
    if out.exists() and not (out / TEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ListeningError(
            f"{out}: is no listening test, and would be replaced. Build into another folder."
        )


def _replace(partial: Path, out: Path) -> None:
    """Puts the finished folder in its place."""
    _check_place(out)  # listeners may have come meanwhile
    old = _beside(out)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_amounts(file: YamlFile, form: ListeningForm, n_sentences: int) -> None:
    """Refuses more trials or checks per listener than there are."""
    n = len(conditions(form)) * n_sentences
    each = form.per_listener or n
    if each > n:
        raise file.error(
            ["per_listener"], f"the test has {n} trials, got {each!r}. Leave it out for all."
        )
    if form.checks_per_listener > each:
        raise file.error(
            ["checks"],
            f"a listener gets {each} trials, and checks stand between them, "
            f"got {form.checks_per_listener!r}. Ask for fewer.",
        )


def _practised(
    file: YamlFile, form: ListeningForm, sources: dict[str, Source], sentences: Sequence[int]
) -> int:
    """Gives the sentence of practice: one that the test does not use, if there is one."""
    for index, page in enumerate(form.pages):
        if isinstance(page, TrainingPage) and page.sentence is not None:
            check_sentence(file, ["pages", index, "sentence"], page.sentence, sources)
            return page.sentence
    shared = set.intersection(*(source.numbers() for source in sources.values()))
    return min(shared - set(sentences), default=sentences[-1])


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _common_rate(sources: dict[str, Source], sentences: set[int], console: Console) -> int:
    """Gives the highest sample rate of all, Hz, which loses nothing of any; says what changes."""
    rates = {name: source.rates(sentences) for name, source in sources.items()}
    highest = max(rate for found in rates.values() for rate in found)
    for name, found in rates.items():
        for rate in sorted(found - {highest}):
            say(console, "resampled", f"{name} from {rate} Hz to {highest} Hz")
    return highest
