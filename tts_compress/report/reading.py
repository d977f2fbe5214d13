"""What is in a folder of results: every run, done or not, and all that it left behind.

A folder of results has ``recipe.json`` (``{"name": ..., "runs": [{"id", "name"}, ...]}``, the dense
run first) and a folder of each run's id. ``DONE`` there was written last, after ``records.jsonl``,
``timings.jsonl``, ``run.json``, ``wavs/`` and ``mels.safetensors``. What older versions did not
write is absent here, never an error.
"""

import fcntl
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tts_compress.errors import ArtifactError
from tts_compress.records import Record, read_records
from tts_compress.report.intervals import Taken
from tts_compress.report.rows import Row, row_of, with_intervals

Status = Literal["done", "failed", "running", "unfinished", "not begun"]


@dataclass(frozen=True)
class Layer:
    """One tensor of a run's network, beside that of the dense one.

    Attributes:
        layer: Name of the tensor.
        group: Group that it belongs to, such as ``rnn``.
        shape: Its shape.
        n_weights: Number of its weights.
        n_zero: How many of them are zero.
        sparsity: The fraction of them, from 0 to 1.
        relative_error: Norm of the difference to the dense tensor by the norm of that; None where
            the shape is another.
        n_dense: Number of weights of the dense tensor; None where that has no such tensor.
        coded_bytes: Bytes that it takes in the file; None for runs of older versions.
        bits_per_weight: The same in bits for each weight.
    """

    layer: str
    group: str
    shape: tuple[int, ...]
    n_weights: int
    n_zero: int
    sparsity: float
    relative_error: float | None = None
    n_dense: int | None = None
    coded_bytes: float | None = None
    bits_per_weight: float | None = None


@dataclass(frozen=True)
class RunResult:
    """One run of a recipe, and what it left; all but the first four is empty unless it is done.

    Attributes:
        id: The name of its folder.
        name: The labels of its stages, or ``dense``.
        folder: Its folder, which may not exist.
        status: ``done``; ``failed`` with an `error`; ``running`` in another process;
            ``unfinished``, since it was stopped; or ``not begun``.
        error: Why it failed: the text of ``error.txt``, or what is wrong with its files.
        row: Its means with intervals and differences to the dense run.
        units: Unit of each metric in its records.
        layers: Its tensors; empty for runs of older versions.
        provenance: Versions, machine, commit and time; empty for runs of older versions.
        settings: What was asked for, as in its ``run.json``: ``stages``, ``seed``, ...
        architecture: What the network is, such as ``tacotron2``.
        wavs: Its speech, by the number of the sentence; one without sound is absent.
        mels: Its ``mels.safetensors``.
    """

    id: str
    name: str
    folder: Path
    status: Status
    error: str | None = None
    row: Row | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    architecture: str | None = None
    wavs: Mapping[int, Path] = field(default_factory=dict)
    mels: Path | None = None

    @property
    def values(self) -> Mapping[str, Taken]:
        """The values of each metric that is taken of sentences, by their numbers from 1."""
        return self.row.sentences if self.row else {}


@dataclass(frozen=True)
class Results:
    """A folder of results.

    Attributes:
        name: Name of the recipe, or of the folder where there is no recipe yet.
        folder: Where it is.
        runs: Every run of the recipe in its order, the dense one first; empty for an empty folder.
        source: Text of the recipe file; None for results of older versions.
        sentences: The sentences that are spoken, the first being number 1; empty if not known.
        model: Name of the voice; None if not known.
        seed: Seed of the speech; None if not known.
        recordings: Recordings of the sentences, by number; empty if there are none.
    """

    name: str
    folder: Path
    runs: tuple[RunResult, ...] = ()
    source: str | None = None
    sentences: tuple[str, ...] = ()
    model: str | None = None
    seed: int | None = None
    recordings: Mapping[int, Path] = field(default_factory=dict)

    @property
    def dense(self) -> RunResult | None:
        """The dense run, if it is done."""
        return self.runs[0] if self.runs and self.runs[0].status == "done" else None

    @property
    def done(self) -> list[RunResult]:
        """The runs that are done, in the recipe's order."""
        return [run for run in self.runs if run.status == "done"]

    @property
    def rows(self) -> list[Row]:
        """The rows of the runs that are done, in the recipe's order."""
        return [run.row for run in self.done if run.row]


def result_folders(paths: Sequence[Path]) -> list[Path]:
    """Gives the folders of results among some paths, such as ``runs`` and ``runs/<recipe>``.

    A folder without ``recipe.json`` stands for those in it that have one, or, if none has, for
    itself: an empty one.

    Raises:
        ArtifactError: A path is no folder, or none was given.
    """
    if not paths:
        raise ArtifactError("report: needs results, got no folder. Give some, as runs/<recipe>.")
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise ArtifactError(f"{path}: no folder of results, got none. Give runs/<recipe>.")
        inside = sorted(index.parent for index in path.glob("*/recipe.json"))
        found += [path] if (path / "recipe.json").is_file() or not inside else inside
    return list(dict.fromkeys(found))


