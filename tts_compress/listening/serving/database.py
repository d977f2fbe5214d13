"""The database of a test's answers: its tables, how it is opened, what a row says."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tts_compress.errors import ListeningError

VERSION = 1
SCHEMA = (
    "CREATE TABLE test (id TEXT NOT NULL)",
    """CREATE TABLE listeners (
        token TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, created TEXT NOT NULL,
        started TEXT, finished TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE answers (
        token TEXT NOT NULL REFERENCES listeners, page TEXT NOT NULL, revision INTEGER NOT NULL,
        done INTEGER NOT NULL, "values" TEXT NOT NULL, seconds REAL NOT NULL, plays TEXT NOT NULL,
        saved TEXT NOT NULL, PRIMARY KEY (token, page)
    ) WITHOUT ROWID""",
    f"PRAGMA user_version = {VERSION}",
)
READ = 'SELECT page, revision, done, "values", seconds, plays FROM answers WHERE token = ?'
LISTENERS = "SELECT token, number, created, started, finished FROM listeners"
PATIENCE = 10.0  # seconds to wait for another process that writes


@dataclass(frozen=True)
class Answer:
    """What a listener said on one page.

    Attributes:
        revision: Counts the changes of the page, from 1.
        done: The listener went on; the page takes no more changes.
        values: What was entered, by the type of page.
        seconds: Time on the page.
        plays: How often each stimulus was heard to its end, by its id.
    """

    revision: int
    done: bool
    values: dict[str, Any]
    seconds: float
    plays: dict[str, int]


@dataclass(frozen=True)
class Listener:
    """Who takes the test; times are ISO 8601 in UTC, None where it has not happened.

    Attributes:
        token: The unguessable part of the link.
        number: Counts listeners from 0; the design gives each number its session.
        created: When the link was made.
        started: When the first answer was saved.
        finished: When the last page was reached.
    """

    token: str
    number: int
    created: str
    started: str | None
    finished: str | None


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """Opens a database; transactions are as written, and threads may hand it on."""
    where = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        where, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(connection: sqlite3.Connection, path: Path, test_id: str) -> None:
    """Makes the tables, or checks that they are those of this test.

    Raises:
        ListeningError: They are of another test or version.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO test VALUES (?)", (test_id,))
        check_version(connection, path)
        (found,) = connection.execute("SELECT id FROM test").fetchone()
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    if found != test_id:
        connection.close()
        raise ListeningError(
            f"{path}: holds the answers of another test, got id {found!r}. "
            f"Move it away to begin anew, or serve the test it belongs to."
        )


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Checks that this code knows the tables.

    Raises:
        ListeningError: It does not.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise ListeningError(
            f"{path}: another version of answers, got {version!r}. "
            f"This version of tts-compress reads {VERSION}."
        )


def listeners_of(connection: sqlite3.Connection) -> list[Listener]:
    """Gives everyone, by number."""
    return [Listener(*row) for row in connection.execute(f"{LISTENERS} ORDER BY number")]


def listener_of(connection: sqlite3.Connection, token: str) -> Listener | None:
    """Gives who has a token; None if nobody has."""
    row = connection.execute(f"{LISTENERS} WHERE token = ?", (token,)).fetchone()
    return Listener(*row) if row else None


def answers_of(connection: sqlite3.Connection, token: str) -> dict[str, Answer]:
    """Gives what a listener said, by page."""
    return {
        page: Answer(revision, bool(done), json.loads(values), seconds, json.loads(plays))
        for page, revision, done, values, seconds, plays in connection.execute(READ, (token,))
    }


def canonical(values: dict[str, Any]) -> str:
    """Gives the one text of equal values."""
    return json.dumps(values, sort_keys=True, allow_nan=False)


def now() -> str:
    """Gives the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
