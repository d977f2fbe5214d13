"""From a built test and a database of answers to what is written and said of them."""

import json
import re
from functools import cache
from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from tests.listening.listeners import Simulated, built, store
from tts_compress.errors import ListeningError
from tts_compress.listening.analysis import analyze as analyze_module
from tts_compress.listening.analysis.analyze import analyze
from tts_compress.listening.analysis.answers import read
from tts_compress.listening.analysis.page import write_page
from tts_compress.listening.analysis.results import take
from tts_compress.listening.built import KINDS

FILES = {"analysis.html", "answers.csv", "results.csv", "screening.csv", "tables.tex"}
SCRIPT = "<script>alert('x')</script>"


def analyzed(kind, folder, listeners=(), unfinished=(), **more):
    """Stores the answers, analyzes them, and gives the page and what was printed."""
    stored(kind, folder, listeners, unfinished)
    said = StringIO()
    analyze(folder, [], folder / "out", Console(file=said, width=100), **more)
    return (folder / "out" / "analysis.html").read_text(), said.getvalue()


def stored(kind, folder, listeners=(), unfinished=()):
    test = built(kind)
    test.save(folder)
    if listeners:
        store(test, folder, listeners, unfinished)
    return read(test, folder)


def page_without_plots(answers, path):
    """The page alone; plots are drawn and not saved, which takes longest."""
    analysis = analyze_module.analyzed(answers)
    analyze_module._figures(analysis)
    write_page(analysis, {}, path / "a.html")
    return (path / "a.html").read_text()


def results_of(folder, taken="kept"):
    table = pd.read_csv(folder / "out" / "results.csv")
    return table[(table["listeners_taken"] == taken) & (table["what"] == "comparison")]


