"""Every run of a recipe that is not done yet, some at a time, safely beside other processes.

Each run's folder is guarded by a lock that the system lets go of when its process ends, however it
ends;
a folder without ``DONE`` is begun anew. So a sweep may be killed, and two may share an output
folder.
"""

import fcntl
import functools
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tts_compress.errors import OutputError
from tts_compress.recipe import Recipe, Run

if TYPE_CHECKING:
    from tts_compress.methods.base import Context


def sweep(
    recipe: Recipe,
    out: Path,
    console: Console,
    *,
    device: str = "cpu",
    jobs: int = 2,
    limit: int | None = None,
) -> None:
    """Does the runs of a recipe that are not done, and writes its tables.

    Args:
        recipe: The checked recipe.
        out: Folder of results; those of this recipe go to ``out/<recipe>``.
        console: Where progress and the table are shown.
        device: Where torch runs.
        jobs: Processes, each doing one run at a time.
        limit: Do only the first runs, the dense one included.

    Raises:
        OutputError: The folder cannot be written.
    """
    from tts_compress.report.results import write_results

    folder = out / recipe.name
    runs = recipe.runs[:limit]
    try:
        _write_index(recipe, folder)
        missing = [run for run in runs if not done(folder, run)]
        with _progress(console) as progress:
            bar = progress.add_task(
                recipe.name, total=len(runs), completed=len(runs) - len(missing)
            )
            for _ in _do(missing, folder, device, jobs):
                progress.advance(bar)
        write_results(folder, console)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot write results, {error.strerror or error}. "
            "What is done is kept; make room or choose another --out and run again."
        ) from error


def done(folder: Path, run: Run) -> bool:
    """Whether a run is finished."""
    return (folder / run.id / "DONE").exists()


def _do(missing: Sequence[Run], folder: Path, device: str, jobs: int) -> Iterator[Run]:
    """Does the dense run first, since the others are compared with it, then the rest side by
    side.
    """
    if not missing:
        return
    dense = [run for run in missing if not run.stages]
    rest = [run for run in missing if run.stages]
    with ProcessPoolExecutor(
        min(jobs, max(1, len(rest))), mp_context=get_context("spawn"), initializer=_start_worker
    ) as pool:
        for batch in (dense, rest):
            futures = {pool.submit(run_one, run, folder, device): run for run in batch}
            try:
                for future in as_completed(futures):
                    future.result()
                    yield futures[future]
            except BrokenProcessPool:
                raise OutputError(
                    f"{folder}: a process died, perhaps for want of memory. "
                    "What is done is kept; run again with fewer --jobs."
                ) from None
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _start_worker() -> None:
    """Makes a process count on one thread, so that jobs do not change results, and end with its
    parent.
    """
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def run_one(run: Run, folder: Path, device: str) -> None:
    """Does one run; waits if another process is doing it, and returns if it is done."""
    from tts_compress.pipeline import execute

    path = folder / run.id
    with _locked(folder / f".{run.id}.lock"):
        if done(folder, run):
            return
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        reference = folder / run.dense_id / "mels.safetensors" if run.stages else None
        execute(run, path, _context(), reference, device)


@functools.cache
def _context() -> "Context":
    """Gives what the runs of one process share, such as one sort of all weights."""
    from tts_compress.methods.base import Context

    return Context()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_index(recipe: Recipe, folder: Path) -> None:
    """Names the recipe's runs in order, for reports."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = [{"id": run.id, "name": run.name} for run in recipe.runs]
    partial = folder / f".recipe.{os.getpid()}.tmp"
    partial.write_text(json.dumps({"name": recipe.name, "runs": runs}, indent=1) + "\n")
    partial.replace(folder / "recipe.json")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
