"""Answers of a test's listeners, in SQLite: ``answers.sqlite`` beside ``test.json``.

What was acknowledged is on the disk. The database is in WAL mode, where a commit that the system
took outlives SIGKILL of the process in any setting; ``synchronous=FULL`` also waits for the disk at
each commit, so that an answer outlives a power cut. One thread writes, and commits all answers that
wait as one transaction, so that many listeners share one wait for the disk. Reading never waits.

Source: sqlite.org/wal.html and sqlite.org/pragma.html#pragma_synchronous.
"""

import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from tts_compress.errors import ListeningError
from tts_compress.listening.built import ANSWERS
from tts_compress.listening.serving.database import (
    Answer,
    Listener,
    answers_of,
    canonical,
    check_version,
    connect,
    listener_of,
    listeners_of,
    now,
    prepare,
)

SAVE = """INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (token, page) DO UPDATE SET revision = excluded.revision, done = excluded.done,
        "values" = excluded."values", seconds = excluded.seconds, plays = excluded.plays,
        saved = excluded.saved
    WHERE excluded.revision > answers.revision AND NOT answers.done"""
START = "UPDATE listeners SET started = ? WHERE token = ? AND started IS NULL"
FINISH = "UPDATE listeners SET finished = ? WHERE token = ? AND finished IS NULL"
JOIN = """INSERT INTO listeners (token, number, created)
    SELECT ?, coalesce(max(number) + 1, 0), ? FROM listeners"""
MOST = 200  # answers of one commit

_Job = tuple[Callable[[sqlite3.Connection], Any], Future[Any]]


@dataclass(frozen=True)
class Saved:
    """What is stored after an answer was offered.

    Attributes:
        answer: The stored answer of the page.
        taken: The offered answer, or a later one, is stored; if not, `answer` contradicts it.
    """

    answer: Answer
    taken: bool


class Store:
    """The answers of one test, to read and to write from any thread.

    Writing gives futures, which are done once the disk has it.
    """

    def __init__(self, folder: Path, test_id: str) -> None:
        """Opens the answers of a test, or begins them.

        Raises:
            ListeningError: They are of another test or version, or no database.
        """
        path = folder / ANSWERS
        try:
            self._writing = connect(path)
            prepare(self._writing, path, test_id)
            self._reading = connect(path)
        except sqlite3.Error as error:
            raise ListeningError(
                f"{path}: cannot be used as the answers of a test, got '{error}'. "
                "Move it away, or serve a folder that can be written to."
            ) from None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for all that was asked to be written, and closes the database, if it is open."""
        if not self._thread.is_alive():
            return
        self._jobs.put(None)
        self._thread.join()
        self._reading.close()
        self._writing.close()

    def join(self) -> Future[str]:
        """Makes the next listener; gives the token."""
        token = secrets.token_urlsafe(24)

        def write(connection: sqlite3.Connection) -> str:
            connection.execute(JOIN, (token, now()))
            return token

        return self._ask(write)

    def save(self, token: str, page: str, answer: Answer) -> Future[Saved]:
        """Keeps an answer if it is later than the stored one and the page is not done.

        An answer with the revision of the stored one is a repeat if it says the same; one that says
        something else comes from a second window, and is not taken.
        """
        values, plays = canonical(answer.values), canonical(answer.plays)
        moment = now()
        row = (token, page, answer.revision, answer.done, values, answer.seconds, plays, moment)

        def write(connection: sqlite3.Connection) -> Saved:
            if connection.execute(SAVE, row).rowcount:
                connection.execute(START, (moment, token))
                return Saved(answer, taken=True)
            stored = answers_of(connection, token)[page]
            same = (stored.done, canonical(stored.values)) == (answer.done, values)
            earlier = answer.revision < stored.revision
            return Saved(stored, earlier or (answer.revision == stored.revision and same))

        return self._ask(write)

    def finish(self, token: str, pages: list[str]) -> Future[list[str]]:
        """Marks a listener as finished if all of some pages are done; gives those that are not."""

        def write(connection: sqlite3.Connection) -> list[str]:
            answers = answers_of(connection, token)
            missing = [page for page in pages if page not in answers or not answers[page].done]
            if not missing:
                connection.execute(FINISH, (now(), token))
            return missing

        return self._ask(write)

    def listener(self, token: str) -> Listener | None:
        """Gives who has a token; None if nobody has."""
        return listener_of(self._reading, token)

    def listeners(self) -> list[Listener]:
        """Gives everyone, by number."""
        return listeners_of(self._reading)

    def answers(self, token: str) -> dict[str, Answer]:
        """Gives what a listener said, by page."""
        return answers_of(self._reading, token)

    def n_done(self) -> dict[str, int]:
        """Gives how many pages are done, by token; none where none are."""
        query = "SELECT token, count(*) FROM answers WHERE done GROUP BY token"
        return dict(self._reading.execute(query).fetchall())

    def _ask(self, write: Callable[[sqlite3.Connection], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._jobs.put((write, future))
        return future

    def _work(self) -> None:
        is_open = True
        while is_open:
            batch = [self._jobs.get()]
            while len(batch) < MOST and not self._jobs.empty():
                batch.append(self._jobs.get())
            is_open = None not in batch
            _commit(self._writing, [job for job in batch if job and _wanted(job)])


def read_listeners(folder: Path) -> list[dict[str, Any]]:
    """Gives everyone who has a link, with their answers by page; the server may run meanwhile.

    Raises:
        ListeningError: The file of answers cannot be read.
    """
    path = (folder / ANSWERS).absolute()
    if not path.is_file():
        return []
    try:
        with closing(connect(path, read_only=True)) as connection:
            check_version(connection, path)
            connection.execute("BEGIN")  # all is read as of one moment
            listeners = listeners_of(connection)
            answers = {each.token: answers_of(connection, each.token) for each in listeners}
    except sqlite3.Error as error:
        raise ListeningError(
            f"{path}: no answers of a test, got '{error}'. Restore it from a copy."
        ) from None
    return [
        asdict(each) | {"answers": {page: asdict(a) for page, a in answers[each.token].items()}}
        for each in listeners
    ]


def _wanted(job: _Job) -> bool:
    return job[1].set_running_or_notify_cancel()


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """Does all writing in one transaction.

    If that fails, each is done in its own, so that one bad job does not fail those beside it.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [write(connection) for write, _ in batch]
        connection.execute("COMMIT")
    except Exception as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if len(batch) == 1:
            batch[0][1].set_exception(error)
        else:
            for job in batch:
                _commit(connection, [job])
    else:
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
