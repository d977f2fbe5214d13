"""Mirrors results to the tracker that people already have: TensorBoard, MLflow or wandb.

Every finished run is a run there, under its own id: settings, measures with the ends of their
intervals, and speech. One more, ``overview``, has the plots of the recipe. Logging again replaces
what was there, and never doubles it.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tts_compress.errors import OutputError, nearest
from tts_compress.extras import needed
from tts_compress.report.reading import Results, RunResult, read_results, result_folders
from tts_compress.report.results import write_plots

OVERVIEW = "overview"
Setting = str | int | float | bool
MOST_PARAMS, MOST_METRICS = 100, 1000  # that MLflow takes at once


@dataclass(frozen=True)
class Logged:
    """What a tracker is told of one run, or of a recipe in all.

    Attributes:
        recipe: Name of the recipe.
        id: Id of the run; ``overview`` of the recipe.
        name: What it is called.
        settings: What was asked for, such as ``stages.0.sparsity``.
        measures: Means of what was measured.
        intervals: Ends of their intervals, and differences to the dense run.
        wavs: Its speech by the number of the sentence.
        plots: Pictures.
    """

    recipe: str
    id: str
    name: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, float] = field(default_factory=dict)
    wavs: Mapping[int, Path] = field(default_factory=dict)
    plots: Sequence[Path] = ()

    @property
    def digest(self) -> str:
        """Says whether something else is to be logged than the last time."""
        files = [path.read_bytes() for path in (*self.wavs.values(), *self.plots)]
        told = [self.name, dict(self.settings), dict(self.measures), dict(self.intervals)]
        text = json.dumps([*told, [hashlib.sha256(file).hexdigest() for file in files]])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def log(runs: Sequence[Path], to: str, directory: Path | None, console: Console) -> None:
    """Mirrors every finished run to a tracker.

    Args:
        runs: Folders of results, ``runs/<recipe>``, or ``runs``.
        to: ``tensorboard``, ``mlflow`` or ``wandb``.
        directory: Where a tracker writes on this machine. None for its own default: the server or
            folder that it is set up for, and ``tensorboard`` for TensorBoard.
        console: Where it is said what was logged.

    Raises:
        ArtifactError: A path holds no results, or damaged ones.
        ExtraError: The tracker is not installed.
        OutputError: The tracker is unknown, or cannot be reached.
    """
    mirror = tracker(to)
    with tempfile.TemporaryDirectory() as scratch:
        told = [
            one
            for number, folder in enumerate(result_folders(runs))
            for one in _logged(read_results(folder), Path(scratch) / f"{number}")
        ]
        where = mirror(told, directory)
    n_runs = sum(one.id != OVERVIEW for one in told)
    line = f"{to}: {n_runs} finished runs, {where}"
    console.print(line, soft_wrap=True, markup=False, highlight=False)


def tracker(name: str) -> Callable[[Sequence[Logged], Path | None], str]:
    """Gives what mirrors to a tracker, and says where it did.

    Raises:
        OutputError: There is no such tracker.
    """
    if name not in TRACKERS:
        raise OutputError(f"--log-to: unknown tracker, got {name!r}. {nearest(name, TRACKERS)}")
    return TRACKERS[name]


def flat(settings: object, name: str = "") -> dict[str, Setting]:
    """Gives settings without levels, as trackers take them; lists of plain values are one.

    >>> flat({"seed": 0, "stages": [{"method": "magnitude", "include": ["rnn", "cnn"]}]})
    {'seed': 0, 'stages.0.method': 'magnitude', 'stages.0.include': 'rnn, cnn'}
    """
    if isinstance(settings, dict):
        items = list(settings.items())
    elif isinstance(settings, list) and any(isinstance(part, dict | list) for part in settings):
        items = list(enumerate(settings))
    elif isinstance(settings, list):
        return {name: ", ".join(map(str, settings))}
    else:
        return {name: settings if isinstance(settings, Setting) else f"{settings}"}
    lead = f"{name}." if name else ""
    return {key: v for part, value in items for key, v in flat(value, f"{lead}{part}").items()}


def _logged(results: Results, scratch: Path) -> Iterator[Logged]:
    """Gives the finished runs of a recipe, and the plots of all, drawn in a folder of their own."""
    yield from (_logged_run(results, run) for run in results.done)
    if results.dense:
        scratch.mkdir()
        plots = write_plots(results.name, results.rows, scratch)
        settings = flat(
            {"recipe": results.name, "model": results.model or "", "runs": len(results.done)}
        )
        yield Logged(results.name, OVERVIEW, OVERVIEW, settings, plots=plots)


def _logged_run(results: Results, run: RunResult) -> Logged:
    means: Mapping[str, float] = run.row.values if run.row else {}
    numbers = run.row.numbers if run.row else {}
    asked = {key: run.settings[key] for key in ("seed", "stages") if key in run.settings}
    known = {"recipe": results.name, "run": run.name, "model": results.model}
    known |= {"architecture": run.architecture, "version": run.provenance.get("tts_compress")}
    given = {key: value for key, value in known.items() if value is not None}
    return Logged(
        results.name,
        run.id,
        run.name,
        flat({**given, **asked}),
        means,
        {name: value for name, value in numbers.items() if name not in means},
        run.wavs,
    )


def _tensorboard(told: Sequence[Logged], directory: Path | None) -> str:
    """Writes a folder of events for each run, in place of the one of the same id."""
    needed("tensorboard", "tensorboard")
    from matplotlib.image import imread
    from torch.utils.tensorboard import SummaryWriter, summary

    from tts_compress.audio.mel import SAMPLE_RATE
    from tts_compress.audio.wav import read_wav

    hparams: Any = summary.hparams
    root = directory or Path("tensorboard")
    for one in told:
        for events in root.glob(f"{one.recipe}/*{one.id}/events.out.tfevents.*"):
            events.unlink()
        parts = () if one.id == OVERVIEW else (re.sub(r"[^\w.]+", "-", one.name).strip("-"),)
        with SummaryWriter(str(root / one.recipe / "-".join((*parts, one.id)))) as writer:
            measures = {f"measures/{metric}": value for metric, value in one.measures.items()}
            for part in hparams(dict(one.settings), measures) if measures else ():
                writer.file_writer.add_summary(part)
            for group in ("measures", "intervals"):
                for metric, value in getattr(one, group).items():
                    writer.add_scalar(f"{group}/{metric}", value)
            for number, wav in one.wavs.items():
                writer.add_audio(f"speech/{number:03d}", read_wav(wav), sample_rate=SAMPLE_RATE)
            for plot in one.plots:
                writer.add_image(f"plots/{plot.stem}", imread(plot), dataformats="HWC")
    return f"tensorboard --logdir {root}"


def _mlflow(told: Sequence[Logged], directory: Path | None) -> str:
    """Writes a run for each, in an experiment for each recipe.

    A local folder holds an SQLite database and the artifacts, since MLflow gave up plain files.
    """
    mlflow = needed("mlflow", "mlflow")
    uri: str = mlflow.get_tracking_uri()
    if directory:
        directory.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{directory.resolve() / 'mlflow.db'}"
    if uri.startswith("sqlite:"):
        needed("sqlalchemy", "mlflow")
        needed("alembic", "mlflow")
    try:
        client = mlflow.MlflowClient(uri)
        for one in told:
            _log_to_mlflow(client, one, directory)
    except mlflow.MlflowException as error:
        raise OutputError(
            f"mlflow: cannot log, got {f'{error}'.splitlines()[0]!r} of {uri!r}. "
            "Check the tracking server, or give a folder with --log-dir."
        ) from error
    return uri


def _log_to_mlflow(client: Any, one: Logged, directory: Path | None) -> None:
    """Logs one run, unless the same is there; an older or half-written one of its id is deleted."""
    from mlflow.entities import Metric, Param

    experiment = client.get_experiment_by_name(one.recipe)
    if experiment is None:
        artifacts = (directory.resolve() / "artifacts" / one.recipe).as_uri() if directory else None
        number = client.create_experiment(one.recipe, artifact_location=artifacts)
    else:
        number = experiment.experiment_id
    tags = {"tts_compress.run": one.id, "tts_compress.digest": one.digest}
    before = client.search_runs([number], f"tags.`tts_compress.run` = '{one.id}'")
    same = [
        run
        for run in before
        if run.info.status == "FINISHED" and run.data.tags.items() >= tags.items()
    ]
    for run in before:
        if run not in same[:1]:
            client.delete_run(run.info.run_id)
    if same:
        return
    run_id = client.create_run(number, tags=tags, run_name=one.name).info.run_id
    params = [Param(key, str(value)) for key, value in one.settings.items()]
    numbers = {**one.measures, **one.intervals}
    metrics = [Metric(key, value, timestamp=0, step=0) for key, value in numbers.items()]
    for start in range(0, len(params), MOST_PARAMS):
        client.log_batch(run_id, params=params[start : start + MOST_PARAMS])
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])
    for path in one.wavs.values():
        client.log_artifact(run_id, str(path), "speech")
    for path in one.plots:
        client.log_artifact(run_id, str(path), "plots")
    client.set_terminated(run_id)


def _wandb(told: Sequence[Logged], directory: Path | None) -> str:
    """Writes a run for each, in a project for each recipe; offline where ``WANDB_MODE`` says so."""
    wandb = needed("wandb", "wandb")
    quiet = wandb.Settings(silent=True, console="off")
    root = directory or Path(os.environ.get("WANDB_DIR", "."))
    root.mkdir(parents=True, exist_ok=True)
    try:
        for one in told:
            run_id = re.sub(r"[^\w.-]+", "-", f"{one.recipe}-{one.id}")
            for stale in root.glob(f"wandb/offline-run-*_*-{run_id}"):
                shutil.rmtree(stale)
            with wandb.init(
                project=one.recipe,
                id=run_id,
                name=one.name,
                config=dict(one.settings),
                dir=str(root),
                resume="allow",
                allow_val_change=True,
                settings=quiet,
            ) as run:
                run.summary.update({**one.measures, **one.intervals})
                heard = {f"speech/{n:03d}": wandb.Audio(str(wav)) for n, wav in one.wavs.items()}
                seen = {f"plots/{plot.stem}": wandb.Image(str(plot)) for plot in one.plots}
                run.log({**heard, **seen}, step=0)  # a server drops a step that it has
    except wandb.Error as error:
        raise OutputError(
            f"wandb: cannot log, got {f'{error}'.splitlines()[0]!r}. "
            "Log in with wandb login, or set WANDB_MODE=offline."
        ) from error
    return f"in {root / 'wandb'}"


TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
