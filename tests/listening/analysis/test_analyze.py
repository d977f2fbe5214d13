"""From a built test and a database of answers to what is written and said of them."""

import json
import re
from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from tests.listening.listeners import Simulated, built, store
from tts_compress.errors import ListeningError
from tts_compress.listening.analysis.analyze import analyze
from tts_compress.listening.analysis.answers import read
from tts_compress.listening.analysis.results import take
from tts_compress.listening.built import KINDS

FILES = {"analysis.html", "answers.csv", "results.csv", "screening.csv", "tables.tex"}
SCRIPT = "<script>alert('x')</script>"


def analyzed(kind, folder, listeners=(), unfinished=(), **more):
    """Stores the answers, analyzes them, and gives the page and what was printed."""
    test = built(kind)
    test.save(folder)
    if listeners:
        store(test, folder, listeners, unfinished)
    said = StringIO()
    analyze(folder, [], folder / "out", Console(file=said, width=100), **more)
    return (folder / "out" / "analysis.html").read_text(), said.getvalue()


def results_of(folder, taken="kept"):
    table = pd.read_csv(folder / "out" / "results.csv")
    return table[(table["listeners_taken"] == taken) & (table["what"] == "comparison")]


def panel(kind, n=10, **more):
    return [Simulated(built(kind), number, **more) for number in range(n)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_preference_is_recovered(kind, tmp_path):
    """Systems of quality 0.8, 0.7 and 0.4, and listeners who tell X in nine of ten trials."""
    _, said = analyzed(kind, tmp_path, panel(kind, hears=0.9))
    table = results_of(tmp_path).set_index(["system", "versus"])
    base = "dense (reference)" if kind in ("mushra", "dcr") else "dense"
    line = table.loc["smaller", base]
    assert line["p_holm"] < 0.05
    assert line["listeners"] == 10
    if kind in ("ab", "abx"):
        assert (line["share"] > 0.5) == (kind == "abx")
    else:
        assert line["difference"] < 0
        assert line["low"] < line["difference"] < line["high"] < 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= FILES
    assert {name.split(".")[0] for name in written - FILES} >= {"listeners"}
    assert all(
        (tmp_path / "out" / "listeners").with_suffix(f".{e}").exists() for e in ("svg", "pdf")
    )
    assert "10 listeners count, 0 left out" in said
    assert "smaller" in said


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_difference_none_is_said(kind, tmp_path):
    same = dict.fromkeys(("dense", "small", "smaller", "reference"), 0.7)
    listeners = panel(kind, qualities=same)
    store(built(kind), tmp_path, listeners)
    rows = read(built(kind), tmp_path).rows
    table = take(built(kind), rows).comparisons
    assert (table["p_holm"] > 0.05).all()


def test_findings_follow_from_the_numbers(tmp_path):
    page, _ = analyzed("acr", tmp_path, panel("acr", 8))
    line = results_of(tmp_path).query("planned").set_index("system").loc["smaller"]
    text = page.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
    size, low, high = abs(line["difference"]), line["low"], line["high"]
    assert (
        f"Listeners rated smaller {size:.2f} points below dense "
        f"(95 % interval {low:+.2f} to {high:+.2f}; p " in text
    )


def test_who_is_left_out_is_named_and_counted_both_ways(tmp_path):
    listeners = panel("acr", 8)
    listeners[3] = Simulated(built("acr"), 3, attends=False)
    page, said = analyzed("acr", tmp_path, listeners, unfinished={5})
    table = pd.read_csv(tmp_path / "out" / "screening.csv").set_index("listener")
    assert table.index[~table["kept"]].tolist() == ["L03", "L05"]
    assert "left out: L05 did 0 of 12 trials" in said
    assert "Results with all listeners" in page
    assert results_of(tmp_path)["listeners"].max() == 6
    assert results_of(tmp_path, "all")["listeners"].max() == 7


def test_the_page_needs_no_network_and_runs_nothing(tmp_path):
    page, _ = analyzed("mushra", tmp_path, panel("mushra", 6))
    assert not re.search(r"<script|<link|\bsrc=|@import|url\((?!#)", page)
    links = re.findall("https?://[^\"' <]*", page)
    assert all(link.startswith("http://www.w3.org/") for link in links)  # names of SVG
    assert page.count("<svg") == 4
    assert "prefers-color-scheme" in page or "light-dark(" in page


@pytest.mark.parametrize("kind", ["mushra", "ab"])
def test_what_listeners_write_is_only_text(kind, tmp_path):
    page, _ = analyzed(kind, tmp_path, panel(kind, 3, words=SCRIPT))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page


@pytest.mark.parametrize("kind", ["mushra", "ab", "abx"])
def test_nobody_answered(kind, tmp_path):
    page, said = analyzed(kind, tmp_path)
    assert "Nobody has answered yet" in page
    assert "How many listeners a difference needs" in page
    assert "0 listeners count, 0 left out" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES


@pytest.mark.parametrize("kind", KINDS)
def test_one_listener(kind, tmp_path):
    page, said = analyzed(kind, tmp_path, panel(kind, 1))
    assert "1 listener counts" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.S)
    assert "1 listeners count" not in said


