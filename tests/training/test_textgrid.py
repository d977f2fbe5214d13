import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import CorpusError
from tts_compress.training.textgrid import Interval, TextGrid, read_textgrid, write_textgrid

GRID = TextGrid(
    words=(Interval(0.0, 0.02, ""), Interval(0.02, 0.25, "the"), Interval(0.25, 0.37, "")),
    phones=(
        Interval(0.0, 0.02, "sp"),
        Interval(0.02, 0.1, "DH"),
        Interval(0.1, 0.25, "AH0"),
        Interval(0.25, 0.37, "sp"),
    ),
)

# As the Montreal Forced Aligner 1.0 and 2.2 write them: one tier order each.
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0
xmax = 0.37
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0.0
        xmax = 0.37
        intervals: size = 4
            intervals [1]:
                xmin = 0.0
                xmax = 0.02
                text = "sp"
            intervals [2]:
                xmin = 0.02
                xmax = 0.1
                text = "DH"
            intervals [3]:
                xmin = 0.1
                xmax = 0.25
                text = "AH0"
            intervals [4]:
                xmin = 0.25
                xmax = 0.37
                text = "sp"
    item [2]:
        class = "IntervalTier"
        name = "words"
        xmin = 0.0
        xmax = 0.37
        intervals: size = 3
            intervals [1]:
                xmin = 0.0
                xmax = 0.02
                text = ""
            intervals [2]:
                xmin = 0.02
                xmax = 0.25
                text = "the"
            intervals [3]:
                xmin = 0.25
                xmax = 0.37
                text = ""
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
0.37
<exists>
3
"PointTier"
"notes"
0
0.37
1
0.1
"a ""7"" here"
"IntervalTier"
"words"
0
0.37
3
0
0.02
""
0.02
0.25
"the"
0.25
0.37
""
"IntervalTier"
"phones"
0
0.37
4
0
0.02
"sp"
0.02
0.1
"DH"
0.1
0.25
"AH0"
0.25
0.37
"sp"
"""


@pytest.mark.parametrize("text", [LONG, SHORT, "\ufeff" + LONG.replace("\n", "\r\n")])
def test_reads_the_long_and_the_short_format(tmp_path, text):
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.encode())
    assert read_textgrid(path) == GRID


def test_numbers_inside_a_label_are_text(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace('"the"', '"xmax = 3 ""é"" <x> 4"'), encoding="utf-8")
    assert read_textgrid(path).words[1].text == 'xmax = 3 "é" <x> 4'


def test_writes_what_praat_reads(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, GRID)
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[:7] == [
        line.strip() for line in LONG.replace("xmin = 0.0", "xmin = 0").splitlines()[:7]
    ]
    assert lines.count('class = "IntervalTier"') == 2
    assert "intervals: size = 4" in lines


times = st.lists(st.floats(0.001, 100), min_size=1, max_size=5, unique=True).map(sorted)
labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@st.composite
def tiers(draw):
    ends = draw(times)
    return tuple(
        Interval(start, end, draw(labels)) for start, end in zip([0.0, *ends], ends, strict=False)
    )


@given(words=tiers(), phones=tiers())
def test_reads_back_what_was_written(tmp_path_factory, words, phones):
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    write_textgrid(path, TextGrid(words, phones))
    assert read_textgrid(path) == TextGrid(words, phones)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"a\.TextGrid: no such file"):
        read_textgrid(tmp_path / "a.TextGrid")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not a TextGrid in a text format, got 'hello'"),
        (LONG.replace('"words"', '"word"'), r"no tier 'words', got \['phones', 'word'\]"),
        (LONG.replace('"phones"', '"phone"'), "no tier 'phones'"),
        (LONG[: len(LONG) // 2], "breaks off or is out of order"),
        (LONG.replace("size = 2", "size = 3"), "breaks off or is out of order"),
        (LONG.replace("xmax = 0.02", 'xmax = "x"'), "breaks off or is out of order"),
        (LONG.replace("intervals: size = 4", "intervals: size = <exists>"), "out of order"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path, text, message):
    path = tmp_path / "a.TextGrid"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_textgrid(path)
