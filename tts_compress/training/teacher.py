"""A speech corpus with exact alignments, spoken by a synthesizer instead of a person.

flite knows when each phone begins, so a voice can be trained without recordings or an aligner.
"""

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import groupby, islice
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from tts_compress.audio.mel import SAMPLE_RATE
from tts_compress.audio.wav import write_wav
from tts_compress.errors import CorpusError
from tts_compress.files import replaced
from tts_compress.text.phones import pronunciations
from tts_compress.text.symbols import CONSONANTS, VOWELS
from tts_compress.training.flite import Flite, Reading, Segment
from tts_compress.training.sentences import (
    clean_sentences,
    hold_out,
    read_lines,
    utterances,
    wordnet_examples,
    words,
)
from tts_compress.training.textgrid import Interval, TextGrid, read_textgrid, write_textgrid

LEADING_SILENCE, TRAILING_SILENCE = 0.02, 0.12
MIN_SECONDS, MAX_SECONDS = 1.5, 10.0
HELD_OUT = 60

_WORDNET_NOTE = """\
The sentences are examples of WordNet 3.0, as the Debian package wordnet-base has them. WordNet's
licence lets anybody use, copy, modify and distribute it for any purpose and without fee, provided
that this notice is kept: WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
It is provided "as is", without warranty, and Princeton's name may not be used for advertising."""
_CARD = """\
# Corpus: flite's voice {voice}

{count} utterances, {hours:.2f} hours, {rate} Hz, mono, made with seed {seed}. The speech is
synthetic. {refused} more were refused (`refused.csv` says why): flite reads them otherwise than
they are written, or they are too short or too long.

- `metadata.csv`: name, text, and the text again; `heldout.txt`: sentences kept out of the corpus.
- `alignments/`: flite's own times, in the layout of the Montreal Forced Aligner.
- A vowel's stress is the CMU Pronouncing Dictionary's if it knows the word with flite's phones,
  which is the only source of secondary stress, and else flite's.

## Licences

The speech is made with flite 2.2 and its voice cmu_us_{voice}: Language Technologies Institute,
Carnegie Mellon University, Copyright (c) 1999-2001, All Rights Reserved. Their licence lets
anybody use, copy, modify, merge, publish, distribute and sell them free of charge, provided that
the copyright notice, the conditions and the disclaimer are kept, that modifications are marked as
such, that the authors' names are not deleted, and that they are not used to endorse products.

{source}
"""


