"""Other people's programs on SEG and SR: dciodvfy, dcmtk and dcmqi."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pipeline.domain.analysis import Analysis
from tests.dicom_out.objects import program, say

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


def dcmqi_program(name: str) -> Path:
    """A program of the package beside the interpreter."""
    return Path(sysconfig.get_path("scripts")) / name
