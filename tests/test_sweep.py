"""Sweeps of tiny networks in real processes: killed, interrupted, side by side, on a full disk."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.networks import GOLDEN, golden_network, say_frames
from tts_compress import load_model
from tts_compress.architectures.checkpoints import save_voice
from tts_compress.audio.wav import write_wav
from tts_compress.errors import ExtraError, RecipeError, RunError
from tts_compress.methods.pruning.scores import calibrated as calibrated_scores
from tts_compress.recipe import load
from tts_compress.sweep import _memory, done, measured, run_one, sweep
from tts_compress.synthesis import speak

CLOCKED = {
    "timings.jsonl",
    "provenance.json",
    "results.csv",
    "size_distance.png",
    "speed_distance.png",
}


def start(recipe: Path, out: Path, *options: str, **more) -> subprocess.Popen:
    command = [sys.executable, "-m", "tts_compress", "run", str(recipe), "--out", str(out)]
    command += options
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
    (folder / "sentences.txt").write_text("Hello there.\nHow are you?\n")
    recipe = folder / "tiny.yaml"
    recipe.write_text(
        f"model: {GOLDEN / 'fastspeech2_tiny.pth.tar'}\n"
        "stages: [{method: magnitude, include: [attention]}]\n"
        "evaluate: {sentences: sentences.txt, recognizer: none}\n"
        "sweep: {stages.0.sparsity: [0.2, 0.6, 0.9]}\n"
    )
    sweep(load(recipe), folder / "runs", Console(quiet=True))
    return recipe, folder / "runs"


def test_every_run_leaves_its_files(finished):
    recipe, out = finished
    for run in load(recipe).runs:
        folder = out / "tiny" / run.id
        assert done(out / "tiny", run)
        assert (folder / "model.ttsz").is_file()
        assert (folder / "checkpoint.pt.gz").is_file()
        assert (folder / "records.jsonl").is_file()
    assert (out / "tiny" / "results.csv").read_text().count("\n") == 5


def test_a_second_sweep_computes_nothing(finished):
    recipe, out = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*/records.jsonl")}
    sweep(load(recipe), out, Console(quiet=True))
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*/records.jsonl")}


def test_the_index_says_what_the_recipe_is(finished):
    recipe, out = finished
    index = json.loads((out / "tiny" / "recipe.json").read_text())
    runs = load(recipe).runs
    assert index == {
        "name": "tiny",
        "runs": [{"id": run.id, "name": run.name} for run in runs],
        "source": recipe.read_text(),
        "sentences": ["Hello there.", "How are you?"],
        "model": "fastspeech2_tiny.pth.tar",
        "seed": 0,
        "recordings": False,
    }


def test_runs_of_an_older_version_are_measured_again_and_not_compressed(finished, tmp_path):
    recipe, out = finished
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    dense, first, second, third = (tmp_path / "tiny" / run.id for run in load(recipe).runs)
    (first / "provenance.json").unlink()
    (second / "provenance.json").write_text('{"measures": 1}')
    for folder in (first, second):
        lines = (folder / "records.jsonl").read_text().splitlines(keepends=True)
        older = [line for line in lines if "duration" not in line]
        (folder / "records.jsonl").write_text("".join(older))
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.ttsz")}
    taken = {path: (path / "records.jsonl").stat().st_mtime_ns for path in (dense, third)}
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1)
    assert contents(tmp_path) == contents(out)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.ttsz")}
    assert taken == {path: (path / "records.jsonl").stat().st_mtime_ns for path in (dense, third)}


def test_measuring_again_that_fails_keeps_the_run(finished, tmp_path):
    recipe, out = finished
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    run = load(recipe).runs[1]
    folder = tmp_path / "tiny" / run.id
    (folder / "provenance.json").unlink()
    mels = (folder / "mels.safetensors").read_bytes()
    records = (folder / "records.jsonl").read_bytes()
    (folder / "mels.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        run_one(run, tmp_path / "tiny", "cpu")
    assert (folder / "records.jsonl").read_bytes() == records
    assert (folder / "error.txt").is_file()
    assert done(tmp_path / "tiny", run)
    assert not measured(tmp_path / "tiny", run)
    (folder / "mels.safetensors").write_bytes(mels)
    run_one(run, tmp_path / "tiny", "cpu")
    assert measured(tmp_path / "tiny", run)
    assert contents(tmp_path) == contents(out)


def test_recordings_are_kept_beside_the_runs(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    (tmp_path / "said").mkdir()
    write_wav(tmp_path / "said" / "002.wav", torch.linspace(-1, 1, 4000))
    text = recipe.read_text().replace("none}", f"none, recordings: {tmp_path / 'said'}}}")
    text = text.replace(" sentences.txt", f" {recipe.with_name('sentences.txt')}")
    (tmp_path / "tiny.yaml").write_text(text)
    monkeypatch.setattr("tts_compress.sweep._do", lambda *_: (end for end in ()))
    for _ in range(2):
        sweep(load(tmp_path / "tiny.yaml"), tmp_path / "runs", Console(quiet=True))
    kept = tmp_path / "runs" / "tiny" / "recordings"
    assert [path.name for path in sorted(kept.glob("*.wav"))] == ["002.wav"]
    assert json.loads((kept.parent / "recipe.json").read_text())["recordings"]


def test_who_cannot_listen_is_said_before_the_first_run(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    text = recipe.read_text().replace("none}", "whisper}")
    text = text.replace(" sentences.txt", f" {recipe.with_name('sentences.txt')}")
    (tmp_path / "tiny.yaml").write_text(text)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ExtraError, match=r"got 'faster_whisper'\. Install it with: pip install"):
        sweep(load(tmp_path / "tiny.yaml"), tmp_path / "runs", Console(quiet=True))
    assert not (tmp_path / "runs").exists()


def test_nobody_needs_to_listen_where_all_is_done(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    text = recipe.read_text().replace("none}", "whisper}")
    text = text.replace(" sentences.txt", f" {recipe.with_name('sentences.txt')}")
    (tmp_path / "tiny.yaml").write_text(text)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setattr("tts_compress.sweep.measured", lambda *_: True)
    sweep(load(tmp_path / "tiny.yaml"), tmp_path / "runs", Console(quiet=True))


def test_neither_jobs_nor_a_limit_before_change_a_byte(finished, tmp_path):
    recipe, out = finished
    runs = load(recipe).runs
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1, limit=2)
    assert [done(tmp_path / "tiny", run) for run in runs] == [True, True, False, False]
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1)
    assert contents(tmp_path) == contents(out)


def test_a_killed_sweep_completes_with_the_same_bytes(finished, tmp_path):
    recipe, out = finished
    dense, first, *_ = (tmp_path / "tiny" / run.id for run in load(recipe).runs)
    for half_way in (dense / "model.ttsz", first / "run.json"):
        process = start(recipe, tmp_path, "--jobs", "1")
        deadline = time.monotonic() + 60
        while not half_way.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert half_way.exists()
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1)
    assert contents(tmp_path) == contents(out)


def test_two_processes_share_a_folder(finished, tmp_path):
    recipe, out = finished
    processes = [start(recipe, tmp_path, "--jobs", "1") for _ in range(2)]
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

    process = start(recipe, tmp_path, "--jobs", "1", preexec_fn=limit)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "cannot write results, File too large. What is done is kept" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob("DONE"))
    sweep(load(recipe), tmp_path, Console(quiet=True), jobs=1)
    assert contents(tmp_path) == contents(out)


def test_what_is_being_done_is_named(finished, tmp_path, monkeypatch):
    recipe, _ = finished
    screen = StringIO()

    def unhurried(missing, folder, device, jobs):
        for run in missing:
            time.sleep(1)  # the screen is drawn ten times a second, less often beside other tests
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


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A recipe of two runs that look at calibration sentences of a tiny voice that speaks."""
    folder = tmp_path_factory.mktemp("calibrated")
    model = say_frames(golden_network("fastspeech2"), 5)
    save_voice(folder / "voice", model, dtype=torch.float32)
    (folder / "sentences.txt").write_text("Hello there.\n")
    (folder / "calibration.txt").write_text("How are you?\nWell.\n")
    recipe = folder / "calibrated.yaml"
    recipe.write_text(
        "model: voice\n"
        "calibration: calibration.txt\n"
        "stages: [{method: heads, score: sensitivity}, {method: resize}]\n"
        "evaluate: {sentences: sentences.txt, recognizer: none}\n"
        "sweep: {stages.0.keep: [1], stages.1.enabled: [false, true]}\n"
    )
    return recipe


