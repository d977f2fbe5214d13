"""Plots for a paper, of a recipe's runs with intervals made by hand."""

import re
from dataclasses import replace

import pytest
from matplotlib import rc_context

from tts_compress.records import Record
from tts_compress.report.figures import WIDTH, write_figures
from tts_compress.report.labels import name_points
from tts_compress.report.plots import draw, size_of
from tts_compress.report.reading import Results, RunResult
from tts_compress.report.rows import row_of, with_intervals

WRONG = {"dense": 1, "heads keep 2": 2, "heads keep 1": 5, "heads keep 1 + recalibrated": 3}


@pytest.fixture
def results(tmp_path):
    rows = []
    for number, (name, wrong) in enumerate(WRONG.items()):
        run = f"{number}"
        counts = [wrong * (sentence % 3) for sentence in range(12)]
        values = {
            "gzip_bytes": 9e6 - 1e6 * number,
            "state_dict_bytes": 16e6,
            "speedup": 1 + 0.2 * number,
            "word_error_rate": sum(counts) / 240,
        }
        records = [Record(run, metric, None, value, "") for metric, value in values.items()]
        for sentence, count in enumerate(counts, 1):
            records.append(Record(run, "word_errors", sentence, float(count), "words"))
            records.append(Record(run, "words", sentence, 20.0, "words"))
        rows.append(row_of(run, name, records))
    rows = with_intervals(rows, rows[0])
    runs = [RunResult(row.run_id, row.name, tmp_path, "done", row=row) for row in rows]
    return Results("heads", tmp_path, tuple(runs))


def test_a_column_wide_with_fonts_and_without_dates(results, tmp_path):
    written = write_figures([results], tmp_path / "plots")
    names = ["heads-size.pdf", "heads-size.svg", "heads-speed.pdf", "heads-speed.svg"]
    assert [path.name for path in written] == names
    first = [path.read_bytes() for path in written]
    pdf, svg = first[0], first[1].decode()
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"/Type3" not in pdf
    assert b"/CreationDate" not in pdf
    assert "<dc:date>" not in svg
    width, height = (float(n) for n in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    assert width == pytest.approx(72 * WIDTH)
    assert 0.6 * width < height < width
    assert [path.read_bytes() for path in write_figures([results], tmp_path / "plots")] == first


def test_every_folder_has_plots_of_its_own(results, tmp_path):
    other = replace(results, folder=tmp_path / "b")
    odd = replace(results, folder=tmp_path / "c", name="../a b")
    written = write_figures([results, other, odd], tmp_path / "plots")
    assert {path.parent for path in written} == {tmp_path / "plots"}
    assert [path.name for path in written if path.suffix == ".pdf"] == [
        *("heads-size.pdf", "heads-speed.pdf", "heads-2-size.pdf", "heads-2-speed.pdf"),
        *("-a-b-size.pdf", "-a-b-speed.pdf"),
    ]


def test_intervals_are_drawn(results):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    draw(axes, results.rows, size_of(results.rows), "word_error_rate")
    drawn = {
        line.get_xdata()[0]: line.get_ydata() for line in axes.lines if line.get_marker() == "_"
    }
    assert drawn.keys() == {8.0, 7.0, 6.0}
    for row in results.rows[1:]:
        ends = row.intervals["word_error_rate"]
        expected = [100 * ends.low, 100 * ends.high]
        assert list(drawn[row.values["gzip_bytes"] / 1e6]) == pytest.approx(expected)


def test_names_of_points_cover_no_point(results):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    row = results.rows[1]
    points = [(0.5, 0.5), (0.55, 0.53), (0.98, 0.2), (0.1, 0.2)]
    name_points(axes, [(point, row) for point in points])
    assert {text.xy: text.get_ha() for text in axes.texts} == {
        (0.1, 0.2): "left",
        (0.5, 0.5): "right",  # the next point is on the right
        (0.55, 0.53): "left",
        (0.98, 0.2): "right",  # the plot ends
    }


def test_long_names_have_lines_of_their_own(results, tmp_path):
    runs = [
        replace(run, row=replace(run.row, name=f"{run.name} + recalibrated + finetune {n} steps"))
        for n, run in enumerate(results.runs)
    ]
    written = write_figures([replace(results, runs=tuple(runs))], tmp_path)
    _, height = re.search(r'viewBox="0 0 (\S+) (\S+)"', written[1].read_text()).groups()
    assert float(height) > 72 * WIDTH * 0.85


def test_the_axis_says_which_size_is_drawn(results, tmp_path):
    sizes = {"artifact_bytes": 3e5, "float32_bytes": 16e6}
    runs = [
        replace(run, row=replace(run.row, values={**run.row.values, **sizes}))
        for run in results.runs
    ]
    with rc_context({"svg.fonttype": "none"}):
        by_gzip = write_figures([results], tmp_path / "a")[1].read_text()
        by_file = write_figures([replace(results, runs=tuple(runs))], tmp_path / "b")[1].read_text()
    assert "size on disk, gzip (MB)" in by_gzip
    assert "size of the coded file (MB)" in by_file


def test_points_are_called_by_what_sets_them_apart(results):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    names = ("heads keep 1 + folded + uniform 4 bits", "heads keep 1 + folded + codebook 3 bits")
    rows = [replace(row, name=name) for row, name in zip(results.rows[1:], names, strict=False)]
    draw(axes, [results.rows[0], *rows], size_of(rows), "word_error_rate")
    assert axes.get_legend_handles_labels()[1][:2] == ["uniform", "codebook"]
    assert {text.get_text() for text in axes.texts} == {"4 bits", "3 bits"}


def test_what_was_not_taken_is_not_drawn(tmp_path, results):
    dense = results.runs[0]
    assert write_figures([Results("r", tmp_path)], tmp_path / "p") == []
    assert write_figures([Results("r", tmp_path, (dense,))], tmp_path / "p") == []
