"""``calcinosis compare`` and ``calcinosis phantom``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_cli_measure import FILES, refused


@pytest.fixture(scope="module")
def folders(baseline_dicom: Path, followup_dicom: Path) -> tuple[Path, Path]:
    return baseline_dicom, followup_dicom


def test_two_scans_are_compared(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    ended = run("compare", *folders, "-o", tmp_path / "out", "--no-figures")
    assert (ended.code, ended.err) == (0, "")
    assert "partial_response" in ended.out
    content = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    assert [point["days_from_first"] for point in content["time_points"]] == [0, 334]
    assert sorted(track["kind"] for track in content["tracks"]) == ["decreased", "resolved"]
    assert content["response"][-1]["category"] == "partial_response"
    for name in ("t0", "t1"):
        assert set(FILES) <= {file.name for file in (tmp_path / "out" / name).iterdir()}


def test_a_time_point_is_what_measure_gives(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    assert run("compare", *folders, "-o", tmp_path / "both", "--no-figures").code == 0
    assert run("measure", folders[1], "-o", tmp_path / "one", "--no-figures").code == 0
    of_its_own = [name for name in FILES if not name.endswith(".dcm")]  # those name the tracks
    for name in of_its_own:
        assert (tmp_path / "both" / "t1" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_two_comparisons_give_the_same_bytes(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    for name in ("a", "b"):
        assert run("compare", *folders, "-o", tmp_path / name, "--no-figures").code == 0
    for file in ("comparison.json", "tracks.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_scans_in_the_wrong_order_are_refused(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    line = refused(run("compare", *folders[::-1], "-o", tmp_path / "out", "--no-figures"), 3)
    assert "DATES_REVERSED" in line
    assert not (tmp_path / "out").exists()


def test_dates_can_be_given_by_time_point(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    dates = ("--date", "t0=2018-01-01", "--date", "t1=2018-01-31")
    ended = run("compare", *folders[::-1], "-o", tmp_path / "out", "--no-figures", *dates)
    assert ended.code == 0
    content = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    assert content["time_points"][1]["days_from_first"] == 30
    assert content["response"][0]["category"] == "progression"


def test_what_is_not_there_is_named_by_its_date_and_option_but_not_by_its_path(
    folders: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    gone, out = tmp_path / "gone.nii", tmp_path / "out"
    for call, what in (
        ((folders[0], gone), "t1"),
        ((*folders, "--lesions", f"t1={gone}"), "--lesions of t1"),
        ((*folders, "--anatomy", f"t0={gone}"), "--anatomy of t0"),
    ):
        line = refused(run("compare", *call, "-o", out), 3)
        assert line == f"calcinosis: NOT_FOUND: {what}: there is no such file or folder"
    assert not out.exists()


@pytest.mark.parametrize("date", ["2018-01-01", "t2=2018-01-01", "t²=2018-01-01", "t0=", "x0=2018-01-01"])
def test_a_date_of_no_time_point_is_wrong_usage(
    date: str, folders: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    refused(run("compare", *folders, "-o", tmp_path / "out", "--date", date), 2)


def test_the_same_scan_twice_is_refused(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    line = refused(run("compare", folders[0], folders[0], "-o", tmp_path / "out"), 3)
    assert "SAME_SCAN" in line


def test_two_patients_are_compared_only_where_the_user_vouches(
    baseline_dicom: Path, other_patient_dicom: Path, tmp_path: Path, run: Run
) -> None:
    call = ("compare", baseline_dicom, other_patient_dicom, "-o", tmp_path / "out", "--no-figures")
    assert "PATIENT_MISMATCH" in refused(run(*call), 3)
    assert not (tmp_path / "out").exists()
    assert run(*call, "--same-patient").code == 0


def test_one_scan_is_no_comparison(folders: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    assert run("compare", folders[0], "-o", tmp_path / "out").code == 2


def test_a_phantom_is_not_written_over_a_folder_in_use(tmp_path: Path, run: Run) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused(run("phantom", tmp_path), 5)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]
