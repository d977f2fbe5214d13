import math
from io import StringIO

from rich.console import Console

from tts_compress.searching.tries import Tries, Try, lines, table

FIRST, SECOND = Try(7, 0.003, None, 2000, 0.75), Try(4, 0.002, 2500, 2600, 0.5)


def test_an_interrupted_search_finds_its_tries_again(tmp_path):
    tries = Tries.of(tmp_path / "found.jsonl", "search 1")
    tries.add(FIRST)
    tries.add(SECOND)
    again = Tries.of(tmp_path / "found.jsonl", "search 1")
    assert [*again.made.values()] == [FIRST, SECOND]


def test_tries_of_another_search_are_not_its_own(tmp_path):
    Tries.of(tmp_path / "found.jsonl", "search 1").add(FIRST)
    other = Tries.of(tmp_path / "found.jsonl", "search 2")
    assert other.made == {}
    other.add(SECOND)
    assert Tries.of(tmp_path / "found.jsonl", "search 1").made == {}


def test_tries_are_shown_from_the_largest_file_on():
    assert lines("rate_weight", [FIRST, SECOND], 10_000) == [
        "rate_weight  expected bytes  bytes  ratio  mel_mae_db",
        "      0.002           2,500  2,600   3.85       0.500",
        "      0.003                  2,000   5.00       0.750",
    ]
    shown = Console(file=StringIO(), width=100)
    shown.print(table("rate_weight", [FIRST, SECOND], FIRST, 10_000))
    text = shown.file.getvalue()
    assert text.index("2,600") < text.index("2,000")


def test_what_is_not_finite_is_null_on_disk(tmp_path):
    silent = Try(3, 0.5, None, 10, math.inf)
    Tries.of(tmp_path / "found.jsonl", "search 1").add(silent)
    assert '"mel_mae_db": null' in (tmp_path / "found.jsonl").read_text()
    assert Tries.of(tmp_path / "found.jsonl", "search 1").made == {3: silent}
