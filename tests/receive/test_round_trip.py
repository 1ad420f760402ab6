"""A real archive sends two dates and gets SEG and SR of both back; a stop at any moment loses nothing."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.cli.conftest import write_scan
from tests.dicom_out.archive import Archive, running_archive
from tests.dicom_out.objects import groups_of, program, say, values
from tests.receive.peers import Running, box_study, running_node, send, until

SEG_CLASS, SR_CLASS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"
VOLUME = "118565006"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with running_archive(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture(scope="module")
def dates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("dates")
    first = write_scan(folder / "t0", date=dt.date(2019, 4, 11), seed=1)
    return first, write_scan(folder / "t1", date=dt.date(2020, 3, 10), seed=2, small=True)


def put(archive: Archive, path: str, content: Any, method: str) -> Any:
    data = json.dumps(content).encode()
    request = urllib.request.Request(f"{archive.url}{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def upload(archive: Archive, folder: Path) -> None:
    storescu = program("storescu", "dcmtk")
    ended = say(storescu, "--propose-j2k-lossless", "+sd", "127.0.0.1", archive.dicom_port, folder)
    assert ended.returncode == 0, ended.stderr


def forward(archive: Archive, node: Running, studies: Sequence[str]) -> None:
    """Have the archive send studies to the node, as a rule of its own would."""
    peer = {"AET": "CALCINOSIS", "Host": "127.0.0.1", "Port": node.port}
    put(archive, "/modalities/node", peer, "PUT")
    answer = put(archive, "/modalities/node/store", {"Resources": list(studies), "Synchronous": True}, "POST")
    assert answer["FailedInstancesCount"] == 0


def objects_in(archive: Archive, sop_class: str) -> list[Dataset]:
    found = [dcmread(BytesIO(archive.file(one))) for one in archive.get("/instances")]
    return [one for one in found if one.SOPClassUID == sop_class]


def volumes_mm3(report: Dataset) -> list[float]:
    return [values(group, VOLUME)[0][0] for group in groups_of(report) if values(group, VOLUME)]


def written(folder: Path) -> list[float]:
    content = json.loads((folder / "measurements.json").read_text("utf-8"))
    return [one["volume_mm3"]["value"] for one in content["lesions"]]


def test_two_dates_of_a_patient_come_back_measured_and_compared(
    archive: Archive, dates: tuple[Path, Path], tmp_path: Path
) -> None:
    out, back = tmp_path / "out", f"ORTHANC@127.0.0.1:{archive.dicom_port}"
    with running_node(out, allow=["ORTHANC"], send_to=[back], quiet_seconds=0.5) as node:
        for folder in dates:
            before = set(archive.get("/studies"))
            upload(archive, folder)
            (study,) = set(archive.get("/studies")) - before
            forward(archive, node, [study])
            sent = node.told("results sent")
            until(lambda sent=sent: node.told("results sent") > sent, "for results", 180)  # type: ignore[misc]
    first, second = sorted(next((out / "patients").iterdir()).iterdir())
    assert [one.name[:10] for one in (first, second)] == ["2019-04-11", "2020-03-10"]
    results = (first / "t0", second / "t0", second / "t1")
    for sop_class, name in ((SEG_CLASS, "lesions.seg.dcm"), (SR_CLASS, "measurements.sr.dcm")):
        there = {str(one.SOPInstanceUID): one for one in objects_in(archive, sop_class)}
        own = {str(one.SOPInstanceUID): one for one in (dcmread(folder / name) for folder in results)}
        assert there == own
    _the_same_numbers(archive, results)
    assert len(archive.get("/studies")) == 2  # results joined the studies that were sent
    assert json.loads((second / "comparison.json").read_text("utf-8"))["tracks"]


def _the_same_numbers(archive: Archive, results: tuple[Path, Path, Path]) -> None:
    uids = [str(dcmread(folder / "measurements.sr.dcm").SOPInstanceUID) for folder in results]
    reports = {str(one.SOPInstanceUID): one for one in objects_in(archive, SR_CLASS)}
    for uid, folder in zip(uids, results, strict=True):
        told = volumes_mm3(reports[uid])
        assert told[-len(written(folder)) :] == written(folder)


@contextmanager
def command(out: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Running]]:
    """The command itself, in a process that may be killed."""
    arguments = ["receive", "-o", str(out), "--port", "0", "--allow", "SCANNER", "--no-figures", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    node = Running(out, None)  # type: ignore[arg-type]
    node.lines.append(process.stdout.readline())
    node.port = int(node.lines[0].split(" port ")[1].split()[0])
    try:
        yield process, node
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def test_a_study_that_a_kill_left_unfinished_is_finished_at_the_next_start(tmp_path: Path) -> None:
    out, images = tmp_path / "out", box_study()
    with command(out, "--set", "receive.quiet_seconds=3600") as (process, node):
        assert send(node, images) == [0] * len(images)
        process.kill()
    assert not list((out / "patients").iterdir())
    with command(out, "--set", "receive.quiet_seconds=0") as (process, node):
        until(lambda: list(out.glob("patients/*/*/t0/measurements.json")), "for results", 180)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert "goes on at the next start" in process.stdout.read()


def test_a_stop_while_a_study_is_measured_leaves_nothing_half_and_it_is_measured_later(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    with command(out, "--set", "receive.quiet_seconds=0") as (process, node):
        send(node, box_study())
        until(lambda: list(out.glob("patients/*/.*.part")), "for the start of the run", 180)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not list(out.glob("patients/*/*"))
    with command(out, "--set", "receive.quiet_seconds=0"):
        until(lambda: list(out.glob("patients/*/*/t0/measurements.json")), "for results", 180)
