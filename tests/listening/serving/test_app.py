"""What the application gives listeners, and what it stores."""

import json
import re
from contextlib import closing
from importlib.resources import files

import numpy as np
import pytest
import soundfile
from rich.console import Console

from tests.listening.asking import PASSWORD, SCRIPT, Client, admin, said, whole
from tts_compress.errors import ListeningError
from tts_compress.listening import design
from tts_compress.listening.building.build import build_test
from tts_compress.listening.built import KINDS, BuiltTest
from tts_compress.listening.serving.app import make_app
from tts_compress.listening.serving.store import read_listeners


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Two systems that say two sentences."""
    folder = tmp_path_factory.mktemp("voices")
    for name, loudness in (("dense", 0.1), ("pruned", 0.05)):
        (folder / name).mkdir()
        for sentence in (1, 2):
            samples = np.random.default_rng(sentence).normal(scale=loudness, size=11025)
            soundfile.write(folder / name / f"{sentence:03}.wav", samples, 22050)
    return folder


def test_a_whole_test_is_taken_and_stored_as_entered(client, token, served):
    pages = client.get(f"/api/{token}/session").json()["session"]["pages"]
    assert [page["type"] for page in pages] == ["consent", "trial", "questionnaire", "finish"]
    unfinished = client.ask("POST", f"/api/{token}/finish")
    assert unfinished.status_code == 409
    assert unfinished.json()["missing"] == [page["id"] for page in pages[:-1]]
    for page in pages[:-1]:
        reply = client.put(f"/api/{token}/answers/{page['id']}", whole(page))
        assert reply.json() == {"revision": 1, "done": True, "taken": True}
    code = design.completion_code(BuiltTest.load(served), token)
    assert client.ask("POST", f"/api/{token}/finish").json() == {"code": code}
    again = client.get(f"/api/{token}/session").json()
    assert (again["finished"], again["code"]) == (True, code)
    assert again["answers"] == {page["id"]: whole(page) for page in pages[:-1]}
    assert read_listeners(served)[0]["answers"] == again["answers"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_built_test_of_each_kind_is_taken_whole(voices, kind):
    form = {"name": kind, "kind": kind, "title": kind, "sentences": [1, 2], "listeners": 2}
    form["systems"] = {name: {"folder": str(voices / name)} for name in ("dense", "pruned")}
    if kind in ("mushra", "dcr"):
        form["reference"] = "dense"
    (voices / f"{kind}.yaml").write_text(json.dumps(form))
    build_test(voices / f"{kind}.yaml", voices, voices / kind, Console(quiet=True))
    app = make_app(voices / kind, PASSWORD)
    with closing(app.state.store):
        client = Client(app)
        token = client.store.join().result()
        session = client.get(f"/api/{token}/session").json()["session"]
        for id in design.audio_ids(session):
            assert client.get(f"/api/{token}/audio/{id}.wav").content.startswith(b"RIFF")
        answers = {page["id"]: whole(page) for page in session["pages"] if page["type"] != "finish"}
        for id, answer in answers.items():
            assert client.put(f"/api/{token}/answers/{id}", answer).status_code == 200
        assert client.ask("POST", f"/api/{token}/finish").status_code == 200
        assert client.get(f"/api/{token}/session").json()["answers"] == answers


def test_a_reload_gives_back_what_was_saved(client, token, trial):
    path = f"/api/{token}/answers/{trial['id']}"
    for revision in (1, 2):
        assert client.put(path, said(trial, revision)).status_code == 200
    state = client.get(f"/api/{token}/session").json()
    assert state["answers"] == {trial["id"]: said(trial, 2)}
    assert (state["finished"], state["code"]) == (False, None)


def test_repeats_are_acknowledged_and_changes_of_a_done_page_are_not(client, token, trial):
    path = f"/api/{token}/answers/{trial['id']}"
    done = said(trial, 3, done=True)
    for _ in range(2):
        assert client.put(path, done).json() == {"revision": 3, "done": True, "taken": True}
    late = client.put(path, said(trial, 2))
    assert (late.status_code, late.json()["revision"]) == (200, 3)
    reply = client.put(path, said(trial, 4))
    assert reply.status_code == 409
    assert reply.json()["answer"] == done
    assert "takes no more changes" in reply.json()["error"]


def test_a_second_window_with_the_same_revision_is_told(client, token, trial):
    path = f"/api/{token}/answers/{trial['id']}"
    client.put(path, said(trial))
    other = client.put(path, said(trial, values={"ratings": {}}))
    assert other.json() == {"revision": 1, "done": False, "taken": False}
    assert client.get(f"/api/{token}/session").json()["answers"][trial["id"]] == said(trial)


def test_sounds_come_whole_and_in_parts(client, token, trial, served):
    id = trial["stimuli"][0]["id"]
    path, content = f"/api/{token}/audio/{id}.wav", (served / f"audio/{id}.wav").read_bytes()
    reply = client.get(path)
    assert reply.content == content
    assert reply.headers["content-type"] == "audio/wav"
    assert reply.headers["content-length"] == str(len(content))
    assert reply.headers["cache-control"].startswith("private, max-age=")
    part = client.get(path, headers={"Range": "bytes=44-99"})
    assert (part.status_code, part.content) == (206, content[44:100])
    assert part.headers["content-range"] == f"bytes 44-99/{len(content)}"
    assert client.get(path, headers={"Range": "bytes=9999999-"}).status_code == 416
    assert client.ask("HEAD", path).headers["content-length"] == str(len(content))


def test_a_listener_gets_no_sound_of_another_session(client, token, trial, served):
    own = {trial["reference"], *(each["id"] for each in trial["stimuli"])}
    others = {path.stem for path in (served / "audio").iterdir()} - own
    assert len(others) == 6
    for id in others:
        assert client.get(f"/api/{token}/audio/{id}.wav").status_code == 404


def test_the_session_names_no_system(client, token):
    text = client.get(f"/api/{token}/session").text
    assert "system" not in text
    assert "of this test" not in text


def test_assets_are_those_of_the_page_and_nothing_else(client):
    home = files("tts_compress.listening") / "page"
    reply = client.get("/assets/main.js")
    assert reply.content == (home / "main.js").read_bytes()
    assert reply.headers["content-type"].startswith("text/javascript")
    tag = {"If-None-Match": reply.headers["etag"]}
    again = client.get("/assets/main.js", headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    for name in ("index.html", "admin.html", "start.html", "app.py", "__init__.py", "test.json"):
        assert client.get(f"/assets/{name}").status_code == 404


@pytest.mark.parametrize("page", ["index.html", "admin.html", "start.html", "closed.html"])
def test_pages_ask_for_known_assets_only_and_hold_no_script(client, page):
    text = (files("tts_compress.listening") / "page" / page).read_text()
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', text)
    assert assets
    for asset in assets:
        assert client.get(asset, **admin()).status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


def test_scripts_are_stored_as_text_and_given_back_as_json_only(client, token, trial, served):
    values = said(trial)["values"] | {"comment": SCRIPT}
    client.put(f"/api/{token}/answers/{trial['id']}", said(trial, values=values))
    assert read_listeners(served)[0]["answers"][trial["id"]]["values"]["comment"] == SCRIPT
    for reply in (
        client.get(f"/api/{token}/session"),
        client.get("/admin/answers.json", **admin()),
    ):
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert SCRIPT in json.dumps(reply.json())
    for path in (f"/t/{token}", "/admin"):
        assert SCRIPT not in client.get(path, **admin()).text


def test_a_closed_test_gives_no_links(client):
    assert "sent a link" in client.get("/").text
    assert client.ask("POST", "/join").status_code == 404
    assert client.store.listeners() == []


def test_an_open_test_gives_each_browser_one_link(served):
    app = make_app(served, PASSWORD, open_to_all=True)
    with closing(app.state.store):
        first, second = Client(app), Client(app)
        start = first.get("/")
        assert 'action="/join"' in start.text
        assert start.headers["referrer-policy"] == "same-origin"  # or its form has no origin
        reply = first.ask("POST", "/join", headers={"Origin": "http://test.local"})
        assert reply.status_code == 303
        link = reply.headers["location"]
        assert first.get(link).status_code == 200
        again = first.ask("POST", "/join", headers={"Sec-Fetch-Site": "same-origin"})
        assert again.headers["location"] == link
        assert second.ask("POST", "/join").headers["location"] != link
        assert len(app.state.store.listeners()) == 2


def test_what_cannot_be_saved_is_not_acknowledged(client, token, trial, monkeypatch):
    with client.store._writing as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON answers BEGIN "
            "SELECT RAISE(ABORT, 'disk is full'); END"
        )
    reply = client.put(f"/api/{token}/answers/{trial['id']}", said(trial))
    assert reply.status_code == 500
    assert reply.json() == {"error": "The server could not do this now. Try again."}
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_test_that_lacks_sounds_is_refused(served):
    (served / "audio" / "one2.wav").unlink()
    with pytest.raises(ListeningError, match=r"1 of 9 sounds are missing, got none for 'one2'"):
        make_app(served, PASSWORD)
