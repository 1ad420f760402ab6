"""A written series is valid DICOM, reads back as it was, and is the same on every run."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.dicom.ct_write import CTHeader, age_string, uids_from, write_ct_series
from pipeline.dicom.read import read_scan
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.errors import GeometryError, OutputError
from tests.series import ORIGIN_LPS_MM, SHAPE, SPACING_MM, box_hu

HEADER = CTHeader(
    "P-1",
    dt.date(2020, 4, 11),
    patient_name="Bôx^Paula",
    birth_date=dt.date(2007, 3, 5),
    sex="F",
    age_years=13.1,
    manufacturer="Box",
    kvp=120,
    kernel="B30f",
    description="box",
)
DCIODVFY = shutil.which("dciodvfy")


def box_volume() -> CTVolume:
    grid = Geometry.from_spacing(SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=ORIGIN_LPS_MM)
    return CTVolume(box_hu(), grid)


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("compress", [True, False])
def test_series_is_read_back_as_it_was(tmp_path: Path, compress: bool) -> None:
    volume = box_volume()
    write_ct_series(volume, HEADER, tmp_path / "s", make_uid=uids_from("a"), compress=compress)
    scan = read_scan(tmp_path / "s")
    assert np.array_equal(scan.volume.hu, volume.hu)
    assert scan.volume.geometry.is_close(volume.geometry)
    acquisition = scan.acquisition
    assert (acquisition.kvp, acquisition.kernel, acquisition.sex) == (120.0, "B30f", "F")
    assert (acquisition.age_years, acquisition.study_date) == (13.0, dt.date(2020, 4, 11))
    assert scan.flags == ()


@pytest.mark.parametrize("compress", [True, False])
def test_same_seed_gives_the_same_bytes(tmp_path: Path, compress: bool) -> None:
    for run in ("a", "b"):
        write_ct_series(box_volume(), HEADER, tmp_path / run, make_uid=uids_from("seed"), compress=compress)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_other_uids(tmp_path: Path) -> None:
    for seed in ("a", "b"):
        write_ct_series(box_volume(), HEADER, tmp_path / seed, make_uid=uids_from(seed))
    one, other = (read_scan(tmp_path / seed).acquisition for seed in ("a", "b"))
    assert one.series_instance_uid != other.series_instance_uid
    assert one.input_sha256 == other.input_sha256


def test_hu_beyond_twelve_bits_are_held_at_the_ends(tmp_path: Path) -> None:
    hu = box_hu().astype(np.float32) + 0.4
    hu[5, 12, 27], hu[0, 0, 0] = 5000, -2000
    write_ct_series(CTVolume(hu, box_volume().geometry), HEADER, tmp_path / "s", make_uid=uids_from("a"))
    found = read_scan(tmp_path / "s").volume.hu
    assert (found.max(), found.min()) == (3071, -1024)
    assert np.count_nonzero(found != box_hu()) == 2


def test_oblique_axial_volume_keeps_its_place(tmp_path: Path) -> None:
    angle = np.deg2rad(12.0)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.fliplr(np.diag(SPACING_MM[::-1]))
    affine[:3, 3] = (1 / 3, -200.123456789, -1234.56789)
    volume = CTVolume(box_hu(), Geometry(SHAPE, affine))
    write_ct_series(volume, HEADER, tmp_path / "s", make_uid=uids_from("a"))
    scan = read_scan(tmp_path / "s")
    assert scan.volume.geometry.is_close(volume.geometry)
    assert np.array_equal(scan.volume.hu, volume.hu)


def test_volume_that_is_not_axial_is_refused(tmp_path: Path) -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])  # k along x
    with pytest.raises(GeometryError):
        write_ct_series(
            CTVolume(box_hu(), Geometry(SHAPE, affine)), HEADER, tmp_path, make_uid=uids_from("a")
        )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_ct_series(box_volume(), HEADER, tmp_path, make_uid=uids_from("a"))
    before = digests(tmp_path)
    with pytest.raises(OutputError):
        write_ct_series(box_volume(), HEADER, tmp_path, make_uid=uids_from("b"))
    assert digests(tmp_path) == before


def test_unwritable_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_ct_series(box_volume(), HEADER, tmp_path / "file" / "s", make_uid=uids_from("a"))


@pytest.mark.parametrize(
    ("years", "text"), [(13.9, "013Y"), (2.0, "002Y"), (1.5, "018M"), (0.05, "018D"), (101.0, "101Y")]
)
def test_age_is_written_in_the_unit_of_its_size(years: float, text: str) -> None:
    assert age_string(years) == text


@pytest.mark.skipif(DCIODVFY is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("agent", ["", "Iohexol"])
def test_dciodvfy_finds_nothing(tmp_path: Path, compress: bool, agent: str) -> None:
    header = CTHeader("P-1", dt.date(2020, 4, 11), kvp=120, contrast_agent=agent)
    write_ct_series(box_volume(), header, tmp_path, make_uid=uids_from("a"), compress=compress)
    result = subprocess.run(
        [str(DCIODVFY), "-new", str(tmp_path / "slice_0001.dcm")], capture_output=True, text=True, check=False
    )
    assert [line for line in result.stderr.splitlines() if line.startswith(("Error", "Warning"))] == []
