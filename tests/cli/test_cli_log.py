"""``calcinosis --log FILE``: lines of JSON that tell what was done, and nothing of whom."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from pipeline import __version__
from pipeline.cli import log
from tests.cli.conftest import Run
from tests.cli.test_cli_measure import IDENTITY, refused


def lines_of(file: Path) -> list[dict[str, Any]]:
    text = file.read_text("utf-8")
    assert not any(identity in text for identity in IDENTITY)
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_is_told_stage_by_stage(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "log.jsonl"
    ended = run("--log", file, "measure", baseline_dicom, "-o", tmp_path / "out", "--no-figures")
    assert (ended.code, ended.err) == (0, "")
    first, *stages, last = lines_of(file)
    assert (first["event"], first["command"], first["version"]) == ("started", "measure", __version__)
    assert [one["stage"] for one in stages] == [
        "reading",
        "body",
        "skeleton",
        "lesions",
        "measures",
        "writing",
    ]
    assert all(one["seconds"] >= 0 and one["level"] == "info" for one in stages)
    assert (last["event"], last["exit_code"]) == ("ended", 0)
    assert all(one["time"].endswith("+00:00") for one in (first, *stages, last))


def test_a_refusal_is_logged_by_its_code_and_runs_are_appended(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "log.jsonl"
    for _ in range(2):
        refused(run("--log", file, "measure", tmp_path / "Paula Box", "-o", tmp_path / "out"), 3)
    lines = lines_of(file)
    assert [one["event"] for one in lines] == ["started", "stage", "refused", "ended"] * 2
    assert (lines[2]["code"], lines[3]["exit_code"], lines[3]["level"]) == ("NOT_FOUND", 3, "error")
    assert "Paula" not in file.read_text("utf-8")


def test_a_log_that_cannot_be_written_is_exit_5(tmp_path: Path, run: Run) -> None:
    refused(run("--log", tmp_path / "none" / "log.jsonl", "check", tmp_path), 5)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_log_on_a_full_disk_breaks_nothing_off_and_says_so(
    baseline_dicom: Path, tmp_path: Path, run: Run
) -> None:
    ended = run("--log", "/dev/full", "measure", baseline_dicom, "-o", tmp_path / "out", "--no-figures")
    assert (ended.code, ended.err) == (0, "calcinosis: the log could not be written in full\n")
    assert run("check", baseline_dicom).err == ""


def test_wrong_usage_is_logged_as_the_end(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "log.jsonl"
    assert run("--log", file, "check", tmp_path, "--no-such-option").code == 2
    assert lines_of(file)[-1]["exit_code"] == 2


def test_only_the_known_fields_and_constant_words_are_written() -> None:
    record = logging.LogRecord("pipeline", logging.ERROR, "x.py", 1, "read %s", ("Paula",), None)
    record.patient = "Paula"
    record.code = "NO_CT"
    line = json.loads(log.JsonLines().format(record))
    assert {key: line[key] for key in ("event", "level", "code")} == {
        "event": "read %s",
        "level": "error",
        "code": "NO_CT",
    }
    assert set(line) == {"time", "event", "level", "code"}


def test_a_bug_is_logged_by_its_kind_alone(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, baseline_dicom: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Paula Box")

    monkeypatch.setattr("pipeline.workflow.analyse", fail)
    file = tmp_path / "log.jsonl"
    with pytest.raises(ZeroDivisionError):
        run("--log", file, "measure", baseline_dicom, "-o", tmp_path / "out", "--no-figures")
    *_, failed, ended = lines_of(file)
    assert (failed["event"], failed["error"], ended["exit_code"]) == ("failed", "ZeroDivisionError", 1)
