"""Calcium mass and Agatston score, by their definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.domain.lesion import Interval, VolumeEstimate
from pipeline.domain.scan import Acquisition
from pipeline.steps.calcium import agatston_applies, agatston_score, calcium_mass_mg
from pipeline.steps.volumes.measure import Scene
from pipeline.steps.volumes.optics import Blur
from pipeline.steps.voxels import Voxels
from tests.builders import boxed, centred_grid, ct

PLAIN = Acquisition(kvp=120.0, slice_thickness_mm=3.0)
LESION = VolumeEstimate(Interval(1000.0, 900.0, 1100.0), 0.05, 0.05, 0.0, unresolved=False, contrast_hu=500.0)


def test_mass_is_contrast_times_volume_times_the_calibration() -> None:
    assert calcium_mass_mg(LESION, 120.0) == pytest.approx(500.0 * 1.0 * 0.78)  # mg/cm³ per HU, in 1 cm³


def test_the_same_calcium_has_the_same_mass_at_another_voltage() -> None:
    """At 80 kVp it is 177 / 130 times as bright."""
    brighter = replace(LESION, contrast_hu=500.0 * 177 / 130)
    mass = calcium_mass_mg(LESION, 120.0)
    assert mass is not None
    assert calcium_mass_mg(brighter, 80.0) == pytest.approx(mass)


def test_without_a_voltage_there_is_no_mass() -> None:
    assert calcium_mass_mg(LESION, None) is None


def scene(volume: CTVolume, *masks: BoxedMask, bone: Voxels | None = None) -> Scene:
    labels = None if bone is None else bone.astype(np.uint8)
    return Scene(volume, labels, masks, Blur(0.6, 1.0, 0.05, from_scan=True), noise_hu=0.0)


def plates(peaks_hu: tuple[float, ...], slice_mm: float = 3.0, pixels: int = 10) -> Scene:
    """A square of pixels of 1 mm in each of some slices."""
    geometry = centred_grid((len(peaks_hu) + 2, 20, 20), (slice_mm, 1.0, 1.0))
    hu = np.full(geometry.shape, 40.0)
    for k, peak in enumerate(peaks_hu, start=1):
        hu[k, 5 : 5 + pixels, 5 : 5 + pixels] = peak
    return scene(ct(hu, geometry), boxed(hu > 129, geometry))


@pytest.mark.parametrize(
    ("peak_hu", "weight"), [(130, 1), (199, 1), (200, 2), (299, 2), (300, 3), (399, 3), (400, 4), (1200, 4)]
)
def test_each_slice_counts_its_area_by_the_weight_of_its_peak(peak_hu: float, weight: int) -> None:
    assert agatston_score(plates((peak_hu, peak_hu)), 0) == pytest.approx(2 * 100 * weight)


def test_slices_differ_in_weight_and_thin_ones_count_by_their_thickness() -> None:
    assert agatston_score(plates((250.0, 450.0), slice_mm=1.5), 0) == pytest.approx(100 * (2 + 4) / 2)


def test_a_spot_below_one_square_millimetre_does_not_count() -> None:
    geometry = centred_grid((3, 20, 20), (3.0, 0.5, 0.5))
    hu = np.full(geometry.shape, 40.0)
    hu[1, 5, 5:8] = 500.0  # 0.75 mm²
    hu[1, 12:14, 12:14] = 500.0  # 1 mm²
    assert agatston_score(scene(ct(hu, geometry), boxed(hu > 129, geometry)), 0) == pytest.approx(4.0)


def test_bone_and_other_lesions_that_touch_do_not_count() -> None:
    """Two squares of 5 × 5 mm side by side, bone before them, in one slice: one spot of 130 HU and more."""
    geometry = centred_grid((3, 20, 20), (3.0, 1.0, 1.0))
    left, right, bone = (np.zeros(geometry.shape, dtype=bool) for _ in range(3))
    left[1, 8:13, 4:9], right[1, 8:13, 9:14], bone[1, :8, :] = True, True, True
    hu = np.full(geometry.shape, 40.0)
    hu[left], hu[right], hu[bone] = 250.0, 350.0, 900.0
    around = scene(ct(hu, geometry), boxed(left, geometry), boxed(right, geometry), bone=bone)
    assert agatston_score(around, 0) == pytest.approx(25 * 2)
    assert agatston_score(around, 1) == pytest.approx(25 * 3)


def test_the_rim_of_an_outline_counts_and_what_lies_further_off_does_not() -> None:
    """A line of 1 mm through an outline of 5 mm, as long as the picture is wide."""
    geometry = centred_grid((3, 20, 20), (3.0, 1.0, 1.0))
    hu = np.full(geometry.shape, 40.0)
    hu[1, 10, :] = 250.0
    own = np.zeros(geometry.shape, dtype=bool)
    own[1, 10, 8:13] = True
    assert agatston_score(scene(ct(hu, geometry), boxed(own, geometry)), 0) == pytest.approx((5 + 2 * 2) * 2)


@pytest.mark.parametrize(
    ("other", "enhanced"),
    [
        (replace(PLAIN, kvp=100.0), False),
        (replace(PLAIN, kvp=None), False),
        (replace(PLAIN, slice_thickness_mm=5.0), False),
        (PLAIN, True),
    ],
    ids=["100 kVp", "unknown voltage", "thick slices", "contrast agent"],
)
def test_where_the_score_is_not_defined_there_is_none(other: Acquisition, enhanced: bool) -> None:
    assert agatston_applies(PLAIN, 3.0, enhanced=False)
    assert not agatston_applies(other, 3.0, enhanced=enhanced)
