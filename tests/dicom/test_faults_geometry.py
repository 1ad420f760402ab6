"""Rows 1 to 18 of the fault list: where the slices lie."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import (
    CALCIUM_CENTRE_LPS_MM,
    CALCIUM_MM3,
    ORIGIN_LPS_MM,
    Read,
    Refuse,
    box_hu,
    calcium_centre_lps_mm,
    calcium_mm3,
    dup,
    flag_codes,
    good_series,
    set_stored,
    set_text,
    stored,
    write_series,
)

BAD_GEOMETRY = Path(__file__).parents[2].parent / "shared" / "data" / "bad_geometry" / "failing"
Break = Callable[[list[Dataset]], None]


def shift(dataset: Dataset, **mm: float) -> None:
    """Move a slice along x, y or z."""
    position = [float(v) for v in dataset.ImagePositionPatient]
    dataset.ImagePositionPatient = [v + mm.get(axis, 0.0) for v, axis in zip(position, "xyz", strict=True)]


def set_all(keyword: str, value: object) -> Break:
    """Give all slices a value."""

    def change(series: list[Dataset]) -> None:
        for d in series:
            setattr(d, keyword, value)

    return change


def set_one(keyword: str, value: object) -> Break:
    """Give one slice a value."""
    return lambda series: setattr(series[9], keyword, value)


def delete_all(keyword: str) -> Break:
    """Take an element from all slices."""

    def change(series: list[Dataset]) -> None:
        for d in series:
            delattr(d, keyword)

    return change


def delete_one(keyword: str) -> Break:
    """Take an element from one slice."""
    return lambda series: delattr(series[9], keyword)


def spread(series: list[Dataset]) -> None:
    """Let the gaps grow by 2 % of the spacing each."""
    for n, d in enumerate(series):
        shift(d, z=0.06 * n * (n - 1) / 2)


def remove_middle(series: list[Dataset]) -> None:
    del series[9:11]


def add_other_pixels_at_one_position(series: list[Dataset]) -> None:
    copy = dup(series[9])
    set_stored(copy, stored(copy) + 5)
    series.append(copy)


def change_pixels_under_one_uid(series: list[Dataset]) -> None:
    copy = deepcopy(series[9])
    set_stored(copy, stored(copy) + 5)
    series.append(copy)


def keep_one(series: list[Dataset]) -> None:
    del series[1:]


REFUSED: list[tuple[str, Break, str]] = [
    ("01_missing_slices", remove_middle, "MISSING_SLICES"),
    ("04_other_pixels_at_one_position", add_other_pixels_at_one_position, "DUPLICATE_POSITION"),
    ("06_one_uid_two_contents", change_pixels_under_one_uid, "UID_CONFLICT"),
    ("09_tilt", set_all("ImageOrientationPatient", [1, 0, 0, 0, 0.9397, -0.342]), "GANTRY_TILT"),
    ("09_tilt_named_but_not_shown", set_all("GantryDetectorTilt", "15"), "GANTRY_TILT"),
    ("10_uneven_spacing", spread, "UNEVEN_SPACING"),
    ("13_no_position", delete_one("ImagePositionPatient"), "BAD_GEOMETRY"),
    ("13_no_orientation", delete_all("ImageOrientationPatient"), "BAD_GEOMETRY"),
    ("13_position_nan", lambda s: set_text(s[9], "ImagePositionPatient", "-20\\NaN\\-473"), "BAD_GEOMETRY"),
    ("13_orientation_not_unit", set_all("ImageOrientationPatient", [1, 0, 0, 0, 0.9, 0]), "BAD_GEOMETRY"),
    (
        "13_orientation_not_orthogonal",
        set_all("ImageOrientationPatient", [1, 0, 0, 0.6, 0.8, 0]),
        "BAD_GEOMETRY",
    ),
    ("13_one_slice_shifted_sideways", lambda s: shift(s[5], x=3.0), "BAD_GEOMETRY"),
    ("16_one_slice", keep_one, "NOT_A_VOLUME"),
    ("17_pixel_spacing", set_one("PixelSpacing", [0.76, 1.0]), "MIXED_SERIES"),
    ("17_frame_of_reference", set_one("FrameOfReferenceUID", "1.2.3"), "MIXED_SERIES"),
    ("18_spacing_zero", set_all("PixelSpacing", [0.0, 1.0]), "BAD_GEOMETRY"),
    ("18_spacing_negative", set_one("PixelSpacing", [-0.75, 1.0]), "BAD_GEOMETRY"),
    ("18_spacing_absurd", set_all("PixelSpacing", [127.0, 1.0]), "BAD_GEOMETRY"),
    ("18_spacing_single", set_all("PixelSpacing", 0.75), "BAD_GEOMETRY"),
]


@pytest.mark.parametrize(("change", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_fault_is_refused(refuse: Refuse, change: Break, code: str) -> None:
    series = good_series()
    change(series)
    assert refuse(series) == code


def test_fault_17_another_matrix_is_refused(refuse: Refuse) -> None:
    series = good_series()
    set_stored(series[9], stored(series[9])[:30])
    series[9].Rows = 30
    assert refuse(series) == "MIXED_SERIES"


def test_fault_02_every_second_slice_lost_is_flagged(read: Read) -> None:
    scan = read(good_series()[::2])
    assert {f.severity for f in scan.flags if f.code == "COVERAGE_GAP"} == {"serious"}


def test_fault_03_missing_end_shortens_the_extent(read: Read) -> None:
    scan = read(good_series()[:-4])
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert scan.volume.geometry.bounds_lps_mm()[:, 2] == pytest.approx(
        [ORIGIN_LPS_MM[2] - 1.5, ORIGIN_LPS_MM[2] + 22.5]
    )


def test_fault_04_equal_pixels_at_one_position_are_mended(read: Read) -> None:
    series = good_series()
    scan = read([*series, dup(series[9])])
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"REPEATED_SLICES"}


def test_fault_05_same_file_twice_is_mended(read: Read) -> None:
    scan = read([*good_series(), *good_series()[3:5]])
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"REPEATED_FILES"}


def second_phase(series: Sequence[Dataset], number: int | None) -> list[Dataset]:
    """The same slices a little brighter, as another acquisition or without saying so."""
    phase = [dup(d) for d in series]
    for d in phase:
        set_stored(d, stored(d) + 7)
        if number is not None:
            d.AcquisitionNumber = number
    return phase


@pytest.mark.parametrize("number", [2, None])
def test_fault_07_two_phases_in_one_series_are_refused(refuse: Refuse, number: int | None) -> None:
    series = good_series()
    assert refuse(series + second_phase(series, number)) == "AMBIGUOUS_SERIES"


def test_fault_07_phases_half_a_slice_apart_are_not_interleaved(refuse: Refuse) -> None:
    series = good_series()
    phase = second_phase(series, 2)
    for d in phase:
        shift(d, z=1.5)
    assert refuse(series + phase) == "AMBIGUOUS_SERIES"


@pytest.mark.parametrize("keyword", ["ContentTime", "AcquisitionTime"])
def test_fault_07_interleaved_phases_are_told_by_their_times(refuse: Refuse, keyword: str) -> None:
    series = good_series()
    phase = second_phase(series, None)
    for d in phase:
        shift(d, z=1.5)
    for n, (d, later) in enumerate(zip(series, phase, strict=True)):
        setattr(d, keyword, f"1200{n:02d}")
        setattr(later, keyword, f"1201{n:02d}.5")
    assert refuse(series + phase) == "AMBIGUOUS_SERIES"


def test_times_that_rise_or_scatter_are_no_phases(read: Read) -> None:
    for times in (range(12), (3, 1, 2, 9, 8, 7, 10, 4, 5, 6, 0, 11), [5] * 12):
        series = good_series()
        for d, second in zip(series, times, strict=True):
            d.ContentTime = f"1200{second:02d}"
        assert np.array_equal(read(series).volume.hu, box_hu())


def test_fault_07_monitoring_slices_are_left_out(read: Read) -> None:
    series = good_series()
    scan = read(series + second_phase(series[4:6], 2))
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"ACQUISITIONS_SPLIT"}


def test_acquisitions_that_follow_each_other_are_one_volume(read: Read) -> None:
    series = good_series()
    for d in series[6:]:
        d.AcquisitionNumber = 2
    assert np.array_equal(read(series).volume.hu, box_hu())


def test_fault_11_jitter_is_accepted(read: Read) -> None:
    series = good_series()
    noise = random.Random(0)
    for d in series:
        shift(d, **{axis: noise.uniform(-0.01, 0.01) for axis in "xyz"})
    scan = read(series)
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3, rel=1e-3)  # 0.02 mm of 33 mm
    assert scan.flags == ()


def test_fault_12_overlap_and_a_wrong_spacing_tag_leave_the_positions_in_charge(read: Read) -> None:
    series = good_series()
    set_all("SliceThickness", "5")(series)
    set_all("SpacingBetweenSlices", "5")(series)
    scan = read(series)
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert flag_codes(scan) == {"OVERLAPPING_SLICES", "SPACING_TAG_WRONG"}


def turned(series: list[Dataset], *, rows: bool, columns: bool) -> list[Dataset]:
    """The same patient, stored with rows or columns running the other way."""
    for d in series:
        x, y, z = (float(v) for v in d.ImagePositionPatient)
        d.ImageOrientationPatient = [-1 if rows else 1, 0, 0, 0, -1 if columns else 1, 0]
        d.ImagePositionPatient = [x + 39.0 * rows, y + 31 * 0.75 * columns, z]
        set_stored(d, stored(d)[:: -1 if columns else 1, :: -1 if rows else 1])
    return series


def sideways(series: list[Dataset]) -> list[Dataset]:
    """Decubitus: rows of the file run along the patient's back-to-front."""
    for d in series:
        x, y, z = (float(v) for v in d.ImagePositionPatient)
        d.ImageOrientationPatient = [0, -1, 0, 1, 0, 0]
        d.ImagePositionPatient = [x, y + 31 * 0.75, z]
        d.PixelSpacing = [1.0, 0.75]
        set_stored(d, np.ascontiguousarray(stored(d)[::-1].T))
        d.Rows, d.Columns = d.Columns, d.Rows
        d.PatientPosition = "HFDL"
    return series


