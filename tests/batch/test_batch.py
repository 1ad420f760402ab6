"""A batch does every patient once, each by itself, and goes on where it ended."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.batch.attempt import Outcome, Work
from pipeline.batch.digest import digest_of_job
from pipeline.batch.engine import LocalProcesses
from pipeline.batch.job import PatientJob, Plan
from pipeline.batch.ledger import NAME
from pipeline.batch.process import Limits
from pipeline.batch.run import Choice, Told, intent, run_batch, workplace
from pipeline.errors import OutputError
from tests.batch.conftest import BROKEN, GOOD, LIMITS, do, tree
from tests.batch.patients import WAY, series_of
from tests.cli.conftest import Run
from tests.series import write_series


def only(plan: Plan, *numbers: int) -> Plan:
    return Plan(tuple(plan.jobs[n] for n in numbers))


def copied(job: PatientJob, folder: Path) -> PatientJob:
    """The same patient with files of its own, to be changed."""
    scans = []
    for n, scan in enumerate(job.scans):
        shutil.copytree(scan.path, folder / str(n))
        scans.append(replace(scan, path=folder / str(n)))
    return replace(job, scans=tuple(scans))


def standings(told: list[Told]) -> dict[str, str | None]:
    return {one.key: one.standing for one in told if one.standing is not None}


def test_good_patients_are_done_and_broken_ones_refused_by_name(plan: Plan, finished: Path) -> None:
    with sqlite3.connect(finished / NAME) as ledger:
        rows = ledger.execute("SELECT key, status, code, exit_code FROM attempts ORDER BY key").fetchall()
    ledger.close()
    keys = [job.key for job in plan.jobs]
    good = [(key, "done", None, 0) for key in keys[:GOOD]]
    bad = [(key, "refused", code, 3) for key, code in zip(keys[GOOD:], BROKEN, strict=True)]
    assert rows == [*good, *bad]
    assert sorted(file.name for file in (finished / "patients").iterdir()) == keys[:GOOD]


def test_a_patient_has_the_bytes_of_a_comparison_by_hand(
    plan: Plan, finished: Path, tmp_path: Path, run: Run
) -> None:
    job = plan.jobs[0]
    folders = [scan.path for scan in job.scans]
    ended = run("compare", *folders, "-o", tmp_path / "out", "--no-figures", "--patient-key", job.key)
    assert ended.code == 0
    assert tree(tmp_path / "out") == tree(finished / "patients" / job.key)


def test_a_patient_with_one_scan_is_measured_as_t0_alone(plan: Plan, tmp_path: Path, run: Run) -> None:
    job = plan.jobs[0]
    do(Plan((PatientJob(job.key, job.scans[:1]),)), tmp_path / "batch")
    ended = run(
        "measure", job.scans[0].path, "-o", tmp_path / "out", "--no-figures", "--patient-key", job.key
    )
    assert ended.code == 0
    own = tree(tmp_path / "batch" / "patients" / job.key)
    assert own == {f"t0/{name}": sha256 for name, sha256 in tree(tmp_path / "out").items()}


def test_what_is_done_is_not_done_again(plan: Plan, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    told: list[Told] = []
    attempts = do(plan, out, told=told)
    assert set(standings(told).values()) == {"kept"}
    assert [one.outcome for one in told if one.outcome is not None] == []
    assert len(attempts) == len(plan.jobs)


def test_what_was_changed_removed_or_damaged_is_done_again(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    jobs = [copied(job, tmp_path / "in" / job.key) for job in plan.jobs[:3]]
    do(Plan(tuple(jobs)), out)
    before = tree(out / "patients")
    shutil.rmtree(jobs[0].scans[1].path)
    write_series(series_of(7, 1), jobs[0].scans[1].path)
    shutil.rmtree(out / "patients" / jobs[1].key)
    (out / "patients" / jobs[2].key / "t0" / "lesions.csv").write_text("id\n")
    mine = out / "patients" / jobs[2].key / "t1" / "edited by me.nii.gz"
    mine.write_text("mine")
    told: list[Told] = []
    do(Plan(tuple(jobs)), out, told=told)
    assert standings(told) == {jobs[0].key: "changed", jobs[1].key: "damaged", jobs[2].key: "damaged"}
    assert mine.read_text() == "mine"
    mine.unlink()
    after = tree(out / "patients")
    same = {name for name in before if not name.startswith(jobs[0].key)}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_only_the_refused_or_the_failed_are_tried_again(plan: Plan, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    told: list[Told] = []
    do(plan, out, choice=Choice(retry="refused", limit=1), told=told)
    assert [(one.key, one.outcome.code) for one in told if one.outcome] == [(plan.jobs[GOOD].key, BROKEN[0])]
    told.clear()
    do(plan, out, choice=Choice(retry="failed"), told=told)
    assert set(standings(told).values()) == {"kept"}


@pytest.mark.parametrize(("code", "standing"), [("DECODER_FAILED", "again"), ("NO_CT", "kept")])
def test_a_refusal_that_may_be_the_machines_is_tried_again(
    plan: Plan, tmp_path: Path, code: str, standing: str
) -> None:
    one, digest = only(plan, 0), digest_of_job(plan.jobs[0])
    with workplace(tmp_path) as ledger:
        work = Work(digest.sha256, WAY.sha256(), __version__)
        ledger.finish(ledger.begin(one.jobs[0].key, work), Outcome("refused", code))
    assert list(intent(one, tmp_path, WAY, Choice())) == [(one.jobs[0].key, standing)]


def test_a_limit_leaves_the_rest_for_later(plan: Plan, tmp_path: Path) -> None:
    broken = only(plan, *range(GOOD, len(plan.jobs)))
    first = do(broken, tmp_path / "out", choice=Choice(limit=1))
    assert list(first) == [broken.jobs[0].key]
    assert list(do(broken, tmp_path / "out")) == [job.key for job in broken.jobs]


@pytest.mark.parametrize(
    ("limits", "code"),
    [(Limits(3000, 0.5), "TIMED_OUT"), (Limits(60, 300), "OUT_OF_MEMORY")],
)
def test_a_patient_beyond_a_limit_fails_and_is_tried_again(
    plan: Plan, tmp_path: Path, limits: Limits, code: str
) -> None:
    one = only(plan, 0)
    (failed,) = do(one, tmp_path / "out", limits=limits).values()
    assert (failed.status, failed.code) == ("failed", code)
    assert list((tmp_path / "out" / "patients").iterdir()) == []
    (done,) = do(one, tmp_path / "out").values()
    assert done.status == "done"


def test_an_input_that_changes_meanwhile_is_no_result(plan: Plan, tmp_path: Path) -> None:
    job = copied(plan.jobs[0], tmp_path / "in")

    def touch(told: Told) -> None:
        if told.outcome is None:
            (job.scans[0].path / "another").write_text("new")

    engine = LocalProcesses(1)
    (one,) = run_batch(Plan((job,)), tmp_path / "out", WAY, engine, LIMITS, Choice(), touch).values()
    assert (one.status, one.code) == ("failed", "INPUT_CHANGED")
    assert list((tmp_path / "out" / "patients").iterdir()) == []


def test_another_salt_is_a_failure_and_no_other_key(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.batch.run.salt_mark", lambda: "of another machine")
    (one,) = do(only(plan, 0), tmp_path / "out").values()
    assert (one.status, one.code) == ("failed", "OTHER_SALT")


def test_two_runs_in_a_folder_are_one_too_many(tmp_path: Path, plan: Plan) -> None:
    with workplace(tmp_path), pytest.raises(OutputError, match="another run"):
        do(plan, tmp_path)


def test_no_text_of_the_patient_is_in_ledger_or_job(
    finished: Path,
) -> None:
    for file in finished.rglob("*"):
        if file.is_file() and file.suffix not in (".gz", ".dcm", ".xlsx"):
            content = file.read_bytes()
            assert b"Box^" not in content, file.name
            assert b"P-1" not in content, file.name