def test_the_dense_network_says_the_calibration_sentences_once(calibrated, tmp_path, monkeypatch):
    said = []

    def spoken(model, sentences, seed=0):
        said.append((model.settings, tuple(sentences)))
        return speak(model, sentences, seed)

    monkeypatch.setattr("tts_compress.pipeline.speak", spoken)
    _memory.cache_clear()
    dense, masked, resized = load(calibrated).runs
    for run in (dense, masked, resized):
        run_one(run, tmp_path, "cpu")
    looked = [settings for settings, texts in said if texts == dense.calibration]
    assert looked == [load_model(dense.model.path).settings]
    assert dense.calibration == ("How are you?", "Well.")
    widths = [
        [block.heads for block in load_model(tmp_path / run.id / "model.ttsz").settings.encoder]
        for run in (dense, masked, resized)
    ]
    assert widths == [[2, 2], [2, 2], [1, 1]]


def test_calibration_sentences_that_fail_are_left_out(calibrated, tmp_path, monkeypatch):
    text = calibrated.with_name("calibration.txt")
    monkeypatch.setattr("tts_compress.synthesis.MAX_FRAMES", 80)  # for the second of these
    text_before = text.read_text()
    heard = []

    def scores(model, spoken, score):
        heard.extend(speech.text for speech in spoken)
        return calibrated_scores(model, spoken, score)

    monkeypatch.setattr("tts_compress.methods.pruning.scores.calibrated", scores)
    _memory.cache_clear()
    try:
        text.write_text("Well.\nHow are you, and how do they do today?\n")
        dense, run, _ = load(calibrated).runs
    finally:
        text.write_text(text_before)
    run_one(dense, tmp_path, "cpu")
    run_one(run, tmp_path, "cpu")
    assert heard == ["Well."]


def test_calibration_sentences_that_all_fail_are_one_line(calibrated, tmp_path):
    golden = GOLDEN / "fastspeech2_tiny.pth.tar"  # has about one frame a symbol
    recipe = tmp_path / "silent.yaml"
    text = calibrated.read_text().replace("model: voice", f"model: {golden}")
    for name in ("calibration.txt", "sentences.txt"):
        text = text.replace(f" {name}", f" {calibrated.with_name(name)}")
    recipe.write_text(text)
    _, run, _ = load(recipe).runs
    message = (
        r"calibration: the dense network speaks none of 2 sentences, got 'almost no frames' for "
        r"'How are you\?'\. Give sentences that it speaks\.$"
    )
    with pytest.raises(RecipeError, match=message):
        run_one(run, tmp_path, "cpu")
