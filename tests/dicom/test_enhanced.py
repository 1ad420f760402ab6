"""Enhanced multi-frame CT: each frame by its own position, rescale and spacing, in any order."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.fuzz.multiframe import enhanced, write
from tests.series import CALCIUM_MM3, box_hu, calcium_mm3, flag_codes, good_series, stored


@pytest.mark.parametrize("compress", [False, True])
def test_shuffled_frames_are_put_in_order_by_position(tmp_path: Path, compress: bool) -> None:
    series = good_series()
    random.Random(5).shuffle(series)
    scan = read_scan(write(enhanced(series, compress=compress), tmp_path))
    assert np.array_equal(scan.volume.hu, box_hu())
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert (scan.acquisition.kvp, scan.acquisition.kernel) == (120.0, "B30f")
    assert scan.flags == ()


def test_rescale_of_each_frame_is_its_own(tmp_path: Path) -> None:
    series = good_series()
    for n, d in enumerate(series):
        d.PixelData = (stored(d) + n).tobytes()
        d.RescaleIntercept = str(-1024 - n)
    assert np.array_equal(read_scan(write(enhanced(series), tmp_path)).volume.hu, box_hu())


def test_dose_stands_in_the_exposure_of_the_frames(tmp_path: Path) -> None:
    """PS3.3 C.8.15.3.8: CT Exposure Sequence, of all frames or of each."""
    shared, own = enhanced(good_series()), enhanced(good_series())
    shared.SharedFunctionalGroupsSequence[0].CTExposureSequence = exposure(4.2)
    for n, groups in enumerate(own.PerFrameFunctionalGroupsSequence):
        groups.CTExposureSequence = exposure(3.0 + 2.0 * (n % 2))
    found = [read_scan(write(d, tmp_path / name)) for d, name in ((shared, "shared"), (own, "own"))]
    assert [one.acquisition.ctdi_vol_mgy for one in found] == pytest.approx([4.2, 4.0])


def exposure(dose_mgy: float) -> Items:
    item = Dataset()
    item.CTDIvol = dose_mgy
    return Items([item])


def refused(dataset: Dataset, folder: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_scan(write(dataset, folder))
    return caught.value.code


def test_missing_frame_is_refused(tmp_path: Path) -> None:
    series = good_series()
    del series[6]
    assert refused(enhanced(series), tmp_path) == "MISSING_SLICES"


def test_frame_without_position_is_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    del d.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    assert refused(d, tmp_path) == "BAD_GEOMETRY"


def test_missing_rescale_is_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    del d.PerFrameFunctionalGroupsSequence[3].PixelValueTransformationSequence
    assert refused(d, tmp_path) == "NO_RESCALE"


@pytest.mark.parametrize("compress", [False, True])
def test_fewer_frames_than_named_are_refused(tmp_path: Path, compress: bool) -> None:
    series = good_series()
    d = enhanced(series, compress=compress)
    short = enhanced(good_series()[:-1], compress=compress)
    d.PixelData = short.PixelData
    assert refused(d, tmp_path) == "TRUNCATED"


def test_two_phases_in_one_file_are_refused(tmp_path: Path) -> None:
    series = good_series()
    phase = good_series()
    for d in phase:
        d.PixelData = (stored(d) + 7).tobytes()
    assert refused(enhanced([*series, *phase]), tmp_path) == "AMBIGUOUS_SERIES"


def test_damaged_files_are_named_where_there_is_nothing_else(tmp_path: Path) -> None:
    dataset = enhanced(good_series())
    dataset.NumberOfFrames = 11
    with pytest.raises(InputRefused, match="1 of them damaged"):
        read_scan(write(dataset, tmp_path))


def test_projection_frames_are_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    for one in d.PerFrameFunctionalGroupsSequence:
        one.CTImageFrameTypeSequence[0].FrameType = ["DERIVED", "PRIMARY", "VOLUME", "MAX_IP"]
    assert refused(d, tmp_path) == "NOT_PRIMARY"


def test_groups_of_other_number_than_frames_are_listed_as_damaged(tmp_path: Path) -> None:
    d = enhanced(good_series())
    d.NumberOfFrames = 11
    assert refused(d, tmp_path) == "NO_CT"
    assert flag_codes(read_scan(write(enhanced(good_series()), tmp_path))) == set()