def make_corpus(
    out: Path,
    *,
    voice: str = "slt",
    n_utterances: int = 4500,
    seed: int = 0,
    jobs: int = 2,
    text: Path | None = None,
) -> None:
    """Make a corpus folder: ``wavs/``, ``alignments/``, ``metadata.csv``, ``CARD.md``, and lists.

    The sentences are the lines of ``text``, or without it the examples of WordNet. Utterances that
    are there already are kept, so a killed run goes on where it was. One that flite cannot read as
    written is replaced by the next and listed in ``refused.csv``; ``heldout.txt`` lists sentences
    that are in no utterance.

    Raises:
        CorpusError: flite or WordNet is not installed, or there are too few plain sentences.
    """
    Flite(voice)
    sentences = clean_sentences(*((read_lines(text), 1) if text else (wordnet_examples(), 2)))
    held, sentences = hold_out(sentences, min(HELD_OUT, len(sentences) // 10), seed)
    for folder in (out / "wavs", out / "alignments"):
        folder.mkdir(parents=True, exist_ok=True)
    made, refused = _read_all(utterances(sentences, seed), out, voice, n_utterances, jobs)
    _write_lines(out / "refused.csv", map("|".join, refused))
    if len(made) < n_utterances:
        raise CorpusError(
            f"{text or 'wordnet'}: too few plain sentences for {n_utterances} utterances, got"
            f" {len(made)}. Ask for fewer utterances or give more sentences."
        )
    _write_lines(out / "heldout.txt", held)
    seconds = sum(soundfile.info(out / "wavs" / f"{name}.wav").duration for name, _ in made)
    source = f"The sentences are those of `{text.name}`." if text else _WORDNET_NOTE
    facts = {"voice": voice, "count": len(made), "hours": seconds / 3600, "seed": seed}
    card = _CARD.format(**facts, rate=SAMPLE_RATE, refused=len(refused), source=source)
    (out / "CARD.md").write_text(card, encoding="utf-8")
    _write_lines(out / "metadata.csv", (f"{name}|{line}|{line}" for name, line in made))
    _tell(f"{out}: {len(made)} utterances, {seconds / 3600:.2f} hours", refused)


def align(reading: Reading, text: str) -> TextGrid:
    """Words and ARPAbet phones of a reading of ``text``, without gaps; times are the reading's.

    Raises:
        CorpusError: flite spoke other words than were written, or a phone that is not English.
    """
    written = words(text)
    if [_letters(word) for word in written] != [_letters(word) for word in reading.words]:
        raise CorpusError(
            f"flite: reads other words than were written, got {' '.join(reading.words)!r}."
            " Write numbers, abbreviations and compounds as plain words."
        )
    begins = (0.0, *(segment.end for segment in reading.segments))
    word_tier: list[Interval] = []
    phone_tier: list[Interval] = []
    for position, timed in groupby(
        zip(begins, reading.segments, strict=False), key=lambda pair: pair[1].word
    ):
        starts, segments = zip(*timed, strict=True)
        word = "" if position is None else written[position]
        word_tier.append(Interval(starts[0], segments[-1].end, word))
        ends = (segment.end for segment in segments)
        phone_tier += map(Interval, starts, ends, arpabet(word, segments))
    return TextGrid(tuple(word_tier), tuple(phone_tier))


def arpabet(word: str, segments: Sequence[Segment]) -> tuple[str, ...]:
    """The ARPAbet phones of one word's segments, or "sp" for each of a pause (the word "").

    Stress comes from the dictionary if it has this word with these phones, which tells secondary
    stress too; otherwise from flite's syllables, where a schwa never has any.

    Raises:
        CorpusError: a segment is not a phone of American English.

    >>> arpabet("", [Segment("pau", 0.1, "0", None)])
    ('sp',)
    >>> arpabet("nevo", [Segment("v", 0.1, "1", 0), Segment("ow", 0.2, "1", 0)])
    ('V', 'OW1')
    """
    if not word:
        return ("sp",) * len(segments)
    bare = tuple("AH" if s.name == "ax" else s.name.upper() for s in segments)
    for known in pronunciations(word):
        if tuple(phone.rstrip("012") for phone in known) == bare:
            return known
    if unknown := set(bare).difference(VOWELS, CONSONANTS):
        raise CorpusError(
            f"flite: a phone that is not American English, got {sorted(unknown)!r}."
            " Use an American English voice."
        )
    return tuple(
        phone + ("0" if s.name == "ax" else s.stress) if phone in VOWELS else phone
        for phone, s in zip(bare, segments, strict=True)
    )


def trim(
    grid: TextGrid, samples: NDArray[np.float32], rate: int
) -> tuple[TextGrid, NDArray[np.float32]]:
    """Both with at most 20 ms of silence before the first word and 120 ms after the last."""
    spoken = [interval for interval in grid.words if interval.text]
    first = round(max(0.0, spoken[0].start - LEADING_SILENCE) * rate)
    last = min(len(samples), round((spoken[-1].end + TRAILING_SILENCE) * rate))
    shift, end = first / rate, (last - first) / rate

    def cut(tier: tuple[Interval, ...]) -> tuple[Interval, ...]:
        moved = (
            Interval(
                round(max(0.0, interval.start - shift), 5),
                round(min(end, interval.end - shift), 5),
                interval.text,
            )
            for interval in tier
        )
        return tuple(interval for interval in moved if interval.end > interval.start)

    return TextGrid(cut(grid.words), cut(grid.phones)), samples[first:last]


def _read_all(
    texts: Iterator[str], out: Path, voice: str, count: int, jobs: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Names and texts of the utterances made; names, reasons and texts of those refused."""
    numbered = ((f"{voice}{number:05d}", line) for number, line in enumerate(texts, 1))
    made: list[tuple[str, str]] = []
    refused: list[tuple[str, str, str]] = []
    make = partial(_make_utterance, out, voice)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool, Progress() as progress:
        task = progress.add_task(f"reading with {voice}", total=count)
        while batch := list(islice(numbered, count - len(made))):
            reasons = pool.map(make, batch, chunksize=8)
            for (name, line), reason in zip(batch, reasons, strict=True):
                if reason:
                    refused.append((name, reason, line))
                else:
                    made.append((name, line))
                    progress.advance(task)
    return made, refused


def _tell(result: str, refused: Iterable[tuple[str, str, str]]) -> None:
    console = Console()
    console.print(result)
    for reason, count in Counter(reason.partition(", got")[0] for _, reason, _ in refused).items():
        console.print(f"refused {count}: {reason}")


_loaded = cache(Flite)


def _make_utterance(out: Path, voice: str, item: tuple[str, str]) -> str:
    """Write one utterance; the reason if it cannot be had, else nothing."""
    name, text = item
    wav, alignment = out / "wavs" / f"{name}.wav", out / "alignments" / f"{name}.TextGrid"
    if wav.is_file() and alignment.is_file():
        kept = read_textgrid(alignment)
        if tuple(interval.text for interval in kept.words if interval.text) == words(text):
            return ""
    try:
        reading = _loaded(voice).read(text)
        grid = align(reading, text)
    except CorpusError as error:
        return str(error)
    speech: NDArray[np.float32] = librosa.resample(
        reading.samples.astype(np.float32) / 32768,
        orig_sr=reading.sample_rate,
        target_sr=SAMPLE_RATE,
    )
    grid, speech = trim(grid, speech, SAMPLE_RATE)
    seconds = len(speech) / SAMPLE_RATE
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        return f"not from {MIN_SECONDS} to {MAX_SECONDS} s long, got {seconds:.2f} s"
    write_wav(wav, torch.from_numpy(speech))
    with replaced(alignment) as partial:
        write_textgrid(partial, grid)
    return ""


def _letters(word: str) -> str:
    return word.replace("'", "")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
