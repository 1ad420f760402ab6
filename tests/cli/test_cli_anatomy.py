"""`--anatomy` and `--names` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.nifti import read_label_map
from tests.anatomy.maps import NAMES, caret_extension, label_map, nifti_with, shafts
from tests.cli.conftest import Run


def test_measure_takes_bones_from_the_anatomy(run: Run, baseline_dicom: Path, tmp_path: Path) -> None:
    labels = nifti_with(tmp_path / "a.nii.gz", caret_extension(NAMES), label_map(shafts()))
    ended = run("measure", baseline_dicom, "-o", tmp_path / "out", "--anatomy", labels, "--no-figures")
    assert (ended.code, ended.err) == (0, "")
    names = json.loads((tmp_path / "out" / "skeleton.json").read_text(encoding="utf-8"))
    values = read_label_map(tmp_path / "out" / "skeleton.nii.gz", {}).values
    right = next(int(value) for value, name in names.items() if name == "femur_right")
    assert (values[:, :, :40] == right).any()
    assert not (values[:, :, 72:] == right).any()
    record = json.loads((tmp_path / "out" / "measurements.json").read_text(encoding="utf-8"))
    assert "ANATOMY_GIVEN" in [flag["code"] for flag in record["scan"]["flags"]]


def test_compare_takes_anatomy_by_time_point(
    run: Run, baseline_dicom: Path, followup_dicom: Path, tmp_path: Path
) -> None:
    labels = nifti_with(tmp_path / "a.nii.gz", b"", label_map(shafts()))
    names = tmp_path / "names.csv"
    names.write_text("".join(f"{k},{v}\n" for k, v in NAMES.items()), encoding="utf-8")
    given = ("--anatomy", f"t1={labels}", "--names", f"t1={names}")
    out = tmp_path / "out"
    ended = run("compare", baseline_dicom, followup_dicom, "-o", out, *given, "--no-figures")
    assert (ended.code, ended.err) == (0, "")
    flags = []
    for date in ("t0", "t1"):
        record = json.loads((out / date / "measurements.json").read_text(encoding="utf-8"))
        flags.append([flag["code"] for flag in record["scan"]["flags"]])
    assert ["ANATOMY_GIVEN" in codes for codes in flags] == [False, True]


def test_anatomy_that_cannot_be_used_is_refused_by_its_code(
    run: Run, baseline_dicom: Path, tmp_path: Path
) -> None:
    labels = nifti_with(tmp_path / "a.nii.gz", b"", label_map(shafts()))
    ended = run("measure", baseline_dicom, "-o", tmp_path / "out", "--anatomy", labels)
    assert ended.code == 3
    assert "ANATOMY_NAMES" in ended.err
    assert not (tmp_path / "out").exists()


def test_names_without_anatomy_are_wrong_usage(run: Run, baseline_dicom: Path, tmp_path: Path) -> None:
    assert run("measure", baseline_dicom, "-o", tmp_path / "out", "--names", tmp_path).code == 2
