"""What the node knows of its studies, kept over a restart: one small SQLite file of keys and counts."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import OutputError
from pipeline.receive.identify import Arrival

StudyState = Literal["receiving", "waiting", "working", "done", "refused", "failed"]
FINAL: tuple[StudyState, ...] = ("done", "refused", "failed")

SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    key TEXT PRIMARY KEY, patient TEXT, birth TEXT, sex TEXT NOT NULL, date TEXT,
    state TEXT NOT NULL, code TEXT, images INTEGER NOT NULL DEFAULT 0, last_image REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS image (
    study TEXT NOT NULL, image TEXT NOT NULL, content TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (study, image, content)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    uid TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL, study TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (uid, destination));
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
COLUMNS = "key, patient, birth, sex, date, state, code, images, last_image, attempts, kept"


@dataclass(frozen=True, slots=True)
class Study:
    """One study of one patient."""

    key: str
    patient: str | None
    birth: str | None
    sex: str
    date: dt.date | None
    state: StudyState
    code: str | None
    images: int
    last_image_s: float  #: when it came, seconds since 1970
    attempts: int
    kept: bool  #: whether its images are still there


@dataclass(frozen=True, slots=True)
class Letter:
    """One object to be sent to one place."""

    uid: str
    destination: str
    path: str  #: within the output folder
    study: str
    tries: int


class State:
    """The studies, their images and what is still to be sent. Any thread may ask."""

    def __init__(self, file: Path) -> None:
        try:
            file.touch(mode=0o600)
            file.chmod(0o600)
            self._base = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise OutputError("the state of the node cannot be opened or is no such file") from error
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction.

        Raises
        ------
        OSError
            Where the disk is full or gone: whoever asked treats it as any other failure to write.
        """
        try:
            with self._lock, self._base:
                yield self._base
        except sqlite3.Error as error:
            raise OSError("the state of the node cannot be written") from error

    def fact(self, name: str, value: str) -> str:
        """Keep a fact the first time it is told; what was kept, from then on."""
        with self._writing() as base:
            base.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, value))
            row = base.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def contents(self, study: str, image: str) -> set[str]:
        """Hashes of what came as this image."""
        with self._writing() as base:
            rows = base.execute("SELECT content FROM image WHERE study = ? AND image = ?", (study, image))
            return {str(content) for (content,) in rows}

    def add(self, arrival: Arrival, content: str, size: int, now_s: float) -> None:
        """Keep that an image came: its study is being received, also if it was finished before."""
        row = (arrival.study, arrival.patient, arrival.birth, arrival.sex, _text(arrival.date), now_s)
        with self._writing() as base:
            base.execute(
                "INSERT INTO study (key, patient, birth, sex, date, state, last_image)"
                " VALUES (?, ?, ?, ?, ?, 'receiving', ?) ON CONFLICT (key) DO UPDATE SET"
                " state = 'receiving', code = NULL, last_image = excluded.last_image, attempts = 0,"
                " not_before = 0, kept = 1, date = coalesce(date, excluded.date)",
                row,
            )
            base.execute(
                "INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?)",
                (arrival.study, arrival.image, content, size),
            )
            base.execute(
                "UPDATE study SET images = (SELECT count(*) FROM image WHERE study = key) WHERE key = ?",
                (arrival.study,),
            )

    def touch(self, study: str, now_s: float) -> None:
        """Keep that an image came again, unchanged: a study that failed is tried once more."""
        with self._writing() as base:
            base.execute(
                "UPDATE study SET state = 'receiving', code = NULL, attempts = 0, last_image = ?"
                " WHERE key = ? AND state IN ('receiving', 'failed')",
                (now_s, study),
            )

    def study(self, key: str) -> Study | None:
        """A study by its key."""
        found = self._studies("key = ?", (key,))
        return found[0] if found else None

    def studies(self) -> list[Study]:
        """All studies, in order of key."""
        return self._studies("1", ())

    def receiving(self) -> list[Study]:
        """Studies that are not complete yet."""
        return self._studies("state = 'receiving'", ())

    def working(self) -> list[Study]:
        """Studies that are worked on, or were when that was broken off."""
        return self._studies("state = 'working'", ())

    def next_waiting(self, now_s: float) -> Study | None:
        """The complete study to be worked on first: earliest dates before later ones."""
        found = self._studies("state = 'waiting' AND not_before <= ?", (now_s,))
        return min(found, key=lambda one: (_text(one.date) or "9", one.key), default=None)

    def of_patient(self, patient: str) -> list[Study]:
        """All studies of a patient, dated ones in order of date."""
        found = self._studies("patient = ?", (patient,))
        return sorted(found, key=lambda one: (_text(one.date) or "9", one.key))

    def _studies(self, where: str, values: Sequence[object]) -> list[Study]:
        with self._writing() as base:
            rows = base.execute(f"SELECT {COLUMNS} FROM study WHERE {where} ORDER BY key", values).fetchall()
        return [_study(row) for row in rows]

    def move(
        self,
        key: str,
        state: StudyState,
        *,
        of: Sequence[StudyState],
        code: str | None = None,
        not_before_s: float = 0.0,
    ) -> bool:
        """Give a study another state, if it is in one of those named; whether it was."""
        marks = ", ".join("?" * len(of))
        with self._writing() as base:
            done = base.execute(
                f"UPDATE study SET state = ?, code = ?, not_before = ? WHERE key = ? AND state IN ({marks})",
                (state, code, not_before_s, key, *of),
            )
        return done.rowcount > 0

    def count_attempt(self, key: str, by: int) -> None:
        """Add to how often the study was begun."""
        with self._writing() as base:
            base.execute("UPDATE study SET attempts = attempts + ? WHERE key = ?", (by, key))

    def forget_images(self, key: str) -> bool:
        """Keep that the images of a finished study are gone; false where it is being received again."""
        with self._writing() as base:
            done = base.execute(
                "UPDATE study SET kept = 0 WHERE key = ? AND state IN ('done', 'refused', 'failed')", (key,)
            )
            if done.rowcount:
                base.execute("DELETE FROM image WHERE study = ?", (key,))
        return done.rowcount > 0

    def total_bytes(self) -> int:
        """Bytes of all images."""
        with self._writing() as base:
            (total,) = base.execute("SELECT coalesce(sum(bytes), 0) FROM image").fetchone()
        return int(total)

    def post(self, letter: Letter) -> bool:
        """Put an object into the outbox; false where it was there, or was sent, before."""
        with self._writing() as base:
            done = base.execute(
                "INSERT OR IGNORE INTO outbox (uid, destination, path, study) VALUES (?, ?, ?, ?)",
                (letter.uid, letter.destination, letter.path, letter.study),
            )
            if not done.rowcount:
                base.execute(
                    "UPDATE outbox SET path = ? WHERE uid = ? AND destination = ?",
                    (letter.path, letter.uid, letter.destination),
                )
        return done.rowcount > 0

    def due(self, now_s: float) -> list[Letter]:
        """What is to be sent now, in a fixed order."""
        with self._writing() as base:
            rows = base.execute(
                "SELECT uid, destination, path, study, tries FROM outbox WHERE sent = 0 AND not_before <= ?"
                " ORDER BY destination, path",
                (now_s,),
            ).fetchall()
        return [Letter(*row) for row in rows]

    def unsent(self) -> int:
        """How many objects still wait."""
        with self._writing() as base:
            (count,) = base.execute("SELECT count(*) FROM outbox WHERE sent = 0").fetchone()
        return int(count)

    def sent(self, letter: Letter) -> None:
        """Keep that an object arrived."""
        with self._writing() as base:
            base.execute(
                "UPDATE outbox SET sent = 1 WHERE uid = ? AND destination = ?",
                (letter.uid, letter.destination),
            )

    def drop(self, letter: Letter) -> None:
        """Forget an object that another one has taken the place of."""
        with self._writing() as base:
            base.execute(
                "DELETE FROM outbox WHERE uid = ? AND destination = ?", (letter.uid, letter.destination)
            )

    def put_off(self, letter: Letter, not_before_s: float) -> None:
        """Try an object again later."""
        with self._writing() as base:
            base.execute(
                "UPDATE outbox SET tries = tries + 1, not_before = ? WHERE uid = ? AND destination = ?",
                (not_before_s, letter.uid, letter.destination),
            )


def _text(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()


def _study(row: Sequence[object]) -> Study:
    key, patient, birth, sex, date, state, code, images, last_image_s, attempts, kept = row
    day = None if date is None else dt.date.fromisoformat(str(date))
    return Study(key, patient, birth, sex, day, state, code, images, last_image_s, attempts, bool(kept))  # type: ignore[arg-type]
