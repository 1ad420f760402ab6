"""The hash of a patient's inputs follows what is in the files, and nothing that is not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.batch.digest import digest_of_job, is_whole, results_in, touched_since
from pipeline.batch.job import PatientJob
from pipeline.running.inputs import ScanInput


@pytest.fixture
def job(tmp_path: Path) -> PatientJob:
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "a").write_bytes(b"1")
    (tmp_path / "scan" / "b").write_bytes(b"2")
    (tmp_path / "case.yaml").write_text("x")
    return PatientJob("p", (ScanInput(tmp_path / "scan"),), tmp_path / "case.yaml")


def test_dates_and_place_of_files_do_not_count(job: PatientJob, tmp_path: Path) -> None:
    before = digest_of_job(job)
    os.utime(tmp_path / "scan" / "a", (1, 1))
    assert digest_of_job(job).sha256 == before.sha256
    assert touched_since(job, before)
    (tmp_path / "scan").rename(tmp_path / "elsewhere")
    moved = replace(job, scans=(ScanInput(tmp_path / "elsewhere"),))
    assert digest_of_job(moved).sha256 == before.sha256


@pytest.mark.parametrize("file", ["scan/a", "scan/new", "case.yaml"])
def test_the_content_of_every_file_counts(job: PatientJob, tmp_path: Path, file: str) -> None:
    before = digest_of_job(job)
    assert not touched_since(job, before)
    (tmp_path / file).write_bytes(b"another")
    assert digest_of_job(job).sha256 != before.sha256
    assert touched_since(job, before)


def test_what_is_said_of_a_scan_counts(job: PatientJob, tmp_path: Path) -> None:
    said = [
        job,
        replace(job, key="q"),
        replace(job, case=None),
        replace(job, scans=(replace(job.scans[0], series_uid="1.2"),)),
        replace(job, scans=(replace(job.scans[0], lesions=tmp_path / "scan" / "a"),)),
        replace(job, scans=(replace(job.scans[0], anatomy=tmp_path / "scan" / "a"),)),
        replace(job, scans=job.scans * 2),
    ]
    assert len({digest_of_job(one).sha256 for one in said}) == len(said)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among files")
def test_a_pipe_or_nothing_at_all_does_not_hold_up_the_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing"):
        assert digest_of_job(PatientJob("p", (ScanInput(tmp_path / name),))).stamps == ()


def test_results_are_whole_as_long_as_each_file_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "t0").mkdir()
    (tmp_path / "t0" / "a.csv").write_text("1")
    files = results_in(tmp_path)
    assert [one.name for one in files] == ["t0/a.csv"]
    (tmp_path / "mine").write_text("x")
    assert is_whole(tmp_path, files)
    (tmp_path / "t0" / "a.csv").write_text("2")
    assert not is_whole(tmp_path, files)
    (tmp_path / "t0" / "a.csv").unlink()
    assert not is_whole(tmp_path, files)
    assert not is_whole(tmp_path, ())