@pytest.mark.parametrize("kind", ["dcr", "cmos", "ab", "abx"])
def test_everyone_is_left_out(kind, tmp_path):
    page, said = analyzed(kind, tmp_path, panel(kind, 3, wears=False))
    assert "no listener passed the screening" in page
    assert "Results with all listeners" in page
    assert "0 listeners count, 3 left out" in said


def test_difference_says_how_many_listeners(tmp_path):
    page, _ = analyzed("mushra", tmp_path, panel("mushra", 8), difference=4.0)
    assert re.search(r"To find a difference of 4 points in 80 % of tests takes \d+ listeners", page)
    assert "as scattered as here" in page


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("abx", "To find 60 % right answers in 80 % of tests takes 169 trials in all"),
        ("ab", "To find 60 % preferred in 80 % of tests takes 210 trials in all"),
    ],
)
def test_difference_of_choices_before_anyone_answered(kind, text, tmp_path):
    page, _ = analyzed(kind, tmp_path, difference=0.1)
    assert text in page


@pytest.mark.parametrize(("kind", "difference"), [("mushra", 0.0), ("mushra", 101.0), ("ab", 0.6)])
def test_differences_off_the_scale_are_refused(kind, difference, tmp_path):
    with pytest.raises(ListeningError, match=f"--difference: must be above 0 .*got {difference}"):
        analyzed(kind, tmp_path, difference=difference)


def test_the_same_answers_give_the_same_bytes(tmp_path):
    analyzed("acr", tmp_path, panel("acr", 4))
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    analyze(tmp_path, [], tmp_path / "out", Console(file=StringIO()))
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_tables_for_latex_are_escaped(tmp_path):
    analyzed("acr", tmp_path, panel("acr", 6))
    tex = (tmp_path / "out" / "tables.tex").read_text()
    assert tex.count(r"\begin{table}") == tex.count(r"\end{table}") == 2
    assert "95 \\% interval" in tex
    assert not re.search(r"(?<!\\)%(?! needs)", tex)


def test_a_folder_that_is_no_test_is_refused(tmp_path):
    with pytest.raises(ListeningError, match=r"no listening test, test\.json is missing"):
        analyze(tmp_path, [], tmp_path / "out", Console(file=StringIO()))


def test_results_are_plain_numbers(tmp_path):
    analyzed("cmos", tmp_path, panel("cmos", 6))
    table = results_of(tmp_path)
    numbers = table[["difference", "low", "high", "p", "p_holm", "median", "mixed_p"]]
    json.dumps(numbers.to_dict("records"), allow_nan=False)
