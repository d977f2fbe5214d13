import json

import pytest

from tests.listening.forms import PAGES, QUIET, shorten
from tests.listening.robot import Robot
from tts_compress.errors import ListeningError
from tts_compress.listening import design
from tts_compress.listening.building.static import export_static
from tts_compress.listening.built import BuiltTest


def test_static_test_opens_from_disk(build_from_tones, new_page, tmp_path):
    pages = [PAGES[0], {"type": "volume"}, {"type": "headphones"}, {"type": "trials"}, PAGES[-1]]
    folder = build_from_tones("abx", pages=pages)
    shorten(folder)
    out = tmp_path / "static"
    export_static(folder, out, QUIET)
    page = new_page(viewport={"width": 800, "height": 900})
    page.goto(f"{(out / 'index.html').as_uri()}?listener=1")
    robot = Robot(page)
    robot.take(until="t002")
    page.reload()
    assert robot.at()[0] == "t002"
    robot.take()
    with page.expect_download() as download:
        page.get_by_text("Save the file of answers").click()
    answers = json.loads(download.value.path().read_text())
    test = BuiltTest.load(folder)
    assert (answers["format"], answers["test"], answers["listener"]) == (1, test.id, 1)
    assert {id: answer["values"] for id, answer in answers["answers"].items()} == robot.entered
    assert all(answer["done"] for answer in answers["answers"].values())
    assert set(robot.entered) >= design.trial_of(test, 1).keys()
    assert page.locator(".code").input_value() == design.completion_code(test, "static-1")


@pytest.mark.parametrize("number", ["4", "-1", "length"])
def test_static_test_refuses_listeners_it_has_not(number, build_from_tones, new_page, tmp_path):
    export_static(build_from_tones("acr"), tmp_path / "static", QUIET)
    page = new_page()
    page.goto(f"{(tmp_path / 'static' / 'index.html').as_uri()}?listener={number}")
    said = page.get_by_role("alert").inner_text()
    assert said == f"This test has the listeners 0 to 3, got {number}."


def test_static_test_says_nothing_of_systems(build_from_tones, tmp_path):
    folder = build_from_tones("mushra")
    export_static(folder, tmp_path / "static", QUIET)
    parts = {path.name for path in (tmp_path / "static" / "page").iterdir()}
    assert {"file.js", "style.css", "icon.svg"} < parts
    assert not {"http.js", "admin.js", "admin.css"} & parts
    written = [path for path in (tmp_path / "static").rglob("*") if path.is_file()]
    said = "".join(path.read_text() for path in written)
    secret = BuiltTest.load(folder).secret
    assert not [word for word in ("dense", "first/", "anchor 3500", secret) if word in said]
    with pytest.raises(ListeningError, match="exists already"):
        export_static(folder, tmp_path / "static", QUIET)
