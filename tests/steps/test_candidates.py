"""Bright voxels gathered into lesions: thresholds, edges, fragments."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from pipeline.config import CandidateSettings
from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.candidates import (
    TISSUE_HU,
    Bright,
    Specks,
    find_bright,
    gather_candidates,
    group_fragments,
)
from pipeline.steps.noise import local_noise
from pipeline.steps.skeleton import Skeleton
from tests.builders import (
    MUSCLE_HU,
    Values,
    add_noise,
    ball,
    blurred_ball,
    boxed,
    centred_grid,
    ct,
    no_bone,
    whole,
)

DEFAULTS = CandidateSettings()


def boneless(geometry: Geometry) -> Skeleton:
    nothing = np.zeros(geometry.shape, dtype=bool)
    return Skeleton(no_bone(geometry), nothing, nothing)


def bright_in(
    volume: CTVolume, skeleton: Skeleton, threshold: Threshold, settings: CandidateSettings
) -> Bright:
    body = whole(volume.geometry)
    return find_bright(volume, body, skeleton, local_noise(volume, body), threshold, settings)


def gather(
    hu: Values, geometry: Geometry, *, seed_hu: float = 220, edge_hu: float = 180, **changes: float
) -> tuple[Candidate, ...]:
    """Candidates of a picture without bone, not smoothed."""
    settings = CandidateSettings(seed_hu=seed_hu, edge_hu=edge_hu, **changes)
    threshold = Threshold(seed_hu, edge_hu, "test")
    volume = ct(hu, geometry)
    bright = bright_in(volume, boneless(geometry), threshold, settings)
    return gather_candidates(volume, bright, threshold, settings)[0]


def gather_all(
    hu: Values, geometry: Geometry, threshold: Threshold, **changes: float
) -> tuple[tuple[Candidate, ...], Specks]:
    """The same with a threshold of its own, and what was too small."""
    settings = CandidateSettings(**changes)
    volume = ct(hu, geometry)
    bright = bright_in(volume, boneless(geometry), threshold, settings)
    return gather_candidates(volume, bright, threshold, settings)


def muscle(shape: tuple[int, int, int], spacing_mm: Float3 = (1.0, 1.0, 1.0)) -> tuple[Values, Geometry]:
    return np.full(shape, MUSCLE_HU), centred_grid(shape, spacing_mm)


@pytest.mark.parametrize("peak_hu", [400.0, 800.0, 2000.0])
@pytest.mark.parametrize(("radius_mm", "sigma_mm"), [(8.0, 0.8), (5.0, 0.6)])
def test_a_blurred_ball_is_drawn_at_half_its_height(
    peak_hu: float, radius_mm: float, sigma_mm: float
) -> None:
    hu, geometry = muscle((48, 48, 48), (0.5, 0.5, 0.5))
    where = ball(geometry, (0.1, -0.15, 0.05), radius_mm)
    hu = TISSUE_HU + (peak_hu - TISSUE_HU) * blurred_ball(where, radius_mm, sigma_mm)
    (found,) = gather(hu, geometry)
    # To first order in (sigma / r)² the closed form crosses one half at r - sigma² / r.
    truth_mm3 = 4 / 3 * np.pi * (radius_mm - sigma_mm**2 / radius_mm) ** 3
    # The plateau 2 mm inside is at least 1 - 0.0062 - 0.01 of the peak; counting points errs by 0.5 %.
    assert found.mask.volume_mm3 == pytest.approx(truth_mm3, rel=0.02)
    assert found.edge_hu == pytest.approx((peak_hu + TISSUE_HU) / 2, rel=0.03)


def test_the_edge_never_falls_below_the_threshold() -> None:
    hu, geometry = muscle((30, 30, 30))
    hu = TISSUE_HU + (260 - TISSUE_HU) * blurred_ball(ball(geometry, (0, 0, 0), 8.0), 8.0, 1.5)
    (found,) = gather(hu, geometry)
    assert found.edge_hu == 180.0  # half height would be 160
    index = found.mask.index_kji()
    assert ct(hu, geometry).hu[tuple(index.T)].min() >= 180


def test_a_component_without_a_seed_is_left() -> None:
    hu, geometry = muscle((12, 12, 12))
    hu[3:6, 3:6, 3:6] = 210.0
    assert gather(hu, geometry) == ()
    hu[4, 4, 4] = 230.0
    assert len(gather(hu, geometry)) == 1


def test_a_seed_brings_all_that_hangs_on_it_by_a_corner() -> None:
    hu, geometry = muscle((12, 12, 12))
    hu[3:5, 3:5, 3:5] = hu[5:7, 5:7, 5:7] = 200.0
    hu[3, 3, 3] = 225.0
    (found,) = gather(hu, geometry)
    assert found.mask.voxel_count == 16
    assert found.fragment_count == 1


@pytest.mark.parametrize(
    ("sd_hu", "noise_factor", "found"), [(5.0, 5.0, True), (40.0, 5.0, False), (40.0, 3.0, True)]
)
def test_a_seed_must_stand_out_of_the_local_noise(sd_hu: float, noise_factor: float, found: bool) -> None:
    hu, geometry = muscle((16, 64, 64))
    hu = add_noise(hu, sd_hu)
    hu[6:10, 30:34, 30:34] = 235.0  # 4.4 standard deviations of 40 above muscle
    places = [one.mask.voxel_count >= 60 for one in gather(hu, geometry, noise_factor=noise_factor)]
    assert any(places) == found


def test_noise_of_one_corner_does_not_hide_a_deposit_in_the_other() -> None:
    hu, geometry = muscle((16, 96, 96))
    noise = np.random.default_rng(0).normal(0, 1, hu.shape)
    hu = hu + noise * np.where(np.arange(96) < 48, 60.0, 5.0)
    for i in (24, 72):
        hu[6:10, 46:50, i - 2 : i + 2] = 300.0
    found = gather(hu, geometry)
    places = [one.mask.index_kji()[:, 2].mean() for one in found if one.mask.voxel_count >= 60]
    assert places == [pytest.approx(71.5, abs=1.0)]


def test_specks_below_the_smallest_volume_are_counted_and_not_listed() -> None:
    hu, geometry = muscle((12, 12, 12))
    hu[3, 3, 3:5] = 400.0
    hu[9, 9, 9] = 300.0
    found, specks = gather_all(hu, geometry, Threshold(220, 180, "test"), smallest_mm3=3.0)
    assert (found, specks.count, specks.volume_mm3) == ((), 2, pytest.approx(3.0))
    assert len(gather(hu, geometry, smallest_mm3=2.0)) == 1


FAINT = Threshold(220, 180, "test", (160.0, 140.0))


def faint_rod(rod_hu: float, sd_hu: float) -> tuple[Values, Geometry]:
    """A rod of 5 mm, 26 mm long, in noise."""
    hu, geometry = muscle((20, 40, 40))
    hu[9:12, 9:12, 7:33] = rod_hu
    return add_noise(hu, sd_hu), geometry


@pytest.mark.parametrize(
    ("rod_hu", "sd_hu", "found"),
    [(195.0, 6.0, True), (170.0, 12.0, True), (150.0, 2.0, False), (130.0, 25.0, False)],
    ids=["faint", "fainter", "too faint", "lost in noise"],
)
def test_what_is_faint_counts_where_it_is_far_out_of_the_noise(
    rod_hu: float, sd_hu: float, found: bool
) -> None:
    candidates, _ = gather_all(*faint_rod(rod_hu, sd_hu), FAINT)
    assert [one.status for one in candidates] == (["indeterminate"] if found else [])
    if found:
        assert "fainter" in candidates[0].reason
        assert candidates[0].mask.voxel_count == pytest.approx(3 * 3 * 26, rel=0.15)


def test_what_is_faint_is_not_looked_for_without_a_level() -> None:
    assert gather(*faint_rod(195.0, 6.0)) == ()


@pytest.mark.parametrize(("below_mm", "found"), [(5.0, 1), (-5.0, 0)])
def test_what_is_faint_is_looked_for_below_a_height_alone(below_mm: float, found: int) -> None:
    candidates, _ = gather_all(*faint_rod(195.0, 6.0), replace(FAINT, faint_below_mm=below_mm))
    assert len(candidates) == found


def test_a_faint_fragment_of_a_sure_lesion_is_part_of_it() -> None:
    hu, geometry = faint_rod(200.0, 5.0)
    hu[9:12, 9:12, 33:35] = 60.0
    hu[9:12, 9:12, 35:38] = 400.0
    (found,), _ = gather_all(hu, geometry, FAINT)
    assert (found.status, found.reason, found.fragment_count) == ("definite", "", 2)


def test_beside_bone_nothing_faint_is_looked_for() -> None:
    hu, geometry = faint_rod(200.0, 5.0)
    near = np.zeros(geometry.shape, dtype=bool)
    near[8:13, 13:16] = near[8:13, 5:8] = True  # 1 mm off the rod on both sides
    nothing = np.zeros_like(near)
    bone = LabelMap(near.astype(np.uint8), geometry, {1: "other_bone"})
    volume = ct(hu, geometry)
    bright = bright_in(volume, Skeleton(bone, nothing, nothing), FAINT, DEFAULTS)
    found, _ = gather_candidates(volume, bright, FAINT, DEFAULTS)
    assert found == ()


def test_noise_alone_has_nothing_faint() -> None:
    hu, geometry = muscle((40, 80, 80))
    for sd_hu in (10.0, 20.0, 40.0):
        assert gather_all(add_noise(hu, sd_hu), geometry, FAINT)[0] == ()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("faint", [None, (160.0, 140.0)])
def test_a_higher_threshold_never_adds_a_voxel(seed: int, faint: tuple[float, float] | None) -> None:
    hu, geometry = noisy_lumps(seed)
    levels = [(s, e) for s in (180, 220, 300, 420) for e in (150, 180, 220, 300) if e <= s]
    drawn = {
        level: labelled(gather_all(hu, geometry, Threshold(*level, "test", faint))[0]) for level in levels
    }
    for low, high in combinations(levels, 2):
        if low[0] <= high[0] and low[1] <= high[1]:
            assert drawn[high] <= drawn[low]


@given(st.integers(0, 500), st.sampled_from([((160, 140), (170, 150)), ((150, 130), (150, 145))]))
def test_a_higher_faint_level_never_adds_a_voxel(
    seed: int, levels: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    hu, geometry = noisy_lumps(seed)
    low, high = (labelled(gather_all(hu, geometry, Threshold(220, 180, "", level))[0]) for level in levels)
    assert high <= low


@given(st.integers(0, 500), st.sampled_from([(220, 250), (220, 400), (180, 181)]))
def test_a_higher_seed_never_adds_a_voxel(seed: int, seeds_hu: tuple[int, int]) -> None:
    hu, geometry = noisy_lumps(seed)
    low, high = (labelled(gather(hu, geometry, seed_hu=seed_hu, edge_hu=180)) for seed_hu in seeds_hu)
    assert high <= low


@given(st.integers(0, 500), st.sampled_from([(150, 180), (180, 210), (100, 200)]))
def test_a_higher_edge_never_adds_a_bright_voxel(seed: int, edges_hu: tuple[int, int]) -> None:
    hu, geometry = noisy_lumps(seed)
    volume = ct(hu, geometry)
    low, high = (
        bright_in(volume, boneless(geometry), Threshold(220, edge, ""), DEFAULTS) for edge in edges_hu
    )
    assert places(high) <= places(low)
    assert places(high, high.seeds) <= places(low, low.seeds)


def places(bright: Bright, some: NDArray[np.bool_] | None = None) -> set[tuple[int, ...]]:
    index = np.stack(bright.index, axis=1)
    return {tuple(one) for one in index[slice(None) if some is None else some].tolist()}


def noisy_lumps(seed: int) -> tuple[Values, Geometry]:
    random = np.random.default_rng(seed)
    hu, geometry = muscle((12, 24, 24))
    for _ in range(4):
        x, y, z = random.uniform(-9, 9, 3)
        where = ball(geometry, (float(x), float(y), float(z) / 2), float(random.uniform(1, 4)))
        hu = np.where(where < 0, random.uniform(190, 900), hu)
    return add_noise(hu, 15.0, seed=seed), geometry


def labelled(found: tuple[Candidate, ...]) -> set[tuple[int, ...]]:
    return {tuple(index) for one in found for index in one.mask.index_kji().tolist()}


def test_candidates_come_by_falling_volume() -> None:
    hu, geometry = muscle((12, 40, 40))
    for n, size in enumerate((2, 5, 3)):
        hu[2 : 2 + size, 10 : 10 + size, 5 + 12 * n : 5 + 12 * n + size] = 500.0
    assert [one.mask.voxel_count for one in gather(hu, geometry)] == [125, 27, 8]


@pytest.mark.parametrize(("gap_mm", "lesions"), [(2.0, 1), (1.0, 2)])
def test_fragments_are_one_lesion_up_to_the_gap(gap_mm: float, lesions: int) -> None:
    hu, geometry = muscle((12, 12, 30))
    hu[3:7, 3:7, 4:8] = hu[3:7, 3:7, 10:14] = 500.0  # two voxels of 1 mm between
    found = gather(hu, geometry, fragment_gap_mm=gap_mm)
    assert len(found) == lesions
    assert sum(one.fragment_count for one in found) == 2
    assert sum(one.mask.voxel_count for one in found) == 128


def test_the_inputs_are_not_changed() -> None:
    hu, geometry = noisy_lumps(1)
    volume = ct(hu, geometry)
    before = volume.hu.copy()
    gather(hu, geometry)
    assert (volume.hu == before).all()


def gap_mm(one: BoxedMask, other: BoxedMask) -> float:
    """Least gap between the faces of any two voxels: every pair is looked at."""
    spacing = np.array(one.geometry.spacing_mm)
    apart = np.abs(one.index_kji()[:, None] - other.index_kji()[None])
    return float(np.linalg.norm(np.maximum(apart - 1, 0) * spacing, axis=2).min())


def brute_groups(masks: list[BoxedMask], limit_mm: float) -> list[list[int]]:
    near = np.eye(len(masks))
    for a, b in combinations(range(len(masks)), 2):
        near[a, b] = gap_mm(masks[a], masks[b]) <= limit_mm
    count, group = connected_components(near, directed=False)
    return [np.flatnonzero(group == n).tolist() for n in range(count)]


@given(
    hnp.arrays(np.uint8, (5, 6, 7), elements=st.sampled_from([0] * 12 + [1, 2, 3, 4])),
    st.sampled_from([0.0, 0.9, 1.0, 2.0, 3.1]),
    st.sampled_from([(1.0, 1.0, 1.0), (3.0, 0.9, 0.7)]),
)
def test_groups_of_fragments_are_those_of_all_voxel_pairs(
    labels: NDArray[np.uint8], limit_mm: float, spacing_mm: Float3
) -> None:
    geometry = Geometry.from_spacing((5, 6, 7), spacing_mm=spacing_mm)
    masks = [boxed(labels == n, geometry) for n in range(1, 5) if (labels == n).any()]
    groups = group_fragments(masks, gap_mm=limit_mm)
    assert sorted(groups) == sorted(brute_groups(masks, limit_mm))
    assert all(a < b for group in groups for a, b in pairwise(group))


def test_no_fragments_make_no_groups() -> None:
    assert group_fragments([], gap_mm=2.0) == []
