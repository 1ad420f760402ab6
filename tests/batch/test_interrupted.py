"""Whatever is killed and whenever: nothing half is there, and the same command comes to the same end."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.batch.job import Plan
from tests.batch.command import ended, patients_of, rows, start, write_manifest
from tests.batch.conftest import BROKEN, GOOD, tree

FULL_DISK = """
import errno, os, sys, pathlib
mark, writing = pathlib.Path({mark!r}), os.O_WRONLY | os.O_RDWR | os.O_CREAT

def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith({name!r}) and (arguments[2] or 0) & writing:
        if not mark.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

sys.addaudithook(watch)
"""
"""A module that Python loads at its start: the disk is full when a file is written, until there is a mark."""


@pytest.fixture(scope="module")
def manifest(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_manifest(plan, tmp_path_factory.mktemp("manifest") / "patients.csv")


def assert_whole(out: Path, finished: Path) -> None:
    """What is published is whole: patients are there with every byte, or not at all."""
    expected = tree(finished / "patients")
    published = {entry.name for entry in (out / "patients").iterdir() if not entry.name.startswith(".")}
    assert published <= {name.split("/")[0] for name in expected}
    for name, sha256 in tree(out / "patients").items():
        if not name.startswith("."):
            assert sha256 == expected[name], name


def assert_comes_to_its_end(manifest: Path, out: Path, finished: Path) -> None:
    """The same command again: the same results as of a run that nothing came in the way of."""
    code, _, err = ended(start(manifest, out))
    assert code == 4, err
    assert tree(out / "patients") == tree(finished / "patients")
    last = {key: (status, code) for key, status, code in rows(out)}
    assert last == {key: (status, code) for key, status, code in rows(finished)}
    done = [key for key, status, _ in rows(out) if status == "done"]
    assert len(done) == len(set(done)) == GOOD
    assert "running" not in {status for _, status, _ in rows(out)}


@pytest.mark.parametrize("seconds", [1.5, 3.0, 4.5])
def test_a_run_that_is_killed_is_gone_on_with(
    seconds: float, manifest: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(manifest, out)
    time.sleep(seconds)
    orphans = patients_of(process)
    process.kill()
    process.communicate()
    gone, alive = psutil.wait_procs(orphans, timeout=20)
    assert (len(gone), alive) == (len(orphans), [])
    if (out / "patients").exists():
        assert_whole(out, finished)
    assert_comes_to_its_end(manifest, out, finished)


def test_a_patient_that_is_killed_has_failed_and_the_others_go_on(
    manifest: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(manifest, out)
    while not (victims := patients_of(process)):
        time.sleep(0.02)
    victims[0].kill()
    code, _, err = ended(process)
    assert code == 4
    assert "Traceback" not in err
    killed = [key for key, status, code in rows(out) if (status, code) == ("failed", "KILLED")]
    assert len(killed) == 1
    assert len(rows(out)) == GOOD + len(BROKEN)
    assert_comes_to_its_end(manifest, out, finished)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_processes_and_leaves_a_ledger_to_go_on_with(
    number: signal.Signals, manifest: Path, finished: Path, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such signals between processes")
    out = tmp_path / "out"
    process = start(manifest, out)
    while not patients_of(process):
        time.sleep(0.02)
    orphans = patients_of(process)
    process.send_signal(number)
    code, _, err = ended(process)
    assert (code, err.splitlines()[-1]) == (
        130,
        "calcinosis: interrupted; the same command goes on from here",
    )
    assert not any(one.is_running() for one in orphans)
    assert {status for _, status, _ in rows(out)} == {"failed"}
    assert list((out / "patients").iterdir()) == []
    if number == signal.SIGINT:
        assert_comes_to_its_end(manifest, out, finished)


@pytest.mark.parametrize("name", ["lesions.nii.gz", "answer.json.part", "job.json", "cohort.xlsx"])
def test_a_full_disk_stops_the_run_and_with_space_it_goes_on(
    name: str, manifest: Path, finished: Path, tmp_path: Path
) -> None:
    out, mark = tmp_path / "out", tmp_path / "there is space again"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "sitecustomize.py").write_text(FULL_DISK.format(mark=str(mark), name=name))
    path = os.pathsep.join([str(tmp_path / "full"), *sys.path])
    code, _, err = ended(start(manifest, out, env={"PYTHONPATH": path}))
    assert code == 5
    why = "its answer could not be written" if name.startswith("answer") else os.strerror(errno.ENOSPC)
    assert err.splitlines()[-1].startswith("calcinosis: cannot write ")
    assert err.splitlines()[-1].endswith(f"to {out}: {why}")
    assert "Traceback" not in err
    assert_whole(out, finished)
    mark.touch()
    assert_comes_to_its_end(manifest, out, finished)
