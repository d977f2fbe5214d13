"""Every run of a recipe that is not done yet, some at a time, safely beside other processes.

Each run's folder is guarded by a lock that the system lets go of when its process ends, however
that comes about; a folder without ``DONE`` is begun anew. So a sweep may be killed, and two may
share an output folder.
"""

import functools
import json
import os
import shutil
import signal
import threading
import traceback
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tts_compress.container import ARTIFACT
from tts_compress.errors import OutputError, RunError, TtsCompressError
from tts_compress.files import locked, replaced
from tts_compress.metrics.naturalness import predictor
from tts_compress.metrics.recognizers import check_recognizer
from tts_compress.metrics.recordings import keep_recordings
from tts_compress.provenance import MEASURES, measured_by
from tts_compress.recipe import Recipe, Run

if TYPE_CHECKING:
    from tts_compress.methods.base import Memory

LOOK_EVERY = 0.2  # seconds between looks for an interrupt
ERROR = "error.txt"  # what a failed run leaves


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
        RunError: A run failed; the others are done all the same, unless it is the dense run, which
            they are compared with.
    """
    from tts_compress.report.results import write_results

    folder = out / recipe.name
    runs = recipe.runs[:limit]
    if not all(measured(folder, run) for run in runs):
        _check_listeners(recipe)
    try:
        _write_index(recipe, folder)
        keep_recordings(recipe.runs[0].evaluate.recordings, folder / "recordings")
        failures = _finish(recipe.name, runs, folder, _progress(console), device, jobs)
        if done(folder, runs[0]):
            write_results(folder, console)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot write results, {error.strerror or error}. "
            "What is done is kept; make room or choose another --out and run again."
        ) from error
    for run, failure in failures.items():
        more = f" {len(failures) - 1} more failed." if len(failures) > 1 else ""
        raise RunError(f"{folder / run.id} ({run.name}): {_described(failure)}{more}") from failure


def _described(failure: Exception) -> str:
    """Gives our own message, and of an error that we did not foresee where to read more."""
    if isinstance(failure, TtsCompressError):
        return str(failure)
    first = str(failure).partition("\n")[0]
    return f"failed with {type(failure).__name__}, got {first!r}. {ERROR} there says where."


def done(folder: Path, run: Run) -> bool:
    """Whether a run is finished; that of an older version, which left another artifact, is not."""
    return all((folder / run.id / name).exists() for name in ("DONE", ARTIFACT))


def measured(folder: Path, run: Run) -> bool:
    """Whether a run is finished and has all measures that this version takes."""
    return done(folder, run) and measured_by(folder / run.id) >= MEASURES


def _check_listeners(recipe: Recipe) -> None:
    """Says what is missing to listen to speech, before anything is made.

    Raises:
        TtsCompressError: A recognizer or a predictor cannot be had.
    """
    evaluate = recipe.runs[0].evaluate
    if evaluate.recognizer:
        check_recognizer(evaluate.recognizer)
    for one in evaluate.predictors:
        predictor(one.name, one.weights)


def _finish(
    name: str, runs: Sequence[Run], folder: Path, progress: Progress, device: str, jobs: int
) -> dict[Run, Exception]:
    """Does what is not done, shows it, and gives what failed, in the recipe's order."""
    left = [run for run in runs if not measured(folder, run)]
    failures: dict[Run, Exception] = {}
    with progress, closing(_do(left, folder, device, jobs)) as ends:
        doing, n_done = _doing(left, jobs), len(runs) - len(left)
        bar = progress.add_task(name, total=len(runs), completed=n_done, doing=doing)
        for run, future in ends:
            left = [other for other in left if other is not run]
            progress.update(bar, advance=1, doing=_doing(left, jobs))
            failure = future.exception()
            if isinstance(failure, Exception):
                failures[run] = failure
                continue
            for warning in future.result():
                warnings.warn(warning, stacklevel=2)  # shown once, however many runs gave it
    return {run: failures[run] for run in runs if run in failures}


