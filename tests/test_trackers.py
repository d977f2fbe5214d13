"""What trackers hold after logging, read back from their own files."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile
from rich.console import Console

from tts_compress.errors import ArtifactError, ExtraError, OutputError
from tts_compress.records import Record, write_records
from tts_compress.trackers import flat, log, tracker

RATE = 22050
QUIET = Console(quiet=True)
OLD_SQL = "ignore:The ``noload`` loader strategy is deprecated"  # MLflow 3.17 on SQLAlchemy 2.1


def write_run(folder, name, distances, size):
    """Writes a run that is done, with two sentences of sound."""
    (folder / "wavs").mkdir(parents=True)
    records = [
        Record(folder.name, "mcd_dtw_db", number, float(distance), "dB")
        for number, distance in enumerate(distances, 1)
    ]
    sizes = {"gzip_bytes": size, "state_dict_bytes": 16e6}
    records += [
        Record(folder.name, metric, None, value, "bytes") for metric, value in sizes.items()
    ]
    write_records(folder / "records.jsonl", records)
    write_records(folder / "timings.jsonl", [])
    for number in (1, 2):
        sound = 0.5 * np.sin(np.arange(2205) * 0.1 * number)
        soundfile.write(folder / "wavs" / f"{number:03d}.wav", sound, RATE)
    stages = [{"method": "magnitude", "sparsity": 0.5, "include": ["rnn", "cnn"]}]
    run = {"architecture": "tacotron2", "seed": 3, "stages": [] if name == "dense" else stages}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "DONE").touch()


@pytest.fixture
def results(tmp_path):
    """Results of three runs, the last of which failed."""
    folder = tmp_path / "r"
    names = {"a0": "dense", "b1": "magnitude 50 %", "c2": "magnitude 99 %"}
    runs = [{"id": run, "name": name} for run, name in names.items()]
    write_run(folder / "a0", "dense", [0] * 6, 9e6)
    write_run(folder / "b1", "magnitude 50 %", [1, 2, 3, 4, 5, 6], 5e6)
    (folder / "c2").mkdir()
    (folder / "c2" / "error.txt").write_text("broke")
    (folder / "recipe.json").write_text(json.dumps({"name": "r", "runs": runs, "model": "slt"}))
    return folder


def again(results):
    """Makes the pruned run another one, with the same id."""
    lines = (results / "b1" / "records.jsonl").read_text().replace("5000000.0", "4000000.0")
    (results / "b1" / "records.jsonl").write_text(lines)


def read_events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"audio": 0, "images": 0, "scalars": 0})
    events.Reload()
    return events


def test_tensorboard_holds_each_finished_run_once(results, tmp_path):
    pytest.importorskip("tensorboard")
    out = tmp_path / "events"
    for _ in range(2):
        log([results], "tensorboard", out, QUIET)
    assert sorted(path.name for path in (out / "r").iterdir()) == [
        "dense-a0",
        "magnitude-50-b1",
        "overview",
    ]
    events = read_events(out / "r" / "magnitude-50-b1")
    scalars = {
        tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert scalars["measures/mcd_dtw_db"] == [3.5]
    assert scalars["measures/gzip_bytes"] == [5e6]
    (low,), (high,) = scalars["intervals/mcd_dtw_db_low"], scalars["intervals/mcd_dtw_db_high"]
    assert 1 <= low < 3.5 < high <= 6
    assert scalars["intervals/mcd_dtw_db_difference"] == [3.5]
    (sound,) = events.Audio("speech/002")
    assert (sound.sample_rate, sound.length_frames) == (RATE, 2205)
    (plot,) = read_events(out / "r" / "overview").Images("plots/size_distance")
    assert plot.encoded_image_string[:4] == b"\x89PNG"


def test_tensorboard_knows_what_was_asked_for(results, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.plugins.hparams import metadata

    log([results], "tensorboard", tmp_path / "events", QUIET)
    events = read_events(tmp_path / "events" / "r" / "magnitude-50-b1")
    content = events.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
    given = metadata.parse_session_start_info_plugin_data(content).hparams
    assert given["stages.0.sparsity"].number_value == 0.5
    assert given["stages.0.include"].string_value == "rnn, cnn"
    assert given["architecture"].string_value == "tacotron2"


def test_tensorboard_has_what_is_new_in_place_of_what_was(results, tmp_path):
    pytest.importorskip("tensorboard")
    log([results], "tensorboard", tmp_path / "events", QUIET)
    again(results)
    log([results], "tensorboard", tmp_path / "events", QUIET)
    events = read_events(tmp_path / "events" / "r" / "magnitude-50-b1")
    assert [event.value for event in events.Scalars("measures/gzip_bytes")] == [4e6]


@pytest.mark.filterwarnings(OLD_SQL)
def test_mlflow_holds_each_finished_run_once(results, tmp_path):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    from mlflow import MlflowClient

    out = tmp_path / "mlflow"
    log([results], "mlflow", out, QUIET)
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("r").experiment_id
    first = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert first.keys() == {"dense", "magnitude 50 %", "overview"}
    run = first["magnitude 50 %"]
    assert run.info.status == "FINISHED"
    assert run.data.params["stages.0.sparsity"] == "0.5"
    assert run.data.params["model"] == "slt"
    assert run.data.metrics["mcd_dtw_db"] == 3.5
    assert run.data.metrics["mcd_dtw_db_low"] < 3.5 < run.data.metrics["mcd_dtw_db_high"]
    speech = [file.path for file in client.list_artifacts(run.info.run_id, "speech")]
    assert speech == ["speech/001.wav", "speech/002.wav"]
    plots = client.list_artifacts(first["overview"].info.run_id, "plots")
    assert [file.path for file in plots] == ["plots/size_distance.png"]

    client.create_run(experiment, tags={"tts_compress.run": "b1"})  # as if it was cut off
    log([results], "mlflow", out, QUIET)
    second = client.search_runs([experiment])
    assert {r.info.run_id for r in second} == {r.info.run_id for r in first.values()}
    again(results)
    log([results], "mlflow", out, QUIET)
    third = {r.info.run_name: r for r in client.search_runs([experiment])}
    assert third.keys() == first.keys()
    assert third["dense"].info.run_id == first["dense"].info.run_id
    assert third["magnitude 50 %"].data.metrics["gzip_bytes"] == 4e6


@pytest.mark.filterwarnings("ignore")
def test_wandb_holds_each_finished_run_once(results, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for _ in range(2):
        log([results], "wandb", tmp_path, QUIET)
    ids = sorted(path.name.split("-", 3)[3] for path in (tmp_path / "wandb").glob("offline-run-*"))
    assert ids == ["r-a0", "r-b1", "r-overview"]


def test_what_is_logged_is_said(results, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    log([results.parent], "tensorboard", tmp_path / "events", Console(width=40))
    line = f"tensorboard: 2 finished runs, tensorboard --logdir {tmp_path / 'events'}\n"
    assert capsys.readouterr().out == line


def test_an_unknown_tracker_names_the_nearest():
    with pytest.raises(
        OutputError, match=r"unknown tracker, got 'mlflo'\. Did you mean 'mlflow'\?"
    ):
        tracker("mlflo")


def test_results_that_are_not_there_are_said(tmp_path):
    with pytest.raises(ArtifactError, match=r"x: no folder of results"):
        log([tmp_path / "x"], "tensorboard", tmp_path, QUIET)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_what_is_not_installed_is_said(results, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    message = rf"{name}: a package of the extra '{name}' is missing, .* pip install tts-compress"
    with pytest.raises(ExtraError, match=message):
        log([results], name, tmp_path, QUIET)


def test_settings_have_no_levels():
    stages = [{"method": "heads", "keep": None, "scope": []}, {"method": "finetune"}]
    assert flat({"seed": 1, "stages": stages, "sure": True}) == {
        "seed": 1,
        "stages.0.method": "heads",
        "stages.0.keep": "None",
        "stages.0.scope": "",
        "stages.1.method": "finetune",
        "sure": True,
    }


def test_naming_trackers_loads_none():
    code = """
        import sys, tts_compress.trackers
        assert not {"torch", "mlflow", "wandb", "tensorboard", "matplotlib"} & sys.modules.keys()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
