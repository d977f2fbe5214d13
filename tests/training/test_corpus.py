from pathlib import Path

import pytest

from tts_compress.errors import CorpusError
from tts_compress.training.corpus import align, read_corpus
from tts_compress.training.features import frame_bounds, symbols
from tts_compress.training.textgrid import Interval, TextGrid

# "Hi, yes." with 20 ms of silence first, a pause at the comma and one at the end.
GRID = TextGrid(
    words=(
        Interval(0.0, 0.02, ""),
        Interval(0.02, 0.22, "hi"),
        Interval(0.22, 0.42, ""),
        Interval(0.42, 0.82, "yes"),
        Interval(0.82, 0.92, ""),
    ),
    phones=(
        Interval(0.0, 0.02, ""),
        Interval(0.02, 0.12, "HH"),
        Interval(0.12, 0.22, "AY1"),
        Interval(0.22, 0.42, "sp"),
        Interval(0.42, 0.52, "Y"),
        Interval(0.52, 0.72, "EH1"),
        Interval(0.72, 0.82, "S"),
        Interval(0.82, 0.92, ""),
    ),
)


def test_words_and_marks_get_phones_and_times():
    utterance = align("a", Path("a.wav"), "Hi, yes.", GRID)
    assert [(t.token.text, t.token.phones, t.ends) for t in utterance.tokens] == [
        ("Hi", ("HH", "AY1"), (0.12, 0.22)),
        (",", (), (0.42,)),
        ("yes", ("Y", "EH1", "S"), (0.52, 0.72, 0.82)),
        (".", (), (0.92,)),
    ]
    assert utterance.start == 0.02


def test_symbols_of_both_tables_pair_with_their_ends():
    nvidia, nvidia_ends, ming, ming_ends = symbols(align("a", Path("a.wav"), "Hi, yes.", GRID))
    # HH AY1 , (to the next word) space (no time of its own) Y EH1 S . (to the end)
    assert nvidia_ends == [0.12, 0.22, 0.42, 0.42, 0.52, 0.72, 0.82, 0.92]
    assert len(nvidia) == 8
    # HH AY1 sp Y EH1 S; the silence at the end is no symbol of FastSpeech2
    assert ming_ends == [0.12, 0.22, 0.42, 0.52, 0.72, 0.82]
    assert len(ming) == 6


def test_a_pause_without_a_mark_belongs_to_the_space_between_words():
    nvidia, ends, _, ming_ends = symbols(align("a", Path("a.wav"), "Hi yes.", GRID))
    assert ends == [0.12, 0.22, 0.42, 0.52, 0.72, 0.82, 0.92]
    assert len(nvidia) == 7
    assert ming_ends == [0.12, 0.22, 0.42, 0.52, 0.72, 0.82]


def test_frames_start_at_the_first_phone():
    # 86.13 frames a second: 0.12 s is 10.3, 0.22 s is 18.9, the start 1.7.
    assert frame_bounds([0.12, 0.22], 0.02).tolist() == [8, 17]


def test_text_with_other_words_is_an_error():
    with pytest.raises(CorpusError, match=r"a: the text has 3 words, the alignment 2"):
        align("a", Path("a.wav"), "Hi, oh yes.", GRID)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no metadata.csv"),
        ("just text\n", "line 1 is not"),
        ("a|Hi.|Hi.\n", "line 1 names 'a', but .*a.wav is missing"),
        ("", "no sentences"),
    ],
)
def test_a_broken_corpus_is_one_clear_error(tmp_path, metadata, message):
    if metadata is not None:
        (tmp_path / "metadata.csv").write_text(metadata)
    with pytest.raises(CorpusError, match=message):
        read_corpus(tmp_path)
