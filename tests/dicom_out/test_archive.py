"""Scan, SEG and SR go into a real archive by C-STORE and DICOMweb, are found, and come back the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.cli.conftest import Run
from tests.dicom_out.archive import Archive, running_archive
from tests.dicom_out.objects import groups_of, measure, program, say, values

SEG_CLASS, SR_CLASS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"
JPEG_2000 = ("--propose-j2k-lossless",)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with running_archive(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture(scope="module")
def results(scan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measure(scan_folder, tmp_path_factory.mktemp("results") / "out")


@pytest.fixture
def empty(archive: Archive) -> Archive:
    archive.empty()
    return archive


def c_store(archive: Archive, folder: Path, *more: str) -> None:
    """DCMTK's own storescu: a Python package installs another program of that name."""
    ended = say(
        program("storescu", "dcmtk"),
        *more,
        "--required",
        "+sd",
        "-aec",
        "TEST",
        "127.0.0.1",
        archive.dicom_port,
        folder,
    )
    assert ended.returncode == 0, ended.stderr


def objects_alone(results: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in results.glob("*.dcm"):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def read_back(archive: Archive) -> list[Dataset]:
    return [dcmread(BytesIO(archive.file(one))) for one in archive.get("/instances")]


def same_content(one: Dataset, other: Dataset) -> bool:
    """All elements but the meta information, which an archive may write anew."""
    return bool(one == other)


def test_stored_by_c_store_they_are_found_and_come_back_the_same(
    empty: Archive, scan_folder: Path, results: Path, run: Run, tmp_path: Path
) -> None:
    c_store(empty, scan_folder, *JPEG_2000)
    c_store(empty, objects_alone(results, tmp_path / "objects"))
    back = read_back(empty)
    seg, sr = (dcmread(results / name) for name in ("lesions.seg.dcm", "measurements.sr.dcm"))
    for written, sop_class in ((seg, SEG_CLASS), (sr, SR_CLASS)):
        (there,) = [one for one in back if one.SOPClassUID == sop_class]
        assert same_content(there, written)
    assert len(empty.get("/studies")) == 1  # they joined the study of the images
    assert len(empty.get("/series")) == 3
    _same_numbers_from(back, results, run, tmp_path)


def _same_numbers_from(back: list[Dataset], results: Path, run: Run, folder: Path) -> None:
    """Measure what came back, with the outlines that came back: the same numbers to the last digit."""
    scan = folder / "back"
    scan.mkdir()
    for n, one in enumerate(back):
        one.save_as(scan / f"{n}.dcm")
        if one.SOPClassUID == SEG_CLASS:
            outlines = scan / f"{n}.dcm"
    out = folder / "again"
    assert run("measure", scan, "-o", out, "--no-figures", "--lesions", outlines).code == 0
    assert (out / "measurements.json").read_bytes() == (results / "measurements.json").read_bytes()


def test_a_query_finds_the_series_by_modality_and_description(
    empty: Archive, scan_folder: Path, results: Path, tmp_path: Path
) -> None:
    c_store(empty, objects_alone(results, tmp_path / "objects"))
    findscu = program("findscu", "dcmtk")
    study = str(dcmread(results / "lesions.seg.dcm").StudyInstanceUID)
    asked = (findscu, "-S", "-aec", "TEST", "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesDescription")
    of_study = ("-k", f"StudyInstanceUID={study}")
    for modality, what in (("SEG", "outlines"), ("SR", "measurements")):
        description = f"RESEARCH calcinosis {what}"
        ended = say(*asked, *of_study, "-k", f"Modality={modality}", "127.0.0.1", empty.dicom_port)
        assert ended.returncode == 0, ended.stderr
        assert description in ended.stdout + ended.stderr


def test_stored_by_dicomweb_they_are_found_and_come_back_the_same(
    empty: Archive, scan_folder: Path, results: Path, run: Run, tmp_path: Path
) -> None:
    api = pytest.importorskip("dicomweb_client.api", reason="the package dicomweb-client is not installed")
    client = api.DICOMwebClient(f"{empty.url}/dicom-web")
    sent = [dcmread(file) for file in sorted(scan_folder.glob("*.dcm"))]
    seg, sr = (dcmread(results / name) for name in ("lesions.seg.dcm", "measurements.sr.dcm"))
    client.store_instances(datasets=[*sent, seg, sr])
    study = str(seg.StudyInstanceUID)
    found = client.search_for_series(study, fields=["SeriesDescription"])
    told = {one["00080060"]["Value"][0]: one["0020000E"]["Value"][0] for one in found}
    assert told == {
        "CT": str(sent[0].SeriesInstanceUID),
        "SEG": str(seg.SeriesInstanceUID),
        "SR": str(sr.SeriesInstanceUID),
    }
    back = client.retrieve_study(study)
    for written in (seg, sr):
        (there,) = [one for one in back if one.SOPInstanceUID == written.SOPInstanceUID]
        assert same_content(there, written)
    content = json.loads((results / "measurements.json").read_text("utf-8"))
    (report,) = [one for one in back if one.SOPClassUID == SR_CLASS]
    volumes = [values(group, "118565006")[0][0] for group in groups_of(report)[1:]]
    assert volumes == [one["volume_mm3"]["value"] for one in content["lesions"]]


def test_sending_a_repeated_run_adds_nothing(
    empty: Archive, scan_folder: Path, results: Path, tmp_path: Path
) -> None:
    c_store(empty, objects_alone(results, tmp_path / "first"))
    again = measure(scan_folder, tmp_path / "again")
    c_store(empty, objects_alone(again, tmp_path / "second"))
    assert len(empty.get("/instances")) == 2
