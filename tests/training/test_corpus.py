from pathlib import Path

import pytest

from tts_compress.errors import CorpusError
from tts_compress.training.corpus import CorpusWarning, align, read_corpus
from tts_compress.training.features import frame_bounds, symbols
from tts_compress.training.textgrid import Interval, TextGrid, write_textgrid

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
        ("hi", ("HH", "AY1"), (0.12, 0.22)),
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


def grid_of(*words):
    """Words of one phone or more, each phone 100 ms long, such as ("well", "W EH1 L")."""
    spoken, phones, at = [], [], 0.0
    for text, said in words:
        began = at
        for phone in said.split():
            phones.append(Interval(at, at + 0.1, phone))
            at = phones[-1].end
        spoken.append(Interval(began, at, text))
    return TextGrid(tuple(spoken), tuple(phones))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("A well-known cat.", "a well-known cat", "a well-known cat ."),
        ("A well-known cat.", "a well known cat", "a well known cat ."),
        ("Mr. Smith, 2 cats!", "mr smith two cats", "mr smith , two cats !"),
        ("Mr. Smith, 2 cats!", "mister smith two cats", "mister smith , two cats !"),
        ('He said "no" (twice); go.', "he said no twice go", "he said , no , twice ; go ."),
        (
            "In 1990 -- 50%",
            "in nineteen ninety fifty percent",
            "in nineteen ninety , fifty percent",
        ),
        ("It's Ann's, I'd say", "it's ann 's i'd say", "it's ann 's , i'd say"),
        ("The dogs' café?", "the dogs' café", "the dogs' café ?"),
    ],
)
def test_words_pair_however_the_aligner_parts_and_writes_them(text, words, expected):
    grid = grid_of(*((word, "AH0") for word in words.split()))
    utterance = align("a", Path("a.wav"), text, grid)
    assert " ".join(timed.token.text for timed in utterance.tokens) == expected
    nvidia, ends, ming, ming_ends = symbols(utterance)
    assert len(nvidia) == len(ends)
    assert len(ming) == len(ming_ends)


def test_a_silence_after_the_last_word_without_a_mark_is_no_symbol():
    nvidia, ends, _, ming_ends = symbols(align("a", Path("a.wav"), "Hi, yes", GRID))
    assert len(nvidia) == len(ends) == 7
    assert ends[-1] == ming_ends[-1] == 0.82


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([("hi", "HH AY1"), ("no", "N OW1")], "2 words, the alignment 2, and they differ at 'no'"),
        ([("hi", "HH AY1")], "2 words, the alignment 1, and they differ at the end, got 'Hi, yes"),
        ([("hi", "HH AY1"), ("<unk>", "spn")], "a word without phones, got '<unk>'. Add it to the"),
        ([("hi", "h aj"), ("yes", "Y")], "no phone of ARPAbet in 'hi', got 'h'. Align with"),
        ([], "the alignment has no words"),
    ],
)
def test_an_alignment_that_cannot_be_used_says_why(words, message):
    with pytest.raises(CorpusError, match=f"^a: .*{message}"):
        align("a", Path("a.wav"), "Hi, yes.", grid_of(*words))


def test_a_text_without_words_says_so():
    with pytest.raises(CorpusError, match="a: text: nothing to speak"):
        align("a", Path("a.wav"), "...", GRID)


@pytest.fixture
def folder(tmp_path):
    """A corpus of three sentences "Hi, yes."; the wavs are empty files."""
    for name in ("wavs", "alignments"):
        (tmp_path / name).mkdir()
    for name in "abc":
        (tmp_path / "wavs" / f"{name}.wav").touch()
        write_textgrid(tmp_path / "alignments" / f"{name}.TextGrid", GRID)
    (tmp_path / "metadata.csv").write_text("".join(f"{n}|Hi, yes.|Hi, yes.\n" for n in "abc"))
    return tmp_path


def test_every_sentence_comes_in_the_order_of_the_metadata(folder):
    assert [utterance.name for utterance in read_corpus(folder)] == ["a", "b", "c"]


def test_one_sentence_that_cannot_be_used_is_left_out_with_a_warning(folder):
    (folder / "alignments" / "b.TextGrid").unlink()
    with pytest.warns(CorpusWarning, match=r"left out: .*line 2 names 'b', but .*b.TextGrid is mi"):
        utterances = read_corpus(folder)
    assert [utterance.name for utterance in utterances] == ["a", "c"]


def test_a_sentence_with_other_words_is_left_out_with_a_warning(folder):
    (folder / "metadata.csv").write_text("a|Hi, yes.\nb|Hi, no.\nc|hi yes\n")
    with pytest.warns(CorpusWarning, match="left out: b: .* differ at 'yes', got 'Hi, no"):
        utterances = read_corpus(folder)
    assert [utterance.name for utterance in utterances] == ["a", "c"]


def test_more_than_half_that_cannot_be_used_is_an_error(folder):
    for name in "bc":
        (folder / "wavs" / f"{name}.wav").unlink()
    with pytest.raises(
        CorpusError, match=r"cannot be used, got 2 of 3\. The first: .*line 2 names"
    ):
        read_corpus(folder)
