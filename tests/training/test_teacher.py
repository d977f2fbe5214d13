import ctypes
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from tts_compress.errors import CorpusError
from tts_compress.training.flite import Flite, Reading, Segment
from tts_compress.training.teacher import align, arpabet, make_corpus, trim
from tts_compress.training.textgrid import Interval, TextGrid, read_textgrid

READING = Reading(
    samples=np.zeros(16000, np.int16),
    sample_rate=16000,
    words=("the", "dog's", "dont"),
    segments=(
        Segment("pau", 0.2, "0", None),
        Segment("dh", 0.25, "0", 0),
        Segment("ax", 0.3, "0", 0),
        Segment("d", 0.35, "1", 1),
        Segment("ao", 0.4, "1", 1),
        Segment("g", 0.45, "1", 1),
        Segment("z", 0.5, "0", 1),
        Segment("pau", 0.6, "0", None),
        Segment("d", 0.65, "1", 2),
        Segment("ow", 0.7, "1", 2),
        Segment("n", 0.75, "1", 2),
        Segment("t", 0.8, "1", 2),
        Segment("pau", 1.0, "0", None),
    ),
)


def flite_missing() -> bool:
    try:
        ctypes.CDLL("libflite_cmu_us_slt.so.1")
    except OSError:
        return True
    return False


needs_flite = pytest.mark.skipif(
    flite_missing(), reason="flite's voice slt (Debian package libflite1) is not installed"
)


def segments(text: str, stress: str = "1") -> list[Segment]:
    return [Segment(name, 0.0, stress, 0) for name in text.split()]


def test_words_and_phones_are_aligned_as_written():
    grid = align(READING, "The dog's; don't.")
    assert [(i.start, i.end, i.text) for i in grid.words] == [
        (0.0, 0.2, ""),
        (0.2, 0.3, "the"),
        (0.3, 0.5, "dog's"),
        (0.5, 0.6, ""),
        (0.6, 0.8, "don't"),
        (0.8, 1.0, ""),
    ]
    assert " ".join(i.text for i in grid.phones) == "sp DH AH0 D AO1 G Z sp D OW1 N T sp"
    assert grid.phones[4] == Interval(0.35, 0.4, "AO1")


@pytest.mark.parametrize("text", ["The dog's do not.", "The dog's.", "A dog's don't."])
def test_other_words_than_written_are_refused(text):
    with pytest.raises(CorpusError, match='other words than were written, got "the dog\'s dont"'):
        align(READING, text)


@pytest.mark.parametrize(
    ("word", "spoken", "phones"),
    [
        ("understand", "ah n d er s t ae n d", "AH2 N D ER0 S T AE1 N D"),
        ("of", "ax v", "AH1 V"),
        ("nevo", "ax v ow", "AH0 V OW1"),
        ("the", "dh iy", "DH IY0"),
        ("cat", "k aa t", "K AA1 T"),
    ],
)
def test_stress_comes_from_the_dictionary_if_its_phones_agree(word, spoken, phones):
    assert " ".join(arpabet(word, segments(spoken))) == phones


def test_a_foreign_phone_is_an_error():
    with pytest.raises(CorpusError, match=r"not American English, got \['Y\+'\]"):
        arpabet("nevo", segments("y+ ow"))


def test_trim_keeps_little_silence_at_the_ends_and_all_between():
    grid, samples = trim(align(READING, "the dog's don't"), np.arange(1000, dtype=np.float32), 1000)
    assert (samples[0], samples[-1]) == (180, 919)
    assert grid.phones[0] == Interval(0.0, 0.02, "sp")
    assert grid.phones[7] == Interval(0.32, 0.42, "sp")
    assert grid.phones[-1] == Interval(0.62, 0.74, "sp")


def test_trim_of_a_reading_without_silence_changes_nothing():
    grid = TextGrid((Interval(0.0, 0.5, "a"),), (Interval(0.0, 0.5, "AH0"),))
    samples = np.zeros(500, np.float32)
    trimmed, kept = trim(grid, samples, 1000)
    assert trimmed == grid
    assert len(kept) == 500


def test_a_voice_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match=r"got 'nobody'\. Install the Debian package libflite1"):
        make_corpus(tmp_path, voice="nobody")


@needs_flite
def test_flite_keeps_words_and_times():
    reading = Flite("slt").read("The dog's owners don't know, do they?")
    assert reading.words == ("the", "dog's", "owners", "dont", "know", "do", "they")
    assert [s.word for s in reading.segments if s.name == "pau"] == [None] * 3
    ends = [s.end for s in reading.segments]
    assert all(a < b for a, b in pairwise(ends))
    assert ends[-1] == pytest.approx(len(reading.samples) / reading.sample_rate, abs=0.01)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    pets = ("dog", "cat", "cow", "horse", "pig", "hen", "goat", "duck", "mouse", "rabbit")
    lines = [f"The {pet} sees the quiet river before us." for pet in pets]
    lines += [f"Every {pet} will find this small farm again tomorrow." for pet in pets]
    text = folder / "text.txt"
    text.write_text("\n".join([*lines, "Too short.", "We take the lead in this race."]))
    make_corpus(folder / "out", n_utterances=6, jobs=1, text=text)
    return folder


@needs_flite
def test_a_corpus_is_complete(corpus):
    out = corpus / "out"
    rows = [line.split("|") for line in (out / "metadata.csv").read_text().splitlines()]
    refused = [line.split("|") for line in (out / "refused.csv").read_text().splitlines()]
    assert len(rows) == 6
    assert all("lead" in text.lower() for _, _, text in refused)
    held = (out / "heldout.txt").read_text().splitlines()
    assert len(held) == 2
    assert not any(
        sentence.strip(".").lower() in row[1].lower() for sentence in held for row in rows
    )
    assert "text.txt" in (out / "CARD.md").read_text()
    for name, text, normalized in rows:
        assert text == normalized
        samples, rate = soundfile.read(out / "wavs" / f"{name}.wav")
        assert rate == 22050
        grid = read_textgrid(out / "alignments" / f"{name}.TextGrid")
        assert grid.phones[-1].end == pytest.approx(len(samples) / rate, abs=1e-4)
        pauses = [
            samples[int(i.start * rate) : int(i.end * rate)] for i in grid.phones if i.text == "sp"
        ]
        assert max(np.abs(pause).mean() for pause in pauses) < 0.1 * np.abs(samples).mean()


@needs_flite
def test_a_killed_run_goes_on_where_it_was(corpus):
    out = corpus / "out"
    wavs = sorted((out / "wavs").glob("*.wav"))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in wavs]
    metadata = (out / "metadata.csv").read_bytes()
    wavs[0].unlink()
    make_corpus(out, n_utterances=6, jobs=1, text=corpus / "text.txt")
    after = [(path.read_bytes(), path.stat().st_mtime_ns) for path in wavs]
    assert [data for data, _ in before] == [data for data, _ in after]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False] + [True] * 5
    assert (out / "metadata.csv").read_bytes() == metadata


@needs_flite
def test_too_little_text_is_an_error(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("Too short.\n\nRoom 4 is over the hill.\n")
    with pytest.raises(CorpusError, match="too few plain sentences for 9 utterances, got 0"):
        make_corpus(tmp_path / "out", n_utterances=9, text=text)
    assert not (tmp_path / "out" / "metadata.csv").exists()