POSTURES: list[tuple[str, Callable[[list[Dataset]], list[Dataset]], str]] = [
    ("reverse", lambda s: s[::-1], "HFS"),
    ("feet_first", lambda s: turned(s, rows=True, columns=False), "FFS"),
    ("prone", lambda s: turned(s, rows=True, columns=True), "HFP"),
    ("feet_first_prone", lambda s: turned(s, rows=False, columns=True), "FFP"),
    ("decubitus", sideways, "HFDL"),
]


@pytest.mark.parametrize(("pose", "position"), [p[1:] for p in POSTURES], ids=[p[0] for p in POSTURES])
def test_fault_14_posture_and_direction_change_no_number_and_no_side(
    read: Read, pose: Callable[[list[Dataset]], list[Dataset]], position: str
) -> None:
    series = pose(good_series())
    set_all("PatientPosition", position)(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert calcium_centre_lps_mm(scan) == pytest.approx(CALCIUM_CENTRE_LPS_MM)
    assert scan.flags == ()


def test_fault_14_contradicting_patient_position_is_flagged(read: Read) -> None:
    series = good_series()
    set_all("PatientPosition", "HFP")(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"POSITION_CONTRADICTS"}


def test_coronal_slices_are_swapped_to_the_canonical_axes(read: Read) -> None:
    axial, coronal = box_hu(), []
    for j in range(axial.shape[1]):
        d = dup(good_series()[0])
        d.SOPInstanceUID = f"1.2.3.{j}"
        d.ImageType = ["ORIGINAL", "PRIMARY"]
        set_stored(d, np.ascontiguousarray(axial[::-1, j] + 1024).astype(np.uint16))
        d.Rows, d.Columns = axial.shape[0], axial.shape[2]
        d.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        d.PixelSpacing = [3.0, 1.0]
        d.ImagePositionPatient = [-20.0, -12.0 + 0.75 * j, -500.0 + 33.0]
        d.SliceThickness = d.SpacingBetweenSlices = "0.75"
        d.PatientPosition = ""
        coronal.append(d)
    scan = read(coronal)
    assert np.array_equal(scan.volume.hu, axial)
    assert calcium_centre_lps_mm(scan) == pytest.approx(CALCIUM_CENTRE_LPS_MM)


def test_fault_15_anisotropic_pixels_have_exact_extents(read: Read) -> None:
    scan = read(good_series())
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    low, high = scan.volume.geometry.bounds_lps_mm()
    assert high - low == pytest.approx([40 * 1.0, 32 * 0.75, 12 * 3.0])


@pytest.mark.skipif(not BAD_GEOMETRY.is_dir(), reason="the bad geometries are not beside the project")
@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("gantrytilting/001", "GANTRY_TILT"),
        ("notavolume/001", "DUPLICATE_POSITION"),
        ("sliceincrement/001", "MISSING_SLICES"),
        ("sliceincrement/002", "GANTRY_TILT"),
        ("slicecount/001", "NO_CT"),
        ("sliceorientation/001", "NO_CT"),
    ],
)
def test_collected_bad_geometries_are_refused(folder: str, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_scan(BAD_GEOMETRY / folder)
    assert caught.value.code == code


def test_written_series_is_read_in_any_order(tmp_path: Path) -> None:
    series = good_series()
    random.Random(3).shuffle(series)
    for n, d in enumerate(series):
        d.InstanceNumber = n
    assert np.array_equal(read_scan(write_series(series, tmp_path / "s")).volume.hu, box_hu())
