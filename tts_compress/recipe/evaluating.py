"""What a recipe speaks, who listens to it, and which recordings it is compared with."""

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from tts_compress.errors import RecipeError, nearest
from tts_compress.recipe import finding
from tts_compress.recipe.forms import (
    GRIFFIN_LIM,
    NOBODY,
    RECOGNIZERS,
    EvaluateForm,
)
from tts_compress.recipe.runs import Evaluate, Predictor, Recording
from tts_compress.yaml_file import YamlFile

RECOGNIZER_PLUGINS = "tts_compress.recognizers"
"""Group of the entry points by which other packages add recognizers."""

SOUNDS = (".wav", ".flac")
MAX_METADATA_BYTES = 2**26


def evaluate(file: YamlFile, form: EvaluateForm) -> Evaluate:
    """Finds the sentences, the vocoder, who listens, and the recordings.

    Raises:
        RecipeError: Something is not there.
    """
    sentences = finding.sentences(file, form.sentences, "evaluate", "sentences")
    vocoder = None
    if form.vocoder.path != GRIFFIN_LIM:
        vocoder = finding.checkpoint(file, form.vocoder, "evaluate", "vocoder")
    recognizer, sha256 = _recognizer(file, form.recognizer)
    return Evaluate(
        sentences=sentences,
        vocoder=vocoder,
        seed=form.seed,
        recognizer=recognizer,
        recognizer_sha256=sha256,
        recordings=_recordings(file, form.recordings, sentences) if form.recordings else (),
        predictors=tuple(_predictors(file, form)),
    )


def _recognizer(file: YamlFile, given: str) -> tuple[str | None, str | None]:
    """Gives a known name, or the path of a model and its content hash; nothing for nobody."""
    if given == NOBODY:
        return None, None
    known = {*RECOGNIZERS, *(plugin.name for plugin in entry_points(group=RECOGNIZER_PLUGINS))}
    if given in known:
        return given, None
    keys = ("evaluate", "recognizer")
    try:
        found = file.find(given, keys)
    except RecipeError as error:
        if "/" in given:
            raise
        advice = f"{nearest(given, {*known, NOBODY})} Or name the folder of a model."
        message = f"no such recognizer and no such folder, got {given!r}. {advice}"
        raise file.error(keys, message) from error
    return str(found), _content(found)


def _predictors(file: YamlFile, form: EvaluateForm) -> Iterator[Predictor]:
    """Finds the weights of the predictors that are given some."""
    for name, given in form.predictors.items():
        weights = file.find(given, ("evaluate", "predictors", name)) if given else None
        sha256 = _content(weights) if weights else None
        yield Predictor(name=name, weights=weights, sha256=sha256)


def _recordings(file: YamlFile, given: str, sentences: Sequence[str]) -> tuple[Recording, ...]:
    """Finds the recordings of sentences, by number or by text."""
    keys = ("evaluate", "recordings")
    folder = file.find(given, keys)
    if not folder.is_dir():
        raise file.error(keys, f"must be a folder, got the file {given!r}. Name the one it is in.")
    by_text = (folder / "metadata.csv").is_file()
    found = _by_text(folder, sentences) if by_text else _by_number(folder, len(sentences))
    if not found:
        raise file.error(
            keys,
            f"no recording of any of {len(sentences)} sentences, got {given!r}. Give "
            + ("a metadata.csv with their texts." if by_text else "001.wav or 001.flac and so on."),
        )
    return tuple(
        Recording(sentence=number, path=path, sha256=_content(path))
        for number, path in sorted(found.items())
    )


def _by_number(folder: Path, n_sentences: int) -> dict[int, Path]:
    """Finds ``001.wav`` or ``001.flac`` and so on."""
    named = {n: _sound(folder, f"{n:03d}") for n in range(1, n_sentences + 1)}
    return {number: path for number, path in named.items() if path}


def _by_text(folder: Path, sentences: Sequence[str]) -> dict[int, Path]:
    """Finds the sound of each sentence that a ``metadata.csv`` as LJSpeech's knows.

    Its lines are ``name|text|text in full``; either may be the sentence's, in other punctuation.
    """
    from tts_compress.text.words import normalize_words

    path = folder / "metadata.csv"
    if path.stat().st_size > MAX_METADATA_BYTES:
        raise RecipeError(f"{path}: larger than {MAX_METADATA_BYTES} bytes. Give a list of texts.")
    wanted = {tuple(normalize_words(text)): n for n, text in enumerate(sentences, 1)}
    found: dict[int, Path] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, *texts = line.split("|")
        numbers = (wanted.get(tuple(normalize_words(text))) for text in texts)
        number = next((number for number in numbers if number), None)
        sound = _sound(folder / "wavs", Path(name).name) if number else None
        if number and sound:
            found.setdefault(number, sound)
    return found


def _sound(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}{suffix}" for suffix in SOUNDS)
    return next((path for path in paths if path.is_file()), None)


def _content(path: Path) -> str:
    from tts_compress.architectures.checkpoints import content_hash

    return content_hash(path)
