"""Other people's programs on SEG and SR: dciodvfy, dcmtk and dcmqi."""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from tests.builders import a_lesion
from tests.dicom_out.objects import measure, program, say, write
from tests.fuzz.multiframe import enhanced
from tests.fuzz.multiframe import write as write_frames
from tests.series import good_series

NOTHING_IS_AS_BRIGHT = ("--set", "candidates.seed_hu=2900", "--set", "candidates.edge_hu=2800")
CHARSET_NOTE = "W: The VR checker does not support this Specific Character Set: ISO_IR 192"


@pytest.fixture(scope="module")
def results(
    scan_folder: Path,
    later_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Results of two dates and of a scan without lesion, as the command writes them."""
    out = tmp_path_factory.mktemp("results")
    for name, arguments in (
        ("both", ("compare", scan_folder, later_folder)),
        ("stripped", ("measure", scan_folder, "--deidentify")),
        (
            "none",
            ("measure", scan_folder, "--set", "candidates.seed_hu=2900", "--set", "candidates.edge_hu=2800"),
        ),
    ):
        ended = say(sys.executable, "-m", "pipeline", *arguments, "-o", out / name, "--no-figures")
        assert (ended.returncode, ended.stderr) == (0, "")
    return out


def test_dciodvfy_finds_no_error(results: Path) -> None:
    dciodvfy = program("dciodvfy", "dicom3tools")
    files = sorted(results.rglob("*.dcm"))
    assert len(files) == 7
    for file in files:
        ended = say(dciodvfy, "-new", file)
        assert "Error" not in ended.stderr + ended.stdout, f"{file.name}: {ended.stderr}"


def test_dcmtk_reads_every_report(results: Path) -> None:
    dsrdump = program("dsrdump", "dcmtk")
    reports = sorted(results.rglob("*.sr.dcm"))
    assert len(reports) == 4
    for file in reports:
        ended = say(dsrdump, "--print-all-codes", file)
        assert (ended.returncode, ended.stderr.replace(CHARSET_NOTE, "").strip()) == (0, "")
        assert "Imaging Measurement Report" in ended.stdout


def test_dcmqi_reads_the_same_voxels_and_names(results: Path, analysis: Analysis, tmp_path: Path) -> None:
    pytest.importorskip("dcmqi", reason="the package dcmqi is not installed")
    convert = dcmqi_program("segimage2itkimage")
    seg = results / "both" / "t0" / "lesions.seg.dcm"
    ended = say(convert, "--inputDICOM", seg, "--outputDirectory", tmp_path, "-t", "nii", "-p", "x")
    assert ended.returncode == 0, ended.stderr
    meta = json.loads((tmp_path / "x-meta.json").read_text("utf-8"))
    segments = [one for group in meta["segmentAttributes"] for one in group]
    assert [one["SegmentedPropertyTypeCodeSequence"]["CodeValue"] for one in segments] == ["18115005"] * 2
    for lesion in analysis.lesions:
        image = sitk.ReadImage(str(tmp_path / f"x-{lesion.id}.nii.gz"))
        index = np.argwhere(sitk.GetArrayFromImage(image) > 0)[:, ::-1]
        points = np.array([image.TransformIndexToPhysicalPoint(one.tolist()) for one in index])
        expected = lesion.mask.points_lps_mm()
        order, other = (np.lexsort(p.round(2).T) for p in (points, expected))
        assert points[order] == pytest.approx(expected[other], abs=1e-3)


def test_dcmqi_reads_the_same_volumes(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("dcmqi", reason="the package dcmqi is not installed")
    folder = results / "both" / "t0"
    ended = say(
        dcmqi_program("tid1500reader"),
        "--inputDICOM", folder / "measurements.sr.dcm", "--outputMetadata", tmp_path / "sr.json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    read = json.loads((tmp_path / "sr.json").read_text("utf-8"))
    content = json.loads((folder / "measurements.json").read_text("utf-8"))
    volumes = [
        float(item["value"])
        for group in read["Measurements"]
        for item in group["measurementItems"]
        if item["quantity"]["CodeValue"] == "118565006"
    ]
    lesions = [one["volume_mm3"]["value"] for one in content["lesions"]]
    assert volumes == [content["burden"]["volume_mm3"]["value"], *lesions]


def test_objects_of_an_enhanced_source_are_valid(analysis: Analysis, tmp_path: Path) -> None:
    dciodvfy, dsrdump = program("dciodvfy", "dicom3tools"), program("dsrdump", "dcmtk")
    scan = read_scan(write_frames(enhanced(good_series()), tmp_path))
    voxels = np.zeros(scan.volume.geometry.shape, dtype=bool)
    voxels[3:5, 10:12, 25:27] = True
    lesion = a_lesion(1, voxels, scan.volume.geometry)
    write(replace(analysis, scan=scan, lesions=(lesion,)), tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        assert "Error" not in say(dciodvfy, "-new", file).stderr
    assert say(dsrdump, tmp_path / "out" / "measurements.sr.dcm").returncode == 0


def test_outlines_edited_with_dcmqi_and_simpleitk_come_back(
    results: Path, scan_folder: Path, tmp_path: Path
) -> None:
    """As 3D Slicer does it, which writes SEG by the same library."""
    pytest.importorskip("dcmqi", reason="the package dcmqi is not installed")
    before = json.loads((results / "both" / "t0" / "measurements.json").read_text("utf-8"))
    seg = results / "both" / "t0" / "lesions.seg.dcm"
    unpacked = say(
        dcmqi_program("segimage2itkimage"), "--inputDICOM", seg, "--outputDirectory", tmp_path,
        "-t", "nrrd", "-p", "x",
    )  # fmt: skip
    assert unpacked.returncode == 0, unpacked.stderr
    grown = sitk.BinaryDilate(sitk.ReadImage(str(tmp_path / "x-2.nrrd")) > 0, (1, 1, 1))
    sitk.WriteImage(sitk.Cast(grown, sitk.sitkInt16), str(tmp_path / "grown.nrrd"))
    meta = json.loads((tmp_path / "x-meta.json").read_text("utf-8"))
    (segment,) = [one for group in meta["segmentAttributes"] for one in group if one["labelID"] == 2]
    meta["segmentAttributes"] = [[segment | {"labelID": 1}]]
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    packed = say(
        dcmqi_program("itkimage2segimage"), "--inputDICOMDirectory", scan_folder,
        "--inputImageList", tmp_path / "grown.nrrd", "--inputMetadata", tmp_path / "meta.json",
        "--outputDICOM", tmp_path / "edited.dcm",
    )  # fmt: skip
    assert packed.returncode == 0, packed.stdout + packed.stderr
    out = measure(scan_folder, tmp_path / "out", "--lesions", tmp_path / "edited.dcm")
    after = json.loads((out / "measurements.json").read_text("utf-8"))
    assert {one["what"]: one["automatic_ids"] for one in after["edits"]} == {"deleted": [1], "changed": [2]}
    (lesion,) = after["lesions"]
    assert lesion["voxel_volume_mm3"] == pytest.approx(2.0 * int(sitk.GetArrayFromImage(grown).sum()))
    assert lesion["tracking_uid"] == before["lesions"][1]["tracking_uid"]
    assert after["burden"]["volume_mm3"]["value"] == lesion["volume_mm3"]["value"]


def dcmqi_program(name: str) -> Path:
    """A program of the package beside the interpreter."""
    return Path(sysconfig.get_path("scripts")) / name
