"""``calcinosis batch``: what it says, and what it refuses before the first patient."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from pipeline.batch.job import Plan
from tests.batch.command import write_manifest
from tests.batch.conftest import BROKEN, GOOD
from tests.batch.patients import write_patient
from tests.cli.conftest import Run


@pytest.fixture
def manifest(plan: Plan, tmp_path: Path) -> Path:
    return write_manifest(plan, tmp_path / "patients.csv")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    manifest: Path, plan: Plan, tmp_path: Path, run: Run
) -> None:
    ended = run("batch", manifest, "-o", tmp_path / "out", "--dry-run", "--limit", 2)
    assert (ended.code, ended.out.split()) == (0, ["new", plan.jobs[0].key, "new", plan.jobs[1].key])
    assert not (tmp_path / "out").exists()


def test_a_dry_run_over_a_finished_folder_finds_nothing_to_do(
    manifest: Path, plan: Plan, finished: Path, tmp_path: Path, run: Run
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    ended = run("batch", manifest, "-o", tmp_path / "out", "--dry-run", "--no-figures")
    assert ended.out.split() == [word for job in plan.jobs for word in ("kept", job.key)]
    ended = run("batch", manifest, "-o", tmp_path / "out", "--dry-run", "--set", "candidates.seed_hu=250")
    assert ended.out.split() == [word for job in plan.jobs for word in ("changed", job.key)]


def test_the_refused_are_named_on_stderr_and_the_log_names_nobody(
    manifest: Path, plan: Plan, finished: Path, tmp_path: Path, run: Run
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    log = tmp_path / "log.jsonl"
    retry = ("--retry", "refused", "--no-figures", "--workers", 2)
    ended = run("--log", log, "batch", manifest, "-o", tmp_path / "out", *retry)
    assert ended.code == 4
    assert ended.out.startswith(f"{GOOD} patient(s) done, {len(BROKEN)} refused, 0 failed, 0 left.")
    for job, code in zip(plan.jobs[GOOD:], BROKEN, strict=True):
        assert f"refused: {job.key}: {code}: " in ended.err
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    told = [line["code"] for line in lines if line["event"] == "patient"]
    assert sorted(told) == sorted(BROKEN)
    assert not any(job.key in log.read_text("utf-8") for job in plan.jobs)


def test_an_empty_tree_is_no_ct(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in").mkdir()
    ended = run("batch", tmp_path / "in", "-o", tmp_path / "out")
    assert (ended.code, ended.err) == (3, "calcinosis: NO_CT: no patient was found\n")
    assert not (tmp_path / "out").exists()


def test_a_tree_without_a_manifest_is_done_too(tmp_path: Path, run: Run) -> None:
    write_patient(tmp_path / "in", 1)
    ended = run("batch", tmp_path / "in", "-o", tmp_path / "out", "--no-figures", "--workers", 1)
    assert (ended.code, ended.out[:18]) == (0, "1 patient(s) done,")
    (key,) = (entry.name for entry in (tmp_path / "out" / "patients").iterdir())
    measured = json.loads((tmp_path / "out" / "patients" / key / "t0" / "measurements.json").read_text())
    assert measured["scan"]["patient_key"] == key


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--workers", "2", "--scheduler", "tcp://127.0.0.1:9"), 2, "do not go together"),
        (("--set", "candidates.seed_hu=5000"), 2, "candidates.seed_hu"),
        (("--workers", "0"), 2, ""),
        (("--retry", "done"), 2, ""),
    ],
)
def test_a_wrong_call_ends_before_the_first_patient(
    arguments: tuple[str, ...], code: int, words: str, manifest: Path, tmp_path: Path, run: Run
) -> None:
    ended = run("batch", manifest, "-o", tmp_path / "out", *arguments)
    assert ended.code == code
    assert words in ended.err
    assert not (tmp_path / "out" / "patients").exists()


def test_results_within_the_tree_that_is_searched_are_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in").mkdir()
    assert run("batch", tmp_path / "in", "-o", tmp_path / "in" / "out").code == 2


def test_a_folder_with_results_of_another_command_is_left_alone(
    manifest: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "measurements.json").write_text("mine")
    assert run("batch", manifest, "-o", tmp_path / "out").code == 5
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["measurements.json"]


def test_a_missing_extra_is_named(
    manifest: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "psutil" else find(name, *more)
    )
    ended = run("batch", manifest, "-o", tmp_path / "out")
    assert ended.code == 2
    assert "calcinosis-ct[batch]" in ended.err