def _doing(left: Sequence[Run], jobs: int) -> str:
    """Names the runs that workers have, which take them in order."""
    dense = [run for run in left if not run.stages]
    return ", ".join(run.name for run in dense or left[:jobs])


def _do(
    missing: Sequence[Run], folder: Path, device: str, jobs: int
) -> Generator[tuple[Run, Future[list[Warning]]]]:
    """Gives each run as it ends: the dense one first, since the others are compared with it.

    An OSError, such as of a full disk, is raised; it would meet every run.
    """
    if not missing:
        return
    dense = [run for run in missing if not run.stages]
    rest = [run for run in missing if run.stages]
    not_ours = active_children()
    size = min(jobs, max(1, len(rest)))
    pool = ProcessPoolExecutor(size, get_context("spawn"), initializer=_start_worker)
    with _interrupts_noted() as interrupts, pool:
        try:
            for batch in (dense, rest):
                with _interrupts_held():  # a worker that starts would show where it was hit
                    futures = {pool.submit(run_one, run, folder, device): run for run in batch}
                waiting = set(futures)
                while waiting:
                    ended, waiting = wait(waiting, LOOK_EVERY, FIRST_COMPLETED)
                    if interrupts:
                        raise KeyboardInterrupt
                    for future in ended:
                        if isinstance(future.exception(), OSError | BrokenProcessPool):
                            future.result()
                        yield futures[future], future
                if any(future.exception() for future in futures):
                    return
        except BrokenProcessPool:
            raise OutputError(
                f"{folder}: a process died, perhaps for want of memory. "
                "What is done is kept; run again with fewer --jobs."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                if worker not in not_ours:
                    worker.terminate()
            raise


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """Gives a list that SIGINT adds to, so that it cannot hit the pool half way through a step."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted  # only the main thread is interrupted
        return
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keeps SIGINT waiting in this thread, and in the processes that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _start_worker() -> None:
    """Makes a process count on one thread, so that jobs change no result, and end by its parent."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def run_one(run: Run, folder: Path, device: str) -> list[Warning]:
    """Does one run and gives its warnings of ours; waits if another process is doing it.

    A run that an older version finished is measured again, which keeps what it made.
    """
    from tts_compress import pipeline

    path = folder / run.id
    with locked(folder / f".{run.id}.lock"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if measured(folder, run):
            return []
        do = pipeline.measure_again
        if not done(folder, run):
            do = pipeline.execute
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        reference = folder / run.dense_id / "mels.safetensors" if run.stages else None
        try:
            do(run, path, _memory(), reference, device)
        except Exception:
            (path / ERROR).write_text(traceback.format_exc(), encoding="utf-8")
            raise
        (path / ERROR).unlink(missing_ok=True)  # of a measuring that failed before
    messages = [w.message for w in caught if w.category.__module__.startswith("tts_compress")]
    return [message for message in messages if isinstance(message, Warning)]


@functools.cache
def _memory() -> "Memory":
    """Gives what the runs of one process share, such as one sort of all weights."""
    from tts_compress.methods.base import Memory

    # Two rankings, the calibration speech, scores of its gradients, and two sets of sounds.
    return Memory(capacity=6)


def _write_index(recipe: Recipe, folder: Path) -> None:
    """Says what the recipe is and names its runs in order, for reports."""
    folder.mkdir(parents=True, exist_ok=True)
    dense = recipe.runs[0]
    index = {
        "name": recipe.name,
        "runs": [{"id": run.id, "name": run.name} for run in recipe.runs],
        "source": recipe.source,
        "sentences": dense.evaluate.sentences,
        "model": dense.model.path.name,
        "seed": dense.evaluate.seed,
        "recordings": bool(dense.evaluate.recordings),
    }
    with replaced(folder / "recipe.json") as partial:
        partial.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}", markup=False),
        console=console,
    )
