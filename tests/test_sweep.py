"""Sweeps of tiny networks in real processes: killed, interrupted, side by side, on a full disk."""

import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tts_compress.errors import RunError
from tts_compress.recipe import load
from tts_compress.sweep import done, run_one, sweep

CLOCKED = {"timings.jsonl", "results.csv", "size_distance.png"}


def start(recipe: Path, out: Path, **more) -> subprocess.Popen:
    command = [sys.executable, "-m", "tts_compress", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that does not depend on the clock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CLOCKED
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, request):
    """An undisturbed sweep, shared by the tests of this file: (recipe, folder)."""
    folder = tmp_path_factory.mktemp("sweep")
    golden = Path(__file__).parent / "golden"
    (folder / "sentences.txt").write_text("Hello there.\nHow are you?\n")
    recipe = folder / "tiny.yaml"
    recipe.write_text(
        f"model: {golden / 'fastspeech2_tiny.pth.tar'}\n"
        "stages: [{method: magnitude, include: [attention]}]\n"
        "evaluate: {sentences: sentences.txt}\n"
        "sweep: {stages.0.sparsity: [0.2, 0.6, 0.9]}\n"
    )
    sweep(load(recipe), folder / "runs", Console(quiet=True))
    return recipe, folder / "runs"


def test_every_run_leaves_its_files(finished):
    recipe, out = finished
    for run in load(recipe).runs:
        folder = out / "tiny" / run.id
        assert done(out / "tiny", run)
        assert (folder / "artifact" / "manifest.json").is_file()
        assert (folder / "checkpoint.pt.gz").is_file()
        assert (folder / "records.jsonl").is_file()
    assert (out / "tiny" / "results.csv").read_text().count("\n") == 5


def test_a_second_sweep_computes_nothing(finished):
    recipe, out = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*/records.jsonl")}
    sweep(load(recipe), out, Console(quiet=True))
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*/records.jsonl")}


def test_the_number_of_jobs_changes_no_byte(finished, tmp_path):
    recipe, out = finished
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1)
    assert contents(tmp_path) == contents(out)


def test_a_killed_sweep_completes_with_the_same_bytes(finished, tmp_path):
    recipe, out = finished
    for delay in (1.5, 3.0, 4.0, 5.0):
        process = start(recipe, tmp_path)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(recipe, tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert contents(tmp_path) == contents(out)


def test_two_processes_share_a_folder(finished, tmp_path):
    recipe, out = finished
    processes = [start(recipe, tmp_path) for _ in range(2)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert contents(tmp_path) == contents(out)


def test_workers_end_with_a_killed_parent(finished, tmp_path):
    recipe, _ = finished
    process = start(recipe, tmp_path, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("tiny/.*.lock")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("processes of a killed sweep are still there")


def test_a_full_disk_is_one_line_and_nothing_half_read(finished, tmp_path):
    recipe, out = finished

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = start(recipe, tmp_path, preexec_fn=limit)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "cannot write results, File too large. What is done is kept" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob("DONE"))
    sweep(load(recipe), tmp_path, Console(quiet=True))
    assert contents(tmp_path) == contents(out)


def test_limit_does_the_first_runs_only(finished, tmp_path):
    recipe, _ = finished
    sweep(load(recipe), tmp_path, Console(quiet=True), limit=2)
    assert [done(tmp_path / "tiny", run) for run in load(recipe).runs] == [True, True, False, False]


def test_what_is_being_done_is_named(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    screen = StringIO()

    def unhurried(missing, folder, device, jobs):
        for run in missing:
            time.sleep(0.3)  # the screen is drawn ten times a second
            future = Future()
            future.set_result([])
            yield run, future

    monkeypatch.setattr("tts_compress.sweep._do", unhurried)
    console = Console(file=screen, force_terminal=True, width=100)
    sweep(load(recipe), tmp_path, console)
    shown = screen.getvalue()
    for doing in ("dense", "magnitude 20 %, magnitude 60 %", "magnitude 60 %, magnitude 90 %"):
        assert f" {doing}\r" in shown


def test_an_error_that_nobody_foresaw_is_written_down(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    run = load(recipe).runs[0]

    def execute(*_):
        raise RuntimeError("shapes\nand more")

    monkeypatch.setattr("tts_compress.pipeline.execute", execute)
    with pytest.raises(RuntimeError, match="shapes"):
        run_one(run, tmp_path, "cpu")
    text = (tmp_path / run.id / "error.txt").read_text()
    assert text.startswith("Traceback")
    assert "RuntimeError: shapes" in text
    assert not done(tmp_path, run)


def test_a_failed_run_is_named_when_the_others_are_done(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    ended = []

    def failing(missing, folder, device, jobs):
        for run in missing:
            future = Future()
            if run.name == "magnitude 20 %":
                future.set_exception(RuntimeError("shapes\nand more"))
            else:
                future.set_result([])
            yield run, future
            ended.append(run.name)

    monkeypatch.setattr("tts_compress.sweep._do", failing)
    with pytest.raises(
        RunError, match=r"\(magnitude 20 %\): failed with RuntimeError, got 'shapes'\. error\.txt"
    ):
        sweep(load(recipe), tmp_path, Console(quiet=True))
    assert ended == ["dense", "magnitude 20 %", "magnitude 60 %", "magnitude 90 %"]
