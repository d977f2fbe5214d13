"""The page in a real browser, opened from disk: what people do with it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from tests.report.synthetic import make_results
from tts_compress.records import read_records, write_records
from tts_compress.report.frontier import frontier
from tts_compress.report.page import write_report

NAME = "magnitude 5 % </script><b>&\"'"
WAIT = {"timeout": 15_000}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the page is: four runs that are done, one that failed, and one that is not begun."""
    folder = tmp_path_factory.mktemp("report")
    results = make_results(folder / "r", 4, 7, names=[NAME])
    index = json.loads((results / "recipe.json").read_text())
    index["runs"] += [{"id": "f", "name": "magnitude 98 %"}, {"id": "g", "name": "magnitude 99 %"}]
    (results / "recipe.json").write_text(json.dumps(index))
    (results / "f").mkdir()
    (results / "f" / "error.txt").write_text("Traceback:\nRuntimeError: <i>out of memory</i>")
    write_report([results], folder / "report", Console(quiet=True))
    return (folder / "report" / "index.html").as_uri()


def watch(page):
    """Gives a list of what the page's console complains of, and of requests beyond the disk."""
    wrong = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or wrong.append(r.url))
    return wrong


@pytest.fixture(scope="module")
def opened(chromium, address):
    """The page, opened once for all tests: to start the charts takes a second."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    wrong = watch(page)
    page.goto(address)
    page.wait_for_function("performance.getEntriesByName('chart').length > 0")
    page.evaluate("window.first = structuredClone({ ...view, charts: true })")
    yield page
    context.close()
    assert not wrong


@pytest.fixture
def page(opened):
    """The page as it was when it was opened."""
    opened.evaluate("player.pause(); player.open(null, [], null)")
    opened.evaluate("Object.assign(listening, { sentence: 0, system: 'dense' })")
    opened.evaluate("find('#filter').value = ''; change(structuredClone(first)); scrollTo(0, 0)")
    return opened


def names(page):
    return page.locator("#runs-table tbody .run").all_inner_texts()


def selected(page):
    return page.locator("#runs-table tr[aria-selected=true] .run").inner_text()


def test_runs_are_sorted_and_filtered(page):
    before = names(page)
    page.get_by_role("button", name="size on disk, gzip, MB").click()
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("size on disk")
    done = before[:4]
    assert names(page) == [*reversed(done), *before[4:]]  # what was not taken is last
    page.keyboard.press("Enter")  # the focus stays on the heading
    assert page.locator("th[aria-sort=descending]").count() == 1
    assert names(page) == before
    page.locator("#runs-table").get_by_role("button", name="mel difference, dB").click()
    assert names(page) == before
    page.get_by_label("Filter").fill("magnitude 7")
    assert names(page) == ["magnitude 75\u00a0%"]
    assert page.locator("#runs-count").inner_text() == "1 of 6 runs"
    page.get_by_label("Filter").fill("nothing of this")
    assert page.locator("#runs-none").is_visible()


def test_names_and_errors_are_text(page):
    assert names(page)[1] == NAME.replace(" %", "\u00a0%")
    failed = page.locator("#runs-table tr", has_text="magnitude 98")
    assert failed.locator(".status").inner_text() == "failed"
    assert failed.locator(".error").inner_text() == "RuntimeError: <i>out of memory</i>"
    last = page.locator("#runs-table tr", has_text="magnitude 99")
    assert last.locator(".status").inner_text() == "not begun"


def test_differences_take_the_place_of_values(page):
    cell = page.locator("#runs-table tbody tr").nth(1).locator("td.number").first
    assert cell.inner_text() == "6.75"
    page.locator("[data-shown=differences]").click()
    assert cell.inner_text() == "\u22122.25"


def test_columns_are_chosen(page):
    page.locator(".menu", has_text="Columns").locator("summary").click()
    page.get_by_label("size on disk, gzip", exact=True).uncheck()
    assert page.get_by_role("button", name="size on disk, gzip, MB").count() == 0


def test_a_point_of_the_plot_selects_its_run(page):
    before = selected(page)
    points = page.locator("#plot .scatterlayer .points path")
    assert points.count() == 4  # with dense
    place = points.first.bounding_box()  # that of the run with another name
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.wait_for_function(
        "name => document.querySelector('#card h3').textContent !== name", arg=before, **WAIT
    )
    assert selected(page) == page.locator("#card h3").inner_text() != before
    assert selected(page) in page.locator(".sentence").first.inner_text()


def test_the_frontier_can_be_reached_by_keyboard(page):
    link = page.locator("#frontier button").first
    name = link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    assert selected(page) == name


def test_other_measures_can_be_plotted(page):
    page.get_by_label("Measure upwards").select_option("mel_mae_db")
    assert "mel difference (dB)" in page.locator("#plot .ytitle").text_content()


@pytest.mark.parametrize("better_x", ["lower", "higher"])
@pytest.mark.parametrize("better_y", ["lower", "higher"])
def test_the_frontier_is_that_of_the_tables(page, better_x, better_y):
    points = np.random.default_rng(0).integers(1, 12, (40, 2)).astype(float).tolist()
    points.append([points[0][0] * 1.005, points[0][1] - 0.5])  # as large, and other in quality
    found = page.evaluate(
        """([points, x, y]) => {
          data.measures.x = { better: x, equal: 0.01 };
          data.measures.y = { better: y, equal: 0 };
          const values = points.map(([x, y]) => ({ x: [x], y: [y] }));
          const runs = values.map((values, key) => ({ key, n_failed: 0, values }));
          return frontier(runs, "x", "y").map((run) => run.key);
        }""",
        [points, better_x, better_y],
    )
    assert sorted(found) == frontier(points, better_x, better_y, 0.01)


def playing(page):
    return page.evaluate("player.playing")


def test_switching_keeps_the_position(page):
    row = page.locator(".sentence").nth(2)
    assert page.evaluate("player.elements.size") == 0  # nothing is loaded before it is wanted
    page.get_by_label("Loop").check()  # so that no sound ends before its button is found
    row.get_by_role("button", name="Play sentence 3").click()
    page.wait_for_function("player.playing && player.time > 0.2", **WAIT)
    source = page.evaluate("player.source")
    row.locator(".system").nth(1).click()
    page.wait_for_function("s => player.source !== s && player.playing", arg=source, **WAIT)
    assert page.evaluate("player.time") > 0.2
    row.get_by_role("button", name="Pause sentence 3").click()
    assert not playing(page)

    page.evaluate("player.seek(0.5)")
    row.locator(".system").nth(0).click()
    page.wait_for_function("Math.abs(player.time - 0.5) < 0.01", **WAIT)
    assert not playing(page)

    page.get_by_label("Switching keeps").select_option("part")
    part = page.evaluate("player.time / player.duration")
    row.locator(".system").nth(2).click()
    page.wait_for_function(
        "part => Math.abs(player.time / player.duration - part) < 0.01",
        arg=part,
        **WAIT,
    )
    assert page.evaluate("player.time") > 0.5  # this run speaks more slowly


def test_only_one_sentence_plays(page):
    page.get_by_role("button", name="Play sentence 1").click()
    page.wait_for_function("player.playing", **WAIT)
    page.get_by_role("button", name="Play sentence 2").click()
    page.wait_for_function("player.playing && player.sentence === '0/1'", **WAIT)
    assert page.locator(".sentence.playing").count() == 1


def test_players_work_by_keyboard(page):
    page.locator("#listen-title").click()
    for key in ("j", "j", "p"):
        page.keyboard.press(key)
    page.wait_for_function("player.playing && player.sentence === '0/2'", **WAIT)
    page.keyboard.press("3")
    page.wait_for_function("listening.system === view.selected", **WAIT)
    third = ".sentence >> nth=2 >> .system >> nth=2"
    page.wait_for_selector(f"{third} >> css=:scope[aria-pressed=true]", **WAIT)
    page.keyboard.press("l")
    assert page.get_by_label("Loop").is_checked()
    page.keyboard.press("p")
    assert not playing(page)
    page.get_by_label("Filter").focus()
    page.keyboard.type("j3")  # in a field keys are letters
    assert page.evaluate("player.sentence") == "0/2"


def test_a_ticked_run_can_be_heard(page):
    before = page.locator(".sentence").first.locator(".system").count()
    box = page.locator("#runs-table input[type=checkbox]:checked").first
    box.focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.type") == "checkbox"  # the focus stays
    assert page.locator(".sentence").first.locator(".system").count() == before - 1


def test_pictures_are_drawn_where_they_are_seen(page):
    page.locator(".sentence").first.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('.sentence:first-child img')].every(i => i.naturalHeight)",
        **WAIT,
    )
    texts = page.locator(".sentence").first.locator("figcaption").all_inner_texts()
    assert texts[0] == "Dense"
    assert texts[2:] == ["Difference", "Attention"]


def test_layers_and_sources_are_those_of_the_selected_run(page):
    page.locator("#runs-table .run", has_text="magnitude 75").click()
    points = "document.querySelectorAll('#layers-plot .scatterlayer .point').length === 2 * 2 * 3"
    page.wait_for_function(points, **WAIT)
    page.locator("#layers-of").click()
    assert "encoder.lstm.weight_hh" in page.locator("#layers-table").inner_text()
    assert "75.0" in page.locator("#layers-table").inner_text()
    assert "0123456789ab" in page.locator("#provenance").inner_text()
    page.locator("#runs-table .run", has_text="magnitude 98").click()
    assert "Not recorded" in page.locator("#layers-none").inner_text()


def test_meanings_open_by_hover_and_focus(page):
    term = page.locator("#card .term", has_text="size on disk")
    for show in (term.hover, term.focus):
        page.mouse.move(0, 0)
        show()
        assert page.locator("#tooltip").is_visible()
        assert "gzip stream" in page.locator("#tooltip").inner_text()
        page.keyboard.press("Escape")
        assert page.locator("#tooltip").is_hidden()


def dark(page):
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in color.strip("rgb()").split(",")) < 200


def test_the_theme_is_the_systems_until_it_is_changed(new_page, address):
    page = new_page(color_scheme="dark")
    wrong = watch(page)
    page.goto(address)
    assert dark(page)
    page.emulate_media(color_scheme="light")
    assert not dark(page)
    page.locator("#theme").click()
    assert dark(page)
    page.reload()
    assert dark(page)
    assert page.locator("#theme").inner_text() == "Light"
    assert not wrong


def test_a_phone_needs_no_scrolling_aside(new_page, address):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    wrong = watch(page)
    page.goto(address)
    page.wait_for_function("view.charts")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#card .term").first.tap()
    assert page.locator("#tooltip").is_visible()
    assert not wrong


def test_failed_runs_are_left_out_until_they_are_wanted(new_page, tmp_path):
    results = make_results(tmp_path / "r", 4, 6)
    ids = [run["id"] for run in json.loads((results / "recipe.json").read_text())["runs"]]
    for run in ids[2:]:
        path = results / run / "records.jsonl"
        records = [replace(r, value=1.0) if r.metric == "failed" else r for r in read_records(path)]
        write_records(path, records)
    write_report([results], tmp_path / "report", Console(quiet=True))
    page = new_page()
    wrong = watch(page)
    page.goto((tmp_path / "report" / "index.html").as_uri())
    page.wait_for_function("view.charts")
    points = page.locator("#plot .scatterlayer .points path")
    box = page.get_by_label("Leave out runs in which more sentences fail than in dense")
    assert box.is_checked()
    assert points.count() == 2
    left = page.locator("#left-out")
    assert left.inner_text().startswith("Left out for failed sentences, 2 of 4 runs:")
    assert left.locator("button").all_inner_texts() == [
        "magnitude 50\u00a0%",
        "magnitude 75\u00a0%",
    ]
    box.uncheck()
    assert points.count() == 4
    assert not left.is_visible()
    page.evaluate("voice().runs[1].n_failed = 6; change(firstView(0))")  # now all but dense
    assert not box.is_checked()
    assert points.count() == 4
    box.check()
    assert points.count() == 1
    assert box.is_visible()
    assert not wrong


@pytest.mark.parametrize("made", ["empty", "no sentences", "all failed"])
def test_poor_results_have_a_page_without_errors(new_page, tmp_path, made):
    folder = tmp_path / "r"
    folder.mkdir()
    if made == "no sentences":
        make_results(folder, 2, 0)
    if made == "all failed":
        index = {"name": "r", "runs": [{"id": "a", "name": "dense"}, {"id": "b", "name": "x"}]}
        (folder / "recipe.json").write_text(json.dumps(index))
        (folder / "a").mkdir()
        (folder / "a" / "error.txt").write_text("no memory")
    write_report([folder], tmp_path / "report", Console(quiet=True))
    page = new_page()
    wrong = watch(page)
    page.goto((tmp_path / "report" / "index.html").as_uri())
    assert page.locator("#listen-none").is_visible()
    assert page.locator("#plot-none").is_visible()
    assert page.locator("#runs-none").is_visible() == (made == "empty")
    assert not wrong