def read_results(folder: Path) -> Results:
    """Gives everything in a folder of results, whatever is done of it.

    Raises:
        ArtifactError: Its ``recipe.json`` is damaged.
    """
    if not (folder / "recipe.json").is_file():
        return Results(folder.name, folder)
    index = _index(folder)
    runs = [_run(folder, run["id"], run["name"]) for run in index["runs"]]
    dense = runs[0].row if runs else None
    rows = with_intervals([run.row for run in runs if run.row], dense)
    by_id = {row.run_id: row for row in rows}
    settings = next((run.settings for run in runs if run.settings), {})
    return Results(
        name=index["name"],
        folder=folder,
        runs=tuple(replace(run, row=by_id.get(run.id)) for run in runs),
        source=index.get("source"),
        sentences=tuple(index.get("sentences") or settings.get("sentences", ())),
        model=index.get("model"),
        seed=index.get("seed", settings.get("seed")),
        recordings=_wavs(folder / "recordings"),
    )


def read_rows(folder: Path) -> tuple[str, list[Row]]:
    """Gives the recipe's name and a row for each finished run, in the recipe's order.

    Raises:
        ArtifactError: The folder holds no results, or not those of the dense run, which the others
            are compared with, or the files of a finished run are damaged.
    """
    if not (folder / "recipe.json").is_file():
        raise ArtifactError(
            f"{folder}: no results, recipe.json is missing. Give a folder such as runs/<recipe>."
        )
    index = _index(folder)
    runs = [(run["id"], run["name"]) for run in index["runs"]]
    done = [run for run in runs if (folder / run[0] / "DONE").exists()]
    if not done or runs[0] != done[0]:
        raise ArtifactError(f"{folder}: the dense run is not done. Run the recipe again.")
    rows = [row_of(*run, _records(folder / run[0])) for run in done]
    return index["name"], with_intervals(rows, rows[0])


def _index(folder: Path) -> dict[str, Any]:
    path = folder / "recipe.json"
    try:
        recipe: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = [recipe["name"], *(run[key] for run in recipe["runs"] for key in ("id", "name"))]
        if not all(isinstance(name, str) and name for name in names):
            raise TypeError("a name is no text")
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{path}: truncated or altered ({error}). Run the recipe again."
        ) from None
    return recipe


def _run(results: Path, run_id: str, name: str) -> RunResult:
    """Reads one run; what is damaged in one that is done counts as its failure."""
    folder = results / run_id
    if (folder / "DONE").exists():
        try:
            return _done(folder, run_id, name)
        except ArtifactError as error:
            return RunResult(run_id, name, folder, "failed", str(error))
    if _held(results / f".{run_id}.lock"):
        return RunResult(run_id, name, folder, "running")
    if (folder / "error.txt").is_file():
        error_text = (folder / "error.txt").read_text(encoding="utf-8", errors="replace")
        return RunResult(run_id, name, folder, "failed", error_text)
    return RunResult(run_id, name, folder, "unfinished" if folder.is_dir() else "not begun")


def _done(folder: Path, run_id: str, name: str) -> RunResult:
    records = _records(folder)
    settings = _json(folder / "run.json")
    mels = folder / "mels.safetensors"
    return RunResult(
        run_id,
        name,
        folder,
        "done",
        row=row_of(run_id, name, records),
        units={record.metric: record.unit for record in records},
        layers=_layers(folder / "layers.jsonl"),
        provenance=_json(folder / "provenance.json"),
        settings=settings,
        architecture=settings.get("architecture"),
        wavs=_wavs(folder / "wavs"),
        mels=mels if mels.is_file() else None,
    )


def _records(folder: Path) -> list[Record]:
    """Gives the records of a run; what is not finite was not taken.

    Raises:
        ArtifactError: A file is missing or damaged.
    """
    found = []
    for path in (folder / "records.jsonl", folder / "timings.jsonl"):
        for record in read_records(path):
            sentence = 1 if record.sentence is None else record.sentence
            if not isinstance(record.value, int | float) or not isinstance(sentence, int):
                raise ArtifactError(f"{path}: no record, got {record!r}. Run the recipe again.")
            if math.isfinite(record.value):
                found.append(record)
    return found


def _json(path: Path) -> dict[str, Any]:
    """Reads a file that holds one object; empty where there is none.

    Raises:
        ArtifactError: It is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return dict(_parsed(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path}: truncated or altered ({error}). Run the recipe again."
        ) from None


def _parsed(text: bytes) -> Any:
    """Reads JSON; NaN and infinity, which a page cannot hold, are null."""
    return json.loads(text, parse_constant=lambda _: None)


def _layers(path: Path) -> tuple[Layer, ...]:
    if not path.is_file():
        return ()
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            given = _parsed(line)
            known = {key: given[key] for key in Layer.__dataclass_fields__ if key in given}
            found.append(Layer(**{**known, "shape": tuple(given["shape"])}))
        except (ValueError, TypeError, KeyError):
            text = line.decode(errors="replace")
            raise ArtifactError(
                f"{path}:{number}: no layer, got {text!r}. Run the recipe again."
            ) from None
    return tuple(found)


def _wavs(folder: Path) -> dict[int, Path]:
    """Gives the wav files of a folder by the numbers that they are named by."""
    found = {path.stem: path for path in sorted(folder.glob("*.wav")) if path.is_file()}
    return {int(stem): path for stem, path in found.items() if stem.isdecimal()}


def _held(lock: Path) -> bool:
    """Whether another process holds a lock file."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
