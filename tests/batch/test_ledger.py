"""The ledger holds every attempt, and only what is finished counts as done."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.batch.attempt import Outcome, ResultFile, Work
from pipeline.batch.ledger import INTERRUPTED, NAME, open_ledger
from pipeline.batch.lock import only_one
from pipeline.errors import OutputError

WORK = Work("1" * 64, "2" * 64, "0.1")


def test_an_attempt_is_running_until_it_is_finished(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        number = ledger.begin("a", WORK)
        begun = ledger.last("a")
        assert begun is not None
        assert (begun.status, begun.work) == ("running", WORK)
        refused = Outcome("refused", "NO_CT", "nothing there", exit_code=3, seconds=1.5, peak_mb=80)
        ledger.finish(number, refused)
        ended = ledger.last("a")
    assert ended is not None
    assert (ended.status, ended.code, ended.seconds, ended.peak_mb) == ("refused", "NO_CT", 1.5, 80)


def test_every_attempt_is_a_row_and_the_last_one_counts(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        for status in ("failed", "failed", "done"):
            ledger.finish(ledger.begin("a", WORK), Outcome(status))
        ledger.begin("b", WORK)
        assert {key: one.status for key, one in ledger.last_of_all().items()} == {"a": "done", "b": "running"}
    with sqlite3.connect(tmp_path / NAME) as raw:
        assert raw.execute("SELECT count(*) FROM attempts").fetchone() == (4,)
        assert raw.execute("SELECT key, status FROM patients ORDER BY key").fetchall() == [
            ("a", "done"),
            ("b", "running"),
        ]
    raw.close()


def test_what_was_left_running_was_interrupted(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.begin("a", WORK)
    with open_ledger(tmp_path) as ledger:
        assert ledger.close_interrupted() == 1
        assert ledger.close_interrupted() == 0
        last = ledger.last("a")
    assert last is not None
    assert (last.status, last.code) == ("failed", INTERRUPTED)


def test_files_are_those_of_the_last_success(tmp_path: Path) -> None:
    first, second = ResultFile("t0/a", 1, "0"), ResultFile("t0/b", 2, "1")
    with open_ledger(tmp_path) as ledger:
        ledger.finish(ledger.begin("a", WORK), Outcome("done", files=(first,)))
        ledger.finish(ledger.begin("a", WORK), Outcome("done", files=(second,)))
        ledger.finish(ledger.begin("a", WORK), Outcome("failed", "CRASHED"))
        assert ledger.files("a") == (second,)


def test_a_ledger_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.begin("a", WORK)
        reader = sqlite3.connect(f"file:{tmp_path / NAME}?mode=ro", uri=True)
        assert reader.execute("SELECT status FROM patients").fetchall() == [("running",)]
        reader.close()


@pytest.mark.parametrize("content", ["no database at all, but long enough to be taken for one" * 20, "other"])
def test_a_file_that_is_no_ledger_of_this_version_is_left_alone(tmp_path: Path, content: str) -> None:
    if content == "other":
        with sqlite3.connect(tmp_path / NAME) as raw:
            raw.execute("PRAGMA user_version = 99")
        raw.close()
    else:
        (tmp_path / NAME).write_text(content)
    with pytest.raises(OutputError), open_ledger(tmp_path):
        pass


def test_a_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(OutputError, match="another run"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
