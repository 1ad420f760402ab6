"""``calcinosis measure``: exit codes, one line of error, nothing left behind, the same bytes each time."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from pipeline import __version__
from pipeline.nifti import write_volume
from tests.builders import ct, pelvis_of_two_shafts
from tests.cli.conftest import Ended, Run
from tests.series import good_series, write_series

FILES = (
    "measurements.json",
    "lesions.csv",
    "lesions.xlsx",
    "lesions.nii.gz",
    "excluded.nii.gz",
    "skeleton.nii.gz",
    "skeleton.json",
    "lesions.seg.dcm",
    "measurements.sr.dcm",
)
"""What every run of a CT series with lesions writes; report and figures may lie beside them."""
IDENTITY = ("Paula", "Box^", "P-1", "20070305", "2006-03-12", "20060312")


def refused(ended: Ended, code: int) -> str:
    """The one line of a run that was refused."""
    assert ended.code == code
    assert ended.out == ""
    assert "Traceback" not in ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("calcinosis: ")
    assert not any(text in line for text in IDENTITY)
    return line


@pytest.fixture(scope="module")
def measured(baseline_dicom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one run, by another process."""
    out = tmp_path_factory.mktemp("measured") / "out"
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "measure", baseline_dicom, "-o", out, "--no-figures"],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "not a medical device" in ended.stdout
    return out


def test_a_run_writes_the_contract_and_no_progress_into_a_pipe(measured: Path) -> None:
    assert set(FILES) <= {file.name for file in measured.iterdir()}
    assert not any(file.name.startswith(".") for file in measured.parent.iterdir())


def test_the_label_maps_hold_the_lesions_of_the_table(measured: Path) -> None:
    content = json.loads((measured / "measurements.json").read_text("utf-8"))
    labels = sitk.ReadImage(str(measured / "lesions.nii.gz"))
    voxels = sitk.GetArrayFromImage(labels)
    voxel_mm3 = 2.0  # 2 x 1 x 1 mm
    assert sorted(set(voxels.ravel())) == [0, *(one["id"] for one in content["lesions"])]
    for one in content["lesions"]:
        volume_mm3 = int((voxels == one["id"]).sum()) * voxel_mm3
        assert volume_mm3 == pytest.approx(one["voxel_volume_mm3"])
    with (measured / "lesions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == [one["id"] for one in content["lesions"]]
    assert len(rows) == 2


def test_no_result_holds_the_patient(measured: Path) -> None:
    for file in measured.rglob("*"):
        if file.suffix in (".json", ".csv", ".html"):
            text = file.read_text("utf-8")
            assert not any(identity in text for identity in IDENTITY), file.name


def test_two_runs_give_the_same_bytes(measured: Path, baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    assert run("measure", baseline_dicom, "-o", tmp_path / "again", "--no-figures").code == 0
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (measured / name).read_bytes(), name


def change_all(keyword: str, value: Any) -> Callable[[list[Dataset]], None]:
    def change(series: list[Dataset]) -> None:
        for dataset in series:
            setattr(dataset, keyword, value)

    return change


def no_rescale(series: list[Dataset]) -> None:
    for dataset in series:
        del dataset.RescaleSlope, dataset.RescaleIntercept


def two_patients(series: list[Dataset]) -> None:
    series[3].PatientID = "P-2"


def a_gap(series: list[Dataset]) -> None:
    del series[5:7]


def one_slice(series: list[Dataset]) -> None:
    del series[1:]


def air(series: list[Dataset]) -> None:
    for dataset in series:
        dataset.PixelData = b"\x18\x00" * (dataset.Rows * dataset.Columns)  # 24 - 1024 HU
        dataset["PixelData"].VR = "OW"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (a_gap, "MISSING_SLICES"),
        (no_rescale, "NO_RESCALE"),
        (one_slice, "NOT_A_VOLUME"),
        (two_patients, "MIXED_PATIENTS"),
        (air, "EMPTY_SCAN"),
    ],
)
def test_a_bad_series_is_refused_by_name_and_leaves_nothing(
    change: Callable[[list[Dataset]], None], code: str, tmp_path: Path, run: Run
) -> None:
    series = good_series()
    change(series)
    folder = write_series(series, tmp_path / "in" / "series")
    line = refused(run("measure", folder, "-o", tmp_path / "out", "--no-figures"), 3)
    assert f" {code}: " in line
    assert {entry.name for entry in tmp_path.iterdir()} == {"in"}


def test_a_good_series_is_measured(tmp_path: Path, run: Run) -> None:
    folder = write_series(good_series(), tmp_path / "series")
    assert run("measure", folder, "-o", tmp_path / "out", "--no-figures").code == 0


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lambda _: None, ("NOT_FOUND",)),
        (lambda path: path.mkdir(), ("NO_CT",)),
        (lambda path: path.write_text("x"), ("NOT_DICOM", "UNREADABLE")),
        (lambda path: (path.mkdir(), (path / "a.txt").write_text("x")), ("NO_CT",)),
    ],
    ids=["nothing", "empty folder", "another file", "folder of other files"],
)
def test_a_path_without_a_scan_is_refused(
    make: Callable[[Path], object], codes: Sequence[str], tmp_path: Path, run: Run
) -> None:
    make(tmp_path / "scan")
    line = refused(run("measure", tmp_path / "scan", "-o", tmp_path / "out", "--no-figures"), 3)
    assert any(f" {code}: " in line for code in codes)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["no.nii.gz", "text.nii"])
