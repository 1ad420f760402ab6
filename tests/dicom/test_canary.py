"""Nothing a file says about a person gets out: a canary in every text, file and folder name."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pipeline.cli import main
from tests.series import dup, good_series, set_stored, stored, write_series

CANARY = "XCANARYX"
GZIP = b"\x1f\x8b"
TEXT_KINDS = ("LO", "SH", "PN", "LT", "ST", "UT", "AE", "UC")
EXEMPT = {"Manufacturer", "ConvolutionKernel"}
"""Technical texts that the results name."""

OF_THE_PATIENT = {
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "ReferringPhysicianName",
    "DeidentificationMethod",
    "PositionReferenceIndicator",
}
"""What SEG and SR take from the source, as they go back to its archive."""

KEYWORDS = [
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientAddress",
    "PatientMotherBirthName",
    "PatientTelephoneNumbers",
    "Occupation",
    "AdditionalPatientHistory",
    "PatientComments",
    "EthnicGroup",
    "MedicalRecordLocator",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ProtocolName",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
    "PerformedProcedureStepID",
    "ImageComments",
    "DerivationDescription",
    "AdmittingDiagnosesDescription",
    "ContrastBolusAgent",
    "CurrentPatientLocation",
    "PatientInstitutionResidence",
    "RequestedProcedureID",
    "ScheduledProcedureStepDescription",
    "StudyComments",
    "CountryOfResidence",
    "RegionOfResidence",
    "PatientReligiousPreference",
    "DataSetName",
    "FilterType",
    "PositionReferenceIndicator",
]


def with_canary(dataset: Dataset) -> Dataset:
    """A canary in every text the standard knows by these names, every one present, and private tags."""
    for keyword in KEYWORDS:
        if kind_of(keyword) in TEXT_KINDS and keyword not in EXEMPT:
            setattr(dataset, keyword, CANARY)
    for element in list(dataset):
        if element.VR in TEXT_KINDS and keyword_for_tag(element.tag) not in EXEMPT:
            element.value = CANARY
    block = dataset.private_block(0x0009, CANARY, create=True)
    block.add_new(0x01, "LO", CANARY)
    block.add_new(0x02, "UN", CANARY.encode())
    return dataset


def kind_of(keyword: str) -> str:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return "" if tag is None else dictionary_VR(tag)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two dates, each in a folder and in files named with the canary, beside a stranger."""
    dates = []
    for n, date in enumerate(("20200411", "20210311")):
        series = [with_canary(dup(d)) for d in good_series()]
        for d in series:
            d.StudyDate = date
            set_stored(d, stored(d) + n)
        folder = write_series(series, tmp_path / f"{CANARY} {n}" / CANARY)
        for file in sorted(folder.iterdir()):
            file.rename(folder / f"{CANARY}_{file.name}.dcm")
        (folder / f"{CANARY}.txt").write_text(CANARY)
        (folder / f"{CANARY}_cut.dcm").write_bytes((folder / f"{CANARY}_im000.dcm").read_bytes()[:400])
        dates.append(folder)
    return dates


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["calcinosis", *map(str, words)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def hits(folder: Path, texts: Iterable[str] = (CANARY,)) -> list[str]:
    """Files that hold the canary, or one of other texts, in their bytes or their names."""
    wanted = [(text, text.encode(), text.encode("utf-16-le")) for text in texts]
    found = []
    for file in (f for f in folder.rglob("*") if f.is_file()):
        data = unpacked(file)
        if any(one in data or wide in data or text in file.name for text, one, wide in wanted):
            found.append(file.name)
    return found


def unpacked(file: Path) -> bytes:
    """What a file holds, and what is packed within it: of a page the volumes of its viewer too."""
    data = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(data)
    if file.suffix == ".xlsx":
        with zipfile.ZipFile(file) as book:
            return b"".join(book.read(name) for name in book.namelist())
    blobs = re.findall(rb'<script type="text/plain" id="[^"]*">([^<]*)<', data)
    inner = [base64.b64decode(one) for one in blobs if one[:1] != b"<"]
    return b"".join([data, *(gzip.decompress(one) if one[:2] == GZIP else one for one in inner)])


def test_no_output_holds_the_canary(
    tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(monkeypatch, "check", folders[0]) == 0
    assert run(monkeypatch, "check", folders[0], "--json") == 0
    log = tmp_path / "log.jsonl"
    assert run(monkeypatch, "--log", log, "measure", folders[0], "-o", out / "m") == 0
    assert run(monkeypatch, "--log", log, "compare", *folders, "-o", out / "c") == 0
    assert log.read_text("utf-8").count("ended") == 2
    assert CANARY not in log.read_text("utf-8")
    captured = capfd.readouterr()
    assert CANARY not in captured.out
    assert CANARY not in captured.err
    assert len(list(out.rglob("*.json"))) >= 6
    back_to_the_archive = {"lesions.seg.dcm", "measurements.sr.dcm"}
    assert set(hits(out)) == back_to_the_archive
    for file in (file for name in back_to_the_archive for file in out.rglob(name)):
        assert {one.keyword for one in dcmread(file).iterall() if CANARY in str(one.value)} <= OF_THE_PATIENT


def test_no_stripped_object_holds_the_canary(
    tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(monkeypatch, "compare", *folders, "-o", out, "--deidentify", "--no-figures") == 0
    assert len(list(out.rglob("*.dcm"))) == 4
    assert hits(out) == []


@pytest.mark.parametrize("more", [("--deidentify",), ("--deidentify", "--no-dicom"), ("--dates", "shift")])
def test_no_stripped_result_holds_a_uid_of_the_source(
    more: tuple[str, ...], tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every output, byte by byte, in tables, pictures, page and log; class UIDs are the standard's."""
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    images = [dcmread(file) for folder in folders for file in folder.glob("*_im*.dcm")]
    named = {str(e.value) for d in images for e in d.iterall() if e.VR == "UI" and not is_standards(e)}
    assert len(named) > len(images) / 2
    assert run(monkeypatch, "--log", log, "measure", folders[0], "-o", out / "m", *more) == 0
    assert run(monkeypatch, "--log", log, "compare", *folders, "-o", out / "c", *more) == 0
    log.rename(out / "log.jsonl")
    assert len(list(out.rglob("report.html"))) == 4
    assert hits(out, named) == []
    assert hits(out) == []
    content = json.loads((out / "m" / "measurements.json").read_text("utf-8"))
    if "--no-dicom" not in more:
        report = dcmread(out / "m" / "measurements.sr.dcm")
        (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
        series = {str(one.SeriesInstanceUID) for one in evidence.ReferencedSeriesSequence}
        assert content["scan"]["series_instance_uid"] in series  # the same for the same


def is_standards(element: DataElement) -> bool:
    return str(element.value).startswith("1.2.840.10008.")


def test_no_refusal_holds_the_canary(
    tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for file in sorted(folders[0].glob("*.dcm"))[3:5]:
        file.unlink()
    assert run(monkeypatch, "check", folders[0]) == 3
    log = tmp_path / "log.jsonl"
    assert run(monkeypatch, "--log", log, "measure", folders[0], "-o", tmp_path / "out") == 3
    assert CANARY not in log.read_text("utf-8")
    captured = capfd.readouterr()
    assert CANARY not in captured.out
    assert CANARY not in captured.err
    assert not (tmp_path / "out").exists()
