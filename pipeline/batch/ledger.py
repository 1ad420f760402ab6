"""Every attempt at every patient, in SQLite beside the results.

The row of an attempt is there from its start as ``running``; it is finished after its results have been
published. Whatever is still ``running`` when nobody holds the folder was interrupted.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.batch.attempt import Attempt, Outcome, ResultFile, Work
from pipeline.errors import OutputError

NAME = "ledger.sqlite"
SCHEMA_VERSION = 1
INTERRUPTED = "INTERRUPTED"
BUSY_S = 30.0
"""Somebody who reads the ledger may hold it for a moment."""

SCHEMA = """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'refused', 'failed')),
    code TEXT,
    reason TEXT,
    error TEXT,
    place TEXT,
    exit_code INTEGER,
    started TEXT NOT NULL,
    seconds REAL,
    peak_mb REAL,
    input_sha256 TEXT,
    settings_sha256 TEXT NOT NULL,
    version TEXT NOT NULL,
    libraries TEXT,
    worker TEXT
) STRICT;
CREATE INDEX attempts_of_key ON attempts (key, id);
CREATE TABLE files (
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (key, name)
) STRICT, WITHOUT ROWID;
CREATE VIEW patients AS
    SELECT * FROM attempts WHERE id IN (SELECT max(id) FROM attempts GROUP BY key);
"""
"""`files` holds what was published last of each patient; `patients` the last attempt at each."""

COLUMNS = (
    "key, status, code, reason, error, place, exit_code, started, seconds, peak_mb, "
    "input_sha256, settings_sha256, version, libraries, worker"
)


class Ledger:
    """The ledger of one folder; one process writes it, others may read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, key: str, work: Work) -> int:
        """Write that an attempt has started; gives its number."""
        row = (key, _now(), work.input_sha256, work.settings_sha256, work.version)
        with self._transaction():
            done = self._connection.execute(
                "INSERT INTO attempts (key, status, started, input_sha256, settings_sha256, version)"
                " VALUES (?, 'running', ?, ?, ?, ?)",
                row,
            )
        return int(done.lastrowid or 0)

    def finish(self, number: int, outcome: Outcome) -> None:
        """Write how an attempt ended; of one that is done, after its results have been published."""
        known = (
            outcome.status, outcome.code, outcome.reason, outcome.error, outcome.place, outcome.exit_code,
            outcome.seconds, outcome.peak_mb, outcome.libraries, outcome.worker,
        )  # fmt: skip
        with self._transaction():
            self._connection.execute(
                "UPDATE attempts SET status = ?, code = ?, reason = ?, error = ?, place = ?, exit_code = ?,"
                " seconds = ?, peak_mb = ?, libraries = ?, worker = ? WHERE id = ?",
                (*known, number),
            )
            if outcome.status == "done":
                self._replace_files(number, outcome.files)

    def _replace_files(self, number: int, files: tuple[ResultFile, ...]) -> None:
        (key,) = self._connection.execute("SELECT key FROM attempts WHERE id = ?", (number,)).fetchone()
        self._connection.execute("DELETE FROM files WHERE key = ?", (key,))
        rows = [(key, one.name, one.size_bytes, one.sha256) for one in files]
        self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", rows)

    def close_interrupted(self) -> int:
        """Mark what an earlier run left as running; gives how many there were."""
        with self._transaction():
            done = self._connection.execute(
                "UPDATE attempts SET status = 'failed', code = ? WHERE status = 'running'", (INTERRUPTED,)
            )
        return done.rowcount

    def last(self, key: str) -> Attempt | None:
        """The last attempt at a patient."""
        with _told():
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM attempts WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)
            )
            return next((_attempt(row) for row in rows), None)

    def last_of_all(self) -> dict[str, Attempt]:
        """The last attempt at each patient, in order of key."""
        with _told():
            rows = self._connection.execute(f"SELECT {COLUMNS} FROM patients ORDER BY key")
            return {one.key: one for one in map(_attempt, rows)}

    def files(self, key: str) -> tuple[ResultFile, ...]:
        """What was published last of a patient, in order of name."""
        with _told():
            rows = self._connection.execute(
                "SELECT name, size_bytes, sha256 FROM files WHERE key = ? ORDER BY name", (key,)
            )
            return tuple(ResultFile(*row) for row in rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


@contextmanager
def open_ledger(out: Path) -> Iterator[Ledger]:
    """The ledger of a folder, made where there is none.

    Raises
    ------
    OutputError
        If it cannot be read or written, is damaged, or is of another version of this program.
    """
    with _told():
        connection = sqlite3.connect(out / NAME, timeout=BUSY_S, isolation_level=None)
    try:
        with _told():
            _prepare(connection)
        yield Ledger(connection)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "PRAGMA synchronous = FULL"
    )  # the default of WAL may lose the last rows of a power cut
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise OutputError(f"{NAME} is of version {version}, this program writes version {SCHEMA_VERSION}")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(f"{NAME} cannot be read or written: {error}") from error


def _attempt(row: tuple[object, ...]) -> Attempt:
    named = dict(zip(COLUMNS.split(", "), row, strict=True))
    work = Work(*(named.pop(name) for name in ("input_sha256", "settings_sha256", "version")))  # type: ignore[arg-type]
    return Attempt(work=work, **named)  # type: ignore[arg-type]


def _now() -> str:
    return dt.datetime.now(tz=dt.UTC).isoformat(timespec="milliseconds")
