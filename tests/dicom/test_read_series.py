"""A good series is read as it was made; order, names, syntax and posture change nothing."""

from __future__ import annotations

import datetime as dt
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import (
    CALCIUM_CENTRE_LPS_MM,
    CALCIUM_MM3,
    SPACING_MM,
    Read,
    box_hu,
    calcium_centre_lps_mm,
    calcium_mm3,
    good_series,
    set_text,
    write_series,
)

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
REAL_CT = SHARED / "real_ct"


def test_good_series_gives_its_own_hu_grid_and_no_flags(read: Read) -> None:
    scan = read(good_series())
    assert scan.volume.hu.dtype == np.int16
    assert np.array_equal(scan.volume.hu, box_hu())
    assert scan.volume.geometry.spacing_mm == pytest.approx(SPACING_MM)
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert calcium_centre_lps_mm(scan) == pytest.approx(CALCIUM_CENTRE_LPS_MM)
    assert scan.flags == ()


def test_acquisition_holds_clean_values_and_no_name(read: Read) -> None:
    series = good_series()
    for d in series:
        set_text(d, "Manufacturer", "Bo\x1b[31mx" + "y" * 80)
    acquisition = read(series).acquisition
    assert acquisition.study_date == dt.date(2020, 4, 11)
    assert (acquisition.age_years, acquisition.sex, acquisition.kvp) == (13.0, "F", 120.0)
    assert acquisition.manufacturer == ("Bo[31mx" + "y" * 80)[:64]
    assert acquisition.contrast_agent is None
    assert "P-1" not in repr(acquisition)
    assert "Paula" not in repr(acquisition)


@pytest.mark.parametrize(
    ("age", "birth", "study", "expected_years"),
    [
        ("018M", "", "20200411", 1.5),
        ("13", "20070411", "20200411", 13.0),
        ("", "20070411", "20200411", 13.0),
        ("", "", "20200411", None),
        ("abc", "20070411", "20201341", None),
        ("", "20210411", "20200411", None),
    ],
)
def test_age_is_the_valid_one_or_counted_from_the_dates(
    read: Read, age: str, birth: str, study: str, expected_years: float | None
) -> None:
    series = good_series()
    for d in series:
        for keyword, text in (("PatientAge", age), ("PatientBirthDate", birth), ("StudyDate", study)):
            set_text(d, keyword, text)
    found = read(series).acquisition.age_years
    assert found == (None if expected_years is None else pytest.approx(expected_years, abs=0.01))


def dosed(*doses_mgy: float) -> list[Dataset]:
    """A good series of which the slices state these doses, in turn."""
    series = good_series()
    for n, d in enumerate(series):
        d.CTDIvol = doses_mgy[n % len(doses_mgy)]
    return series


def test_dose_is_the_mean_of_what_the_slices_state(tmp_path: Path) -> None:
    scan, usual = (
        read_scan(write_series(series, tmp_path / name))
        for name, series in (("dosed", dosed(3.0, 6.0)), ("usual", good_series()))
    )
    assert scan.acquisition.ctdi_vol_mgy == pytest.approx(4.5)  # twelve slices
    assert usual.acquisition.ctdi_vol_mgy is None
    assert scan.acquisition.input_sha256 == usual.acquisition.input_sha256


@pytest.mark.parametrize("dose_mgy", [0.0, -1.0, float("nan"), float("inf")])
def test_dose_that_cannot_be_is_unknown(dose_mgy: float, read: Read) -> None:
    assert read(dosed(4.0, dose_mgy)).acquisition.ctdi_vol_mgy is None


def test_hash_depends_on_the_voxels_and_not_on_the_files(tmp_path: Path) -> None:
    series = good_series()
    first = read_scan(write_series(series, tmp_path / "a")).acquisition.input_sha256
    random.Random(1).shuffle(series)
    again = read_scan(write_series(series, tmp_path / "b")).acquisition.input_sha256
    series[0].PixelData = series[0].PixelData[:-2] + b"\x01\x00"
    changed = read_scan(write_series(series, tmp_path / "c")).acquisition.input_sha256
    assert first == again != changed


def test_zip_and_nested_folders_read_like_a_folder(tmp_path: Path) -> None:
    write_series(good_series()[:6], tmp_path / "cd" / "a" / "b")
    write_series(good_series()[6:], tmp_path / "cd" / "c")
    with zipfile.ZipFile(tmp_path / "cd.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((tmp_path / "cd").rglob("im*")):
            archive.write(file, file.relative_to(tmp_path))
    for source in (tmp_path / "cd", tmp_path / "cd.zip"):
        assert np.array_equal(read_scan(source).volume.hu, box_hu())


def test_patient_key_needs_the_salt_and_is_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_series(good_series(), tmp_path / "series")
    first, again = (read_scan(folder).acquisition for _ in range(2))
    monkeypatch.setenv("CALCINOSIS_CONFIG_DIR", str(tmp_path / "other"))
    elsewhere = read_scan(folder).acquisition
    assert first.patient_key == again.patient_key != elsewhere.patient_key
    assert first.patient_key is not None
    assert len(first.patient_key) == 16
    assert first.birth_key not in (None, first.patient_key)
    assert (tmp_path / "other" / "salt").stat().st_mode & 0o777 == 0o600


def test_no_key_where_the_salt_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CALCINOSIS_CONFIG_DIR", str(blocked / "below"))
    acquisition = read_scan(write_series(good_series(), tmp_path / "series")).acquisition
    assert acquisition.patient_key is None
    assert acquisition.birth_key is None


@pytest.mark.skipif(not REAL_CT.is_dir(), reason="the real scans are not beside the project")
@pytest.mark.parametrize("folder", sorted(REAL_CT.glob("STS_*")), ids=lambda path: path.name)
def test_real_scans_are_read_without_a_serious_flag(folder: Path) -> None:
    scan = read_scan(folder)
    assert scan.volume.hu.dtype == np.int16
    assert scan.volume.geometry.spacing_mm == pytest.approx((3.27, 0.976562, 0.976562), abs=1e-6)
    assert scan.volume.geometry.directions == pytest.approx(np.fliplr(np.eye(3)))
    assert scan.acquisition.age_years is None  # PatientAge is malformed or absent in all of them
    assert scan.flags == ()


@pytest.mark.skipif(not REAL_CT.is_dir(), reason="the real scans are not beside the project")
def test_real_scan_agrees_with_simpleitk() -> None:
    folder = str(REAL_CT / "STS_013")  # feet first
    itk: Any = sitk
    image = itk.ReadImage(itk.ImageSeriesReader.GetGDCMSeriesFileNames(folder))
    volume = read_scan(Path(folder)).volume
    assert np.array_equal(volume.hu, sitk.GetArrayFromImage(image))
    corner = image.TransformIndexToPhysicalPoint([3, 2, 1])
    assert volume.geometry.to_lps_mm([1, 2, 3]) == pytest.approx(corner, abs=1e-3)


def test_unknown_series_uid_is_refused_and_lists_what_there_is(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "series")
    with pytest.raises(InputRefused, match=r"12 slices of 3\.0 mm") as caught:
        read_scan(folder, series_uid="1.2.3")
    assert caught.value.code == "SERIES_NOT_FOUND"