def test_a_bad_nifti_is_refused(name: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "text.nii").write_text("not a NIfTI file at all")
    refused(run("measure", tmp_path / name, "-o", tmp_path / "out", "--no-figures"), 3)


def test_nifti_in_hu_is_measured(tmp_path: Path, run: Run) -> None:
    hu, geometry = pelvis_of_two_shafts({(0.0, -26.0, 2.0): 5.0})
    write_volume(ct(hu, geometry), tmp_path / "ct.nii.gz")
    ended = run(
        "measure", tmp_path / "ct.nii.gz", "-o", tmp_path / "out", "--no-figures", "--date", "2019-04-11"
    )
    assert ended.code == 0
    content = json.loads((tmp_path / "out" / "measurements.json").read_text("utf-8"))
    assert content["scan"]["study_date"] == "2019-04-11"
    assert len(content["lesions"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "candidates.seed_hu=5000"),
        ("--set", "candidates.brightness=1"),
        ("--set", "seed"),
        ("--config", "no_such_preset"),
    ],
)
def test_a_wrong_setting_is_wrong_usage(
    arguments: tuple[str, str], baseline_dicom: Path, tmp_path: Path, run: Run
) -> None:
    refused(run("measure", baseline_dicom, "-o", tmp_path / "out", *arguments), 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("measure",), ("measure", "somewhere"), ("measure", "x", "-o", "y", "--no-such"), ("no_such_command",)],
)
def test_a_wrong_call_is_wrong_usage(arguments: tuple[str, ...], run: Run) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_a_name_too_long_for_a_folder_is_refused(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    refused(run("measure", baseline_dicom, "-o", tmp_path / ("x" * 300), "--no-figures"), 5)


def test_a_date_too_early_to_be_moved_is_refused(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    dates = ("--date", "0001-01-01", "--dates", "shift")
    assert "BAD_DATE" in refused(run("measure", baseline_dicom, "-o", tmp_path / "out", *dates), 3)


def test_a_wrong_date_is_refused(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    line = refused(run("measure", baseline_dicom, "-o", tmp_path / "out", "--date", "11.4.2019"), 3)
    assert "BAD_DATE" in line


def test_a_series_that_is_not_there_is_refused(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    line = refused(run("measure", baseline_dicom, "-o", tmp_path / "out", "--series", "1.2.3"), 3)
    assert "SERIES_NOT_FOUND" in line


def test_results_are_replaced_only_when_asked(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "measurements.json").write_text("old")
    (out / "notes.txt").write_text("mine")
    refused(run("measure", baseline_dicom, "-o", out, "--no-figures"), 5)
    assert (out / "measurements.json").read_text() == "old"
    assert run("measure", baseline_dicom, "-o", out, "--no-figures", "--overwrite").code == 0
    assert json.loads((out / "measurements.json").read_text("utf-8"))["schema_version"] == 1
    assert (out / "notes.txt").read_text() == "mine"


def test_an_output_that_is_a_file_is_refused(baseline_dicom: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "out").write_text("mine")
    refused(run("measure", baseline_dicom, "-o", tmp_path / "out", "--no-figures"), 5)


def test_figures_switched_off_in_the_settings_stay_off(
    baseline_dicom: Path, tmp_path: Path, run: Run
) -> None:
    ended = run("measure", baseline_dicom, "-o", tmp_path / "out", "--set", "figures.enabled=false")
    assert ended.code == 0
    assert not (tmp_path / "out" / "figures").exists()


def test_a_folder_named_like_markup_is_printed_as_it_is(
    baseline_dicom: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "a[red" / "]b[" / "bold]"
    ended = run("measure", baseline_dicom, "-o", out, "--no-figures")
    assert ended.code == 0
    assert str(out) in ended.out


def test_a_terminal_that_knows_ascii_alone_is_no_fault(baseline_dicom: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "measure", baseline_dicom, "-o", tmp_path / "out", "--no-figures"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Results in" in ended.stdout


def test_an_error_of_another_process_is_one_line_and_its_exit_code(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "measure", tmp_path / "none", "-o", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    refused(Ended(ended.returncode, ended.stdout, ended.stderr), 3)


def test_the_version_is_that_of_the_package(run: Run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out.splitlines()[0]) == (0, f"calcinosis-ct {__version__}")


def test_help_loads_none_of_the_heavy_libraries() -> None:
    heavy = ("SimpleITK", "skimage", "pydicom", "matplotlib", "scipy.ndimage")
    code = (
        "import sys; sys.argv = ['calcinosis', '--help']\n"
        "from pipeline.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([one for one in {heavy!r} if one in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