def panel(kind, n=8, **more):
    return [Simulated(built(kind), number, **more) for number in range(n)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Gives what one panel of a kind led to: folder, page, and what was printed.

    Systems have qualities 0.8, 0.7 and 0.4; listeners tell X in nine of ten trials, and write HTML.
    """

    @cache
    def of(kind):
        folder = tmp_path_factory.mktemp(kind)
        difference = 4.0 if kind == "mushra" else None
        listeners = panel(kind, hears=0.9, words=SCRIPT)
        return folder, *analyzed(kind, folder, listeners, difference=difference)

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_preference_is_recovered(kind, whole):
    folder, _, said = whole(kind)
    table = results_of(folder).set_index(["system", "versus"])
    base = "dense (reference)" if kind in ("mushra", "dcr") else "dense"
    line = table.loc["smaller", base]
    assert line["p_holm"] < 0.05
    assert line["listeners"] == 8
    if kind in ("ab", "abx"):
        assert (line["share"] > 0.5) == (kind == "abx")
    else:
        assert line["difference"] < 0
        assert line["low"] < line["difference"] < line["high"] < 0
    written = {path.name for path in (folder / "out").iterdir()}
    assert written >= FILES
    assert {name.split(".")[0] for name in written - FILES} >= {"listeners"}
    assert all((folder / "out" / f"listeners.{end}").exists() for end in ("svg", "pdf", "png"))
    assert "8 listeners count, 0 left out" in said
    assert "smaller" in said


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_difference_none_is_said(kind, tmp_path):
    same = dict.fromkeys(("dense", "small", "smaller", "reference"), 0.7)
    rows = stored(kind, tmp_path, panel(kind, 10, qualities=same)).rows
    table = take(built(kind), rows, mixed=False).comparisons
    assert (table["p_holm"] > 0.05).all()
    assert "mixed_p" not in table


def test_findings_follow_from_the_numbers(whole):
    folder, page, _ = whole("acr")
    line = results_of(folder).query("planned").set_index("system").loc["smaller"]
    text = page.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
    size, low, high = abs(line["difference"]), line["low"], line["high"]
    assert (
        f"Listeners rated smaller {size:.2f} points below dense "
        f"(95 % interval {low:+.2f} to {high:+.2f}; p " in text
    )


def test_who_is_left_out_is_named_and_counted_both_ways(tmp_path):
    listeners = panel("acr")
    listeners[3] = Simulated(built("acr"), 3, attends=False)
    answers = stored("acr", tmp_path, listeners, unfinished={5})
    assert "Results with all listeners" in page_without_plots(answers, tmp_path)
    analysis, said = analyze_module.analyzed(answers), StringIO()
    assert [each.listener for each in analysis.screened if not each.kept] == ["L03", "L05"]
    assert analysis.kept.comparisons["listeners"].max() == 6
    assert analysis.everyone.comparisons["listeners"].max() == 7
    analyze_module._print(analysis, tmp_path, Console(file=said, width=100))
    assert "left out: L05 did 0 of 12 trials" in said.getvalue()


def test_the_page_needs_no_network_and_runs_nothing(whole):
    _, page, _ = whole("mushra")
    assert not re.search(r"<script|<link|\bsrc=|@import|url\((?!#)", page)
    links = re.findall("https?://[^\"' <]*", page)
    assert all(link.startswith("http://www.w3.org/") for link in links)  # names of SVG
    assert page.count("<svg") == 4
    assert "light-dark(" in page


@pytest.mark.parametrize("kind", KINDS)
def test_what_listeners_write_is_only_text(kind, whole):
    _, page, _ = whole(kind)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("kind", "difference", "text"),
    [
        ("mushra", None, "Nothing was measured yet; taken as on such scales in general"),
        ("abx", 0.1, "To find 60 % right answers in 80 % of tests takes 169 trials in all"),
        ("ab", 0.1, "To find 60 % preferred in 80 % of tests takes 210 trials in all"),
    ],
)
def test_nobody_answered(kind, difference, text, tmp_path):
    page, said = analyzed(kind, tmp_path, difference=difference)
    assert "Nobody has answered yet" in page
    assert "How many listeners a difference needs" in page
    assert text in page
    assert "0 listeners count, 0 left out" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES


@pytest.mark.parametrize("kind", KINDS)
def test_one_listener(kind, tmp_path):
    page = page_without_plots(stored(kind, tmp_path, panel(kind, 1)), tmp_path)
    assert "1 listener counts" in page
    assert "nan" not in page
    if kind != "abx":
        assert "With 1 listener no difference can be shown by these tests, which need 7." in page


@pytest.mark.parametrize("kind", ["dcr", "cmos", "ab", "abx"])
def test_everyone_is_left_out(kind, tmp_path):
    page = page_without_plots(stored(kind, tmp_path, panel(kind, 3, wears=False)), tmp_path)
    assert "no listener passed the screening" in page
    assert "Results with all listeners" in page
    assert "0 listeners count, 3 left out" in page


def test_difference_says_how_many_listeners(whole):
    _, page, _ = whole("mushra")
    assert re.search(r"To find a difference of 4 points in 80 % of tests takes \d+ listeners", page)
    assert "as scattered as here" in page


@pytest.mark.parametrize(
    ("kind", "difference"), [("mushra", 0.0), ("mushra", 101.0), ("ab", 0.6), ("cmos", 3.1)]
)
def test_differences_off_the_scale_are_refused(kind, difference, tmp_path):
    with pytest.raises(ListeningError, match=f"--difference: must be above 0 .*got {difference}"):
        analyzed(kind, tmp_path, difference=difference)


def test_the_same_answers_give_the_same_bytes(whole, tmp_path):
    folder, _, _ = whole("abx")
    analyze(folder, [], tmp_path, Console(file=StringIO()))
    first = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_tables_for_latex_are_escaped(whole):
    tex = (whole("acr")[0] / "out" / "tables.tex").read_text()
    assert tex.count(r"\begin{table}") == tex.count(r"\end{table}") == 2
    assert "95 \\% interval" in tex
    assert not re.search(r"(?<!\\)%(?! needs)", tex)


def test_a_folder_that_is_no_test_is_refused(tmp_path):
    with pytest.raises(ListeningError, match=r"no listening test, test\.json is missing"):
        analyze(tmp_path, [], tmp_path / "out", Console(file=StringIO()))


def test_results_are_plain_numbers(whole):
    table = results_of(whole("cmos")[0])
    numbers = table[["difference", "low", "high", "p", "p_holm", "median", "mixed_p"]]
    json.dumps(numbers.to_dict("records"), allow_nan=False)
