"""Noise, coverage, flags and what could have been seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import MimicSettings
from pipeline.domain.analysis import Coverage, Threshold
from pipeline.domain.image import LabelMap, Mask
from pipeline.errors import InputRefused
from pipeline.steps.noise import local_noise
from pipeline.steps.quality import describe_coverage, detection_limit_mm3, quality_flags, require_body
from pipeline.steps.smooth import smooth_volume
from tests.builders import a_scan, add_noise, centred_grid, ct, cylinder, whole

GRID = centred_grid((16, 96, 96))
COVERAGE = Coverage((-16, 16), ("sacrum",), (), False)


@pytest.mark.parametrize("tissue_hu", [-100.0, 0.0, 60.0])
@pytest.mark.parametrize("sd_hu", [5.0, 10.0, 20.0, 30.0])
def test_noise_is_the_standard_deviation_put_in(tissue_hu: float, sd_hu: float) -> None:
    volume = ct(add_noise(np.full(GRID.shape, tissue_hu), sd_hu), GRID)
    noise = local_noise(volume, whole(GRID)).block_hu
    # medians of whole HU come in steps of 1.05; blocks of 2000 pairs spread by 3 %
    assert float(np.median(noise)) == pytest.approx(sd_hu, rel=0.10)


def test_edges_of_organs_are_not_noise() -> None:
    hu = np.full(GRID.shape, 60.0)
    hu[:, :, 48:] = -100.0
    noise = local_noise(ct(add_noise(hu, 10.0), GRID), whole(GRID)).block_hu
    assert float(np.median(noise)) == pytest.approx(10.0, rel=0.10)


def _thigh() -> NDArray[np.float64]:
    """Muscle; in its left half planes of fat that run along the body: 3 mm of every 7, both ways."""
    _, j, i = np.indices(GRID.shape)
    return np.where((i >= 48) & (((j % 7) < 3) | ((i % 7) < 3)), -100.0, 60.0)


def test_fat_between_muscles_is_not_noise() -> None:
    noise = local_noise(ct(add_noise(_thigh(), 15.0), GRID), whole(GRID), 2.0).block_hu
    assert float(np.median(noise[:, :, :3])) == pytest.approx(15.0, rel=0.10)
    assert float(np.median(noise[:, :, 3:])) == pytest.approx(15.0, rel=0.10)


def test_slices_that_overlap_share_their_noise_and_are_not_held_against_each_other() -> None:
    hu = np.repeat(add_noise(np.full((8, 96, 96), 60.0), 20.0), 2, axis=0)  # every slice twice
    told = local_noise(ct(hu, GRID), whole(GRID), 4.0).block_hu
    assert float(np.median(told)) == pytest.approx(20.0, rel=0.10)


def test_slices_that_are_copies_do_not_tell_the_noise_away() -> None:
    hu = np.repeat(add_noise(np.full((1, 96, 96), 60.0), 20.0), 16, axis=0)
    assert float(np.median(local_noise(ct(hu, GRID), whole(GRID)).block_hu)) == pytest.approx(20.0, rel=0.15)


def test_one_slice_tells_its_noise_alone() -> None:
    grid = centred_grid((1, 96, 96))
    noise = local_noise(ct(add_noise(np.full(grid.shape, 60.0), 20.0), grid), whole(grid)).block_hu
    assert float(np.median(noise)) == pytest.approx(20.0, rel=0.15)


def test_noise_is_told_place_by_place() -> None:
    left = np.arange(96) >= 48
    hu = 60.0 + np.random.default_rng(0).normal(0, 1, GRID.shape) * np.where(left, 25.0, 8.0)
    local = local_noise(ct(hu, GRID), whole(GRID))
    noise = local.block_hu
    assert local.steps == (8, 16, 16)
    assert np.median(noise[:, :, :3]) == pytest.approx(8.0, rel=0.10)
    assert np.median(noise[:, :, 3:]) == pytest.approx(25.0, rel=0.10)


def test_noise_without_soft_tissue_is_unknown() -> None:
    noise = local_noise(ct(np.full(GRID.shape, 1200.0), GRID), whole(GRID))
    assert np.isnan(noise.block_hu).all()
    assert noise.median_hu is None


def test_smoothing_keeps_the_mean_and_never_mixes_thick_slices() -> None:
    grid = centred_grid((9, 9, 9), (5.0, 0.5, 0.5))
    hu = np.zeros(grid.shape)
    hu[4] = 1000.0
    smooth = smooth_volume(ct(hu, grid), sigma_mm=0.4).hu
    # a Gaussian of 0.08 voxels is a single weight
    assert (smooth[4] == 1000).all()
    assert (smooth[3] == 0).all()


def test_a_scan_of_air_is_refused() -> None:
    with pytest.raises(InputRefused) as caught:
        require_body(Mask(np.zeros(GRID.shape, dtype=bool), GRID))
    assert caught.value.code == "EMPTY_SCAN"


def bone(*, cut: bool) -> LabelMap:
    values = np.zeros(GRID.shape, np.uint8)
    values[0 if cut else 4 : 12, 40:50, 40:50] = 1
    return LabelMap(values, GRID, {1: "other_bone"})


def disc(radius_mm: float) -> Mask:
    return Mask(cylinder(GRID, 0, 0, radius_mm) < 0, GRID)


def test_coverage_says_how_far_the_scan_reaches_and_what_it_cuts() -> None:
    coverage = describe_coverage(disc(40.0), bone(cut=True))
    assert coverage.z_range_mm == pytest.approx((-16, 16))
    assert coverage.bones_cut == ("other_bone",)
    assert not coverage.in_plane_truncated
    whole = describe_coverage(disc(40.0), bone(cut=False))
    assert (whole.bones_cut, whole.bones_complete) == ((), ("other_bone",))


def test_a_body_wider_than_the_picture_is_truncated() -> None:
    assert describe_coverage(disc(52.0), bone(cut=False)).in_plane_truncated


def test_a_good_scan_has_no_flags() -> None:
    assert quality_flags(a_scan(np.zeros(GRID.shape), GRID), COVERAGE, 8.0) == ()


def test_each_doubt_has_its_flag() -> None:
    thick = centred_grid((4, 8, 8), (5.0, 1.0, 1.0))
    flags = quality_flags(
        a_scan(np.zeros(thick.shape), thick), Coverage((-16, 16), (), ("other_bone",), False), None
    )
    assert [flag.code for flag in flags] == ["THICK_SLICE", "ANATOMY_UNKNOWN", "NOISE_UNKNOWN"]
    truncated = Coverage((-16, 16), ("sacrum",), (), True)
    (flag,) = quality_flags(a_scan(np.zeros(GRID.shape), GRID), truncated, 8.0)
    assert flag.code == "IN_PLANE_TRUNCATED"


def limit(
    spacing_mm: tuple[float, float, float], noise_hu: float | None, *, seed_hu: float = 220
) -> float | None:
    grid = centred_grid((4, 4, 4), spacing_mm)
    threshold = Threshold(seed_hu, 180, "")
    return detection_limit_mm3(grid, threshold, noise_hu, noise_factor=5.0, settings=MimicSettings())


def test_the_detection_limit_rises_with_slice_thickness_noise_and_threshold() -> None:
    thin, thick = limit((3.0, 0.8, 0.8), 10.0), limit((6.0, 0.8, 0.8), 10.0)
    loud, high = limit((6.0, 0.8, 0.8), 40.0), limit((6.0, 0.8, 0.8), 10.0, seed_hu=280)
    assert thin is not None
    assert thick is not None
    assert loud is not None
    assert high is not None
    assert thin < thick < loud
    assert thick < high


def test_the_detection_limit_is_never_below_the_smallest_lesion() -> None:
    assert limit((0.5, 0.3, 0.3), 1.0) == MimicSettings().smallest_lesion_mm3


def test_where_a_faint_deposit_is_never_seen_there_is_no_limit() -> None:
    assert limit((3.0, 0.8, 0.8), None) is None
    assert limit((3.0, 0.8, 0.8), 60.0) is None  # 60 + 5 * 60 HU is more than the 300 of the deposit


def test_on_coarse_pixels_borders_count_as_noise() -> None:
    grid = centred_grid((16, 96, 96), (3.0, 3.0, 3.0))
    noise = local_noise(ct(add_noise(_thigh(), 15.0), grid), whole(grid), 3.0)
    assert (noise.block_hu == noise.within_hu).all()
