"""What must not change a volume does not, for any box of calcium: truth is its count of voxels."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pipeline.dicom.read import read_scan
from pipeline.domain.scan import Scan
from tests.fuzz.corpus import WRITERS
from tests.series import (
    CALCIUM_HU,
    SHAPE,
    SPACING_MM,
    box_hu,
    calcium_mm3,
    good_series,
    set_stored,
    stored,
    write_series,
)

FEW = settings(max_examples=15)
LOSSLESS = sorted(name for name in WRITERS if not name.startswith("htj2k"))  # those hold one picture only


@st.composite
def boxes(draw: st.DrawFn) -> tuple[slice, ...]:
    """A box of calcium inside the muscle."""
    low, high = (0, 8, 9), (SHAPE[0], 24, 31)
    starts = [draw(st.integers(a, b - 1)) for a, b in zip(low, high, strict=True)]
    return tuple(slice(a, draw(st.integers(a + 1, b))) for a, b in zip(starts, high, strict=True))


def series_with(box: tuple[slice, ...]) -> list[Dataset]:
    """The good series with its calcium elsewhere."""
    hu = box_hu()
    hu[hu == CALCIUM_HU] = 50
    hu[box] = CALCIUM_HU
    series = good_series()
    for d, frame in zip(series, hu, strict=True):
        set_stored(d, (frame + 1024).astype(np.uint16))
    return series


def volume_mm3(box: tuple[slice, ...], scale: float = 1.0) -> float:
    """Volume of the box by counting."""
    return float(np.prod([s.stop - s.start for s in box]) * np.prod(SPACING_MM) * scale**3)


def read(series: Sequence[Dataset]) -> Scan:
    with tempfile.TemporaryDirectory() as folder:
        return read_scan(write_series(series, Path(folder) / "s"))


Turn = Callable[[NDArray[np.uint16]], NDArray[np.uint16]]


def turned(series: list[Dataset], *, flip_rows: bool, flip_columns: bool, quarter: bool) -> list[Dataset]:
    """The same patient in the same place, the pictures stored flipped or turned by 90 degrees."""
    for d in series:
        pixels, corner = stored(d), np.array(d.ImagePositionPatient, dtype=float)
        row, column = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        down_mm, across_mm = (float(v) for v in d.PixelSpacing)
        if flip_rows:
            corner, row, pixels = corner + row * across_mm * (pixels.shape[1] - 1), -row, pixels[:, ::-1]
        if flip_columns:
            corner, column, pixels = corner + column * down_mm * (pixels.shape[0] - 1), -column, pixels[::-1]
        if quarter:
            row, column, pixels, down_mm, across_mm = column, row, pixels.T, across_mm, down_mm
        set_stored(d, np.ascontiguousarray(pixels))
        d.Rows, d.Columns = pixels.shape
        d.PixelSpacing, d.ImagePositionPatient = [down_mm, across_mm], corner.tolist()
        d.ImageOrientationPatient, d.PatientPosition = [*row.tolist(), *column.tolist()], ""
    return series


@FEW
@given(boxes(), st.randoms(use_true_random=False))
def test_order_of_files_changes_nothing(box: tuple[slice, ...], rng: random.Random) -> None:
    series = series_with(box)
    rng.shuffle(series)
    assert calcium_mm3(read(series)) == pytest.approx(volume_mm3(box))


@FEW
@given(boxes(), st.booleans(), st.booleans(), st.booleans())
def test_flips_and_quarter_turns_change_nothing(
    box: tuple[slice, ...], flip_rows: bool, flip_columns: bool, quarter: bool
) -> None:
    plain = read(series_with(box))
    scan = read(turned(series_with(box), flip_rows=flip_rows, flip_columns=flip_columns, quarter=quarter))
    assert np.array_equal(scan.volume.hu, plain.volume.hu)
    assert scan.volume.geometry.is_close(plain.volume.geometry)
    assert calcium_mm3(scan) == pytest.approx(volume_mm3(box))


@FEW
@given(boxes(), st.tuples(*[st.integers(-50, 50)] * 3))
def test_whole_voxel_shifts_move_the_place_and_nothing_else(
    box: tuple[slice, ...], steps: tuple[int, int, int]
) -> None:
    k_mm, j_mm, i_mm = SPACING_MM
    moved_mm = np.array([steps[0] * i_mm, steps[1] * j_mm, steps[2] * k_mm])
    series = series_with(box)
    for d in series:
        d.ImagePositionPatient = (np.array(d.ImagePositionPatient, dtype=float) + moved_mm).tolist()
    plain, scan = read(series_with(box)), read(series)
    assert calcium_mm3(scan) == pytest.approx(volume_mm3(box))
    assert scan.volume.geometry.affine[:3, 3] - plain.volume.geometry.affine[:3, 3] == pytest.approx(moved_mm)


@FEW
@given(boxes(), st.sampled_from(LOSSLESS))
def test_lossless_recompression_changes_nothing(box: tuple[slice, ...], syntax: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n, d in enumerate(series_with(box)):
            WRITERS[syntax](d, Path(folder) / f"im{n:03d}")
        scan = read_scan(Path(folder))
    assert calcium_mm3(scan) == pytest.approx(volume_mm3(box))
    assert np.array_equal(scan.volume.hu, read(series_with(box)).volume.hu)


@FEW
@given(boxes(), st.floats(0.2, 5.0))
def test_volume_goes_with_the_cube_of_the_spacing(box: tuple[slice, ...], scale: float) -> None:
    series = series_with(box)
    for n, d in enumerate(series):
        d.PixelSpacing = [f"{v * scale:.9f}"[:16] for v in SPACING_MM[1:]]
        d.ImagePositionPatient = ["-20", "-12", f"{n * SPACING_MM[0] * scale:.9f}"[:16]]
        d.SliceThickness = d.SpacingBetweenSlices = f"{SPACING_MM[0] * scale:.9f}"[:16]
    assert calcium_mm3(read(series)) == pytest.approx(volume_mm3(box, scale), rel=1e-6)


@FEW
@given(boxes(), st.sampled_from(["", "ANON", "0000"]))
def test_anonymisation_changes_nothing(box: tuple[slice, ...], name: str) -> None:
    series = series_with(box)
    for d in series:
        d.PatientName = d.PatientID = name
        d.PatientBirthDate = d.PatientSex = ""
        for keyword in ("PatientAge", "Manufacturer", "StudyDate", "FrameOfReferenceUID"):
            delattr(d, keyword)
    scan = read(series)
    assert calcium_mm3(scan) == pytest.approx(volume_mm3(box))
    assert scan.flags == ()
