"""Rows 32 to 34, 37 and 38a of the fault list: scans that do not belong together or do not show the same."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pipeline.dicom.ct_write import uids_from, write_ct_series
from tests.builders import Values, ball, ct, pelvis_of_two_shafts
from tests.cli.conftest import Run
from tests.cli.test_cli_measure import refused
from tests.series import paulas_header, set_text

HIGH, LOW = (0.0, -26.0, 14.0), (0.0, 20.0, -4.0)
"""Centres of two balls of calcium, the first in the upper part of the scan."""
EARLIER, LATER = dt.date(2019, 4, 11), dt.date(2020, 3, 10)
Scans = tuple[Path, Path]


def write(
    folder: Path,
    balls: Mapping[tuple[float, float, float], float],
    date: dt.date,
    change: Callable[[Values], None] | None = None,
) -> Path:
    """Two shafts and balls of calcium as a CT series."""
    hu, geometry = pelvis_of_two_shafts(dict(balls), seed=date.year)
    if change is not None:
        change(hu)
    header = paulas_header(date)
    write_ct_series(ct(hu, geometry), header, folder, make_uid=uids_from(f"{folder} {date}"))
    return folder


@pytest.fixture
def scans(tmp_path: Path) -> Scans:
    """Two dates; the upper ball is gone on the second, the lower one smaller."""
    return (
        write(tmp_path / "a", {HIGH: 5.0, LOW: 7.0}, EARLIER),
        write(tmp_path / "b", {LOW: 4.0}, LATER),
    )


def edit(folder: Path, change: Callable[[Dataset], object]) -> None:
    for file in folder.iterdir():
        dataset = dcmread(file)
        change(dataset)
        dataset.save_as(file)


def put(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


def text(keyword: str, value: str) -> Callable[[Dataset], None]:
    return lambda dataset: set_text(dataset, keyword, value)


def compared(run: Run, scans: Scans, out: Path, *options: str) -> dict[str, Any]:
    """The comparison of two scans, as written."""
    ended = run("compare", *scans, "-o", out, "--no-figures", *options)
    assert (ended.code, ended.err) == (0, "")
    content: dict[str, Any] = json.loads((out / "comparison.json").read_text("utf-8"))
    return content


def track_kinds(content: dict[str, Any]) -> dict[str, str]:
    """What became of the upper and of the lower ball."""
    places = {track["track_id"]: track["position_lps_mm"][0][2] for track in content["tracks"]}
    return {("high" if places[t["track_id"]] > 5 else "low"): t["kind"] for t in content["tracks"]}


def flags_of(out: Path, time_point: str) -> set[str]:
    content = json.loads((out / time_point / "measurements.json").read_text("utf-8"))
    return {flag["code"] for flag in content["scan"]["flags"]}


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientID", "P-2"), ("PatientSex", "M"), ("PatientBirthDate", "20060313")]
)
def test_fault_32_another_patient_is_refused_unless_the_user_vouches(
    keyword: str, value: str, scans: Scans, tmp_path: Path, run: Run
) -> None:
    edit(scans[1], put(keyword, value))
    line = refused(run("compare", *scans, "-o", tmp_path / "out", "--no-figures"), 3)
    assert "PATIENT_MISMATCH" in line
    assert "--same-patient" in line
    assert not (tmp_path / "out").exists()
    assert compared(run, scans, tmp_path / "out", "--same-patient")["response"]


def test_fault_33_reversed_dates_are_refused_and_never_swapped(
    scans: Scans, tmp_path: Path, run: Run
) -> None:
    line = refused(run("compare", *scans[::-1], "-o", tmp_path / "out", "--no-figures"), 3)
    assert "DATES_REVERSED" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["", "20201332", "20200230", "2020", "yesterday"])
def test_fault_33_a_missing_or_impossible_date_is_asked_for(
    value: str, scans: Scans, tmp_path: Path, run: Run
) -> None:
    edit(scans[1], text("StudyDate", value))
    edit(scans[1], text("AcquisitionDate", value))
    line = refused(run("compare", *scans, "-o", tmp_path / "out", "--no-figures"), 3)
    assert "BAD_DATE" in line
    assert "--date t1=" in line
    content = compared(run, scans, tmp_path / "out", "--date", "t1=2020-03-10")
    assert content["time_points"][1]["days_from_first"] == 334


def test_fault_33_an_impossible_date_of_the_user_is_refused(scans: Scans, tmp_path: Path, run: Run) -> None:
    call = ("compare", *scans, "-o", tmp_path / "out", "--no-figures", "--date", "t1=2020-02-30")
    assert "BAD_DATE" in refused(run(*call), 3)


@pytest.mark.parametrize(
    ("change", "flag"),
    [(put("KVP", "100"), "KVP_CHANGED"), (put("ContrastBolusAgent", "Iohexol"), "CONTRAST_CHANGED")],
    ids=["kvp", "contrast"],
)
def test_fault_34_another_voltage_or_contrast_gives_presence_without_amount(
    change: Callable[[Dataset], None], flag: str, scans: Scans, tmp_path: Path, run: Run
) -> None:
    edit(scans[1], change)
    content = compared(run, scans, tmp_path / "out")
    assert track_kinds(content) == {"high": "resolved", "low": "not_evaluable"}
    for step in (content["burden_change"][0], *(track["steps"][0] for track in content["tracks"])):
        assert step["change_mm3"] is step["change_percent"] is step["limits_mm3"] is None
    assert flag in flags_of(tmp_path / "out", "t1")
    assert flag not in flags_of(tmp_path / "out", "t0")


OTHER_SHARPNESS = [
    pytest.param(put("ConvolutionKernel", "B70f"), "KERNEL_CHANGED", id="kernel"),
    pytest.param(put("SliceThickness", "2.5"), "THICKNESS_CHANGED", id="thickness"),
]


@pytest.mark.parametrize(("change", "flag"), OTHER_SHARPNESS)
def test_fault_34_another_kernel_or_thickness_is_flagged(
    change: Callable[[Dataset], None], flag: str, scans: Scans, tmp_path: Path, run: Run
) -> None:
    edit(scans[1], change)
    content = compared(run, scans, tmp_path / "out")
    assert track_kinds(content) == {"high": "resolved", "low": "decreased"}
    assert flag in flags_of(tmp_path / "out", "t1")


@pytest.mark.parametrize(("change", "flag"), OTHER_SHARPNESS)
def test_fault_34_another_kernel_or_thickness_widens_the_limits(
    change: Callable[[Dataset], None], flag: str, scans: Scans, tmp_path: Path, run: Run
) -> None:
    alike = compared(run, scans, tmp_path / "alike")["burden_change"][0]["limits_mm3"]
    edit(scans[1], change)
    other = compared(run, scans, tmp_path / "other")["burden_change"][0]["limits_mm3"]
    assert other["upper"] > alike["upper"]


def test_fault_34_the_same_technique_is_not_flagged(scans: Scans, tmp_path: Path, run: Run) -> None:
    compared(run, scans, tmp_path / "out")
    assert not {code for code in flags_of(tmp_path / "out", "t1") if code.endswith("_CHANGED")}


def test_fault_03_and_37_what_a_shorter_followup_does_not_cover_is_not_resolved(
    scans: Scans, tmp_path: Path, run: Run
) -> None:
    for file in scans[1].iterdir():
        if float(dcmread(file).ImagePositionPatient[2]) > 5:
            file.unlink()
    content = compared(run, scans, tmp_path / "out")
    assert track_kinds(content) == {"high": "not_evaluable", "low": "decreased"}
    assert content["response"][-1]["category"] == "not_evaluable"


def hidden_by(value_hu: float) -> Callable[[Values], None]:
    """A ball of one value, wider than the lesion, at the place of the upper lesion."""
    _, geometry = pelvis_of_two_shafts({})

    def hide(hu: Values) -> None:
        hu[ball(geometry, HIGH, 8.0) <= 0] = value_hu

    return hide


@pytest.mark.parametrize("value_hu", [-1024.0, 8000.0], ids=["padding", "metal"])
def test_fault_37_what_padding_or_metal_hides_is_not_resolved(
    value_hu: float, tmp_path: Path, run: Run
) -> None:
    scans = (
        write(tmp_path / "a", {HIGH: 5.0, LOW: 7.0}, EARLIER),
        write(tmp_path / "b", {LOW: 4.0}, LATER, hidden_by(value_hu)),
    )
    assert track_kinds(compared(run, scans, tmp_path / "out"))["high"] == "not_evaluable"


@pytest.mark.parametrize("renamed", [False, True])
def test_fault_38a_the_same_scan_twice_is_refused(
    renamed: bool, scans: Scans, tmp_path: Path, run: Run
) -> None:
    copy = Path(shutil.copytree(scans[0], tmp_path / "copy"))
    if renamed:
        edit(copy, put("StudyDate", "20200310"))
    line = refused(run("compare", scans[0], copy, "-o", tmp_path / "out", "--no-figures"), 3)
    assert "SAME_SCAN" in line
