"""Fixtures of tests in a browser: real tests, built from tones, served, and opened.

`tests/listening/conftest.py` offers them to every test of listening by name.
"""

import threading

import numpy as np
import pytest
import uvicorn
import yaml
from scipy.io import wavfile

from tests.listening.forms import KINDS, PAGES, QUIET, SCRIPT
from tests.listening.robot import Robot
from tts_compress.listening.building.build import build_test
from tts_compress.listening.serving.app import make_app

RATE, SECONDS = 16000, 0.37


@pytest.fixture
def build_from_tones(tmp_path):
    """Builds a test of this kind on sounds made here: two sentences of three systems."""
    noise = np.random.default_rng(0)
    for pitch, system in enumerate(("dense", "first", "second"), 1):
        (tmp_path / system).mkdir()
        for sentence in (1, 2):
            time = np.arange(int((SECONDS + 0.03 * pitch) * RATE)) / RATE
            wave = 0.3 * np.sin(2 * np.pi * 200 * pitch * time) + 0.01 * noise.normal(
                size=len(time)
            )
            samples = (wave * 32767).astype(np.int16)
            wavfile.write(tmp_path / system / f"{sentence:03}.wav", RATE, samples)

    def build(kind, **settings):
        systems = {name: {"folder": str(tmp_path / name)} for name in ("dense", "first", "second")}
        form = {"kind": kind, "systems": systems, "title": f"Test {SCRIPT}", "checks": 0}
        form |= {"pages": PAGES, "per_listener": 2, "listeners": 4} | KINDS[kind] | settings
        path = tmp_path / f"{kind}.yaml"
        path.write_text(yaml.safe_dump(form, sort_keys=False))
        build_test(path, tmp_path, tmp_path / kind, QUIET)
        return tmp_path / kind

    return build


@pytest.fixture
def run_server():
    """Runs the server of a built test in a thread; gives its address and its app."""
    running = []

    def serve(folder):
        app = make_app(folder, "password")
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}", app

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def begin(build_from_tones, run_server, new_page):
    """Builds and serves a test and opens it as a listener; gives its folder and the robot."""

    def begin(kind, width=1000, **settings):
        folder = build_from_tones(kind, **settings)
        address, app = run_server(folder)
        page = new_page(viewport={"width": width, "height": 900})
        page.goto(f"{address}/t/{app.state.store.join().result()}")
        return folder, Robot(page)

    return begin
