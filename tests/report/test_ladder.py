"""The size ladder as a table, a plot and a part of the page."""

import json

import pytest
from matplotlib.image import imread
from rich.console import Console

from tests.report.synthetic import make_results
from tts_compress.records import Record, read_records, write_records
from tts_compress.report.ladder import BOUND, RUNGS, has_ladder, ladder_table, plot_ladder
from tts_compress.report.page import write_report
from tts_compress.report.reading import read_results
from tts_compress.report.results import write_plots
from tts_compress.report.rows import Row

SIZES = (16e6, 9e6, 8e6, 4e6, 3.5e6, 3.2e6, 2e6, 2.1e6)  # of each rung, then the bound


def row_of(run, name, part=1.0):
    values = dict(zip((*RUNGS, BOUND), SIZES, strict=True))
    return Row(run, name, {metric: value * part for metric, value in values.items()}, {})


def test_a_table_says_each_size_and_how_many_times_smaller_than_dense_float32():
    text = ladder_table("voice", [row_of("a", "dense"), row_of("b", "uniform|4", 0.5)])
    heading, _, dense, small = text.splitlines()[2:6]
    assert heading == (
        "| run | float32 | float32, gzip | float16 | packed | packed, gzip | packed, zstd "
        "| coded file | order-0 entropy |"
    )
    assert dense.startswith("| dense | 16.00 (1.0x) | 9.00 (1.8x) | 8.00 (2.0x) | 4.00 (4.0x) |")
    assert small.endswith("| 1.60 (10.0x) | 1.00 (16.0x) | 1.05 (15.2x) |")
    assert small.startswith("| uniform\\|4 | 8.00 (2.0x) |")


def test_there_is_no_table_without_sizes_of_dense():
    bare = Row("a", "dense", {"gzip_bytes": 9e6}, {})
    assert not has_ladder(bare)
    assert ladder_table("voice", [bare, row_of("b", "uniform")]) == ""
    assert ladder_table("voice", []) == ""


def test_runs_without_sizes_are_left_out():
    bare = Row("b", "failed", {"gzip_bytes": 9e6}, {})
    text = ladder_table("voice", [row_of("a", "dense"), bare])
    assert "dense" in text
    assert "failed" not in text


@pytest.mark.parametrize(("n_runs", "lines"), [(1, 1), (40, 4)])
def test_the_plot_has_a_panel_for_each_run_and_at_most_twelve(tmp_path, n_runs, lines):
    rows = [row_of(f"{n}", f"run {n}", 1 / (n + 1)) for n in range(n_runs)]
    plot_ladder("voice", rows, tmp_path / "sizes.png")
    assert imread(tmp_path / "sizes.png").shape[0] == pytest.approx(
        150 * (0.9 + 2.3 * lines), abs=2
    )


def test_long_names_have_lines_of_their_own(tmp_path):
    rows = [
        row_of("a", "dense"),
        row_of("b", "channels ffn 25 % + recalibrated + resized + uniform"),
    ]
    plot_ladder("voice", rows[:1] + rows[:1], tmp_path / "short.png")
    plot_ladder("voice", rows, tmp_path / "long.png")
    short, long = (imread(tmp_path / f"{name}.png").shape[:2] for name in ("short", "long"))
    assert short[1] == long[1]
    assert short[0] < long[0]


def test_the_plot_is_written_where_sizes_were_taken(tmp_path):
    rows = [row_of("a", "dense"), row_of("b", "uniform")]
    assert write_plots("voice", rows, tmp_path) == [tmp_path / "sizes.png"]
    first = (tmp_path / "sizes.png").read_bytes()
    plot_ladder("voice", rows, tmp_path / "sizes.png")
    assert (tmp_path / "sizes.png").read_bytes() == first
    assert write_plots("voice", [Row("a", "dense", {}, {})], tmp_path) == []


@pytest.fixture
def results(tmp_path):
    """Two runs with sizes, and groups of the second's tensors."""
    folder = make_results(tmp_path / "r", 2, 1)
    for place, run in enumerate(json.loads((folder / "recipe.json").read_text())["runs"]):
        path = folder / run["id"] / "records.jsonl"
        row = row_of(run["id"], run["name"], 1 / (place + 1))
        sizes = [Record(row.run_id, m, None, value, "bytes") for m, value in row.values.items()]
        others = [record for record in read_records(path) if record.metric not in row.values]
        write_records(path, [*others, *sizes])
        path = folder / run["id"] / "layers.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        coded = {"coded_bytes": 512.0, "bits_per_weight": 4096 / lines[1]["n_weights"]}
        factor = {**lines[1], "layer": "factor", "group": "factors"} | coded
        del factor["n_dense"], factor["relative_error"]
        lines = [lines[0], lines[1] | coded, factor]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_layers_of_a_run_say_what_they_take(results):
    _, known, factor = read_results(results).runs[1].layers
    assert (known.coded_bytes, known.bits_per_weight) == (512.0, 4.0)
    assert (factor.n_dense, factor.relative_error) == (None, None)


def test_the_page_shows_the_ladder_of_the_selected_run_and_its_groups(results, tmp_path, chromium):
    write_report([results], tmp_path / "report", Console(quiet=True))
    assert "coded file" in (tmp_path / "report" / "results.md").read_text()
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((tmp_path / "report" / "index.html").as_uri())
    page.wait_for_selector("#ladder-plot .annotation-text")
    assert page.locator("#sizes-of").inner_text() == "magnitude 50 %"
    assert page.locator("#sizes-table tbody th").all_inner_texts() == ["dense", "magnitude 50 %"]
    text = page.locator("#sizes-table tbody tr").nth(1).inner_text()
    assert "1.00 (16.0\u00d7)" in text
    *bars, bound = page.locator("#ladder-plot .annotation-text").all_text_contents()
    assert bars[0] == "8.00\u202fMB, 2.0\u00d7"
    assert bars[-1] == "1.00\u202fMB, 16.0\u00d7"
    assert bound == "order-0 entropy 1.05\u202fMB"
    ticks = page.locator("#ladder-plot .xtick").all_text_contents()
    assert ticks == ["0.5", "1", "2", "5", "10"]
    page.locator("#groups-box summary").click()
    groups = page.locator("#groups-table tbody tr").all_inner_texts()
    assert groups[0].split() == ["rnn", "1024", "512", "4.00"]
    page.locator("#layers-of").click()
    assert "NaN" not in page.locator("#layers-table").inner_text()
    page.locator("#theme").click()
    assert page.locator("#ladder-plot .annotation-text").count() == len(RUNGS) + 1
    page.close()
    assert not wrong
