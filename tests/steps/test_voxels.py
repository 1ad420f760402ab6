"""Distances on voxel grids, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Float3
from pipeline.steps import voxels as module
from pipeline.steps.voxels import deeper_than_mm, within_mm

spacings = st.tuples(*(st.floats(0.5, 5.0) for _ in range(3)))


def scattered(seed: int, share: float) -> NDArray[np.bool_]:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 14, 3))
    return np.asarray(random.random(shape) < share)


def nearest_mm(found: NDArray[np.bool_], spacing_mm: Float3) -> NDArray[np.float64]:
    """Distance of every voxel to the nearest set one, by a search tree over their centres."""
    places = np.argwhere(np.ones_like(found)) * spacing_mm
    if not found.any():
        return np.full(found.shape, np.inf)
    distance, _ = KDTree(np.argwhere(found) * spacing_mm).query(places)
    return np.asarray(distance).reshape(found.shape)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01, 0.2, 1.0]), spacings, st.floats(0.0, 12.0))
def test_what_is_near_is_what_a_search_tree_finds(
    seed: int, share: float, spacing_mm: Float3, reach_mm: float
) -> None:
    found = scattered(seed, share)
    distance = nearest_mm(found, spacing_mm)
    sure = np.abs(distance - reach_mm) > 1e-4
    assert ((distance <= reach_mm) == within_mm(found, spacing_mm, reach_mm))[sure].all()


@given(st.integers(0, 10_000), spacings, st.floats(0.1, 6.0))
def test_depth_is_the_distance_to_what_is_not_set(seed: int, spacing_mm: Float3, least_mm: float) -> None:
    found = scattered(seed, 0.95)
    depth = nearest_mm(~found, spacing_mm)
    sure = np.abs(depth - least_mm) > 1e-4
    assert ((depth > least_mm) == deeper_than_mm(found, spacing_mm, least_mm))[sure].all()


@pytest.mark.parametrize("reach_mm", [1.0, 2.0, np.sqrt(2.0), np.sqrt(3.0)])
def test_a_voxel_exactly_that_far_is_within(reach_mm: float) -> None:
    one = np.zeros((7, 7, 7), dtype=bool)
    one[3, 3, 3] = True
    squared = ((np.indices(one.shape) - 3) ** 2).sum(axis=0)
    assert (within_mm(one, (1.0, 1.0, 1.0), reach_mm) == (squared <= round(reach_mm**2))).all()


def test_both_ways_of_finding_what_is_near_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.random.default_rng(1).random((12, 30, 30)) < 0.002
    by_chords = within_mm(found, (2.0, 0.7, 0.7), 5.0)
    monkeypatch.setattr(module, "MOST_CHORDS", 0)
    assert (within_mm(found, (2.0, 0.7, 0.7), 5.0) == by_chords).all()
