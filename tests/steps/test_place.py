"""Distances from a component to what lies around it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.domain.geometry import Float3
from pipeline.domain.image import Mask
from pipeline.steps.place import FARTHEST_MM, distance_within_mm, find_air
from tests.builders import ball, boxed, centred_grid, ct, cylinder, paint
from tests.steps.scenes import GRID, thigh_hu


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.8, 0.8), (3.0, 0.7, 0.7), (5.0, 1.1, 0.9)])
def test_the_distance_is_that_of_the_nearest_pair_of_voxels(spacing_mm: Float3) -> None:
    """Against every pair, for scattered spots near and far."""
    rng = np.random.default_rng(4)
    geometry = centred_grid((24, 60, 60), spacing_mm)
    for share in (0.02, 0.0005, 0.00005):
        own, other = (np.zeros(geometry.shape, dtype=bool) for _ in range(2))
        own[10:14, 25:32, 28:36] = rng.random((4, 7, 8)) < 0.6
        other |= (rng.random(geometry.shape) < share) & ~own
        other[-1, -1, -1] = True
        a, b = (np.argwhere(one) * np.asarray(spacing_mm) for one in (own, other))
        pairs = float(np.linalg.norm(a[:, None] - b[None], axis=2).min())
        found = distance_within_mm(boxed(own, geometry), other)
        assert found == pytest.approx(pairs, abs=1e-6) or (pairs > FARTHEST_MM and found >= FARTHEST_MM)


def test_what_touches_has_no_distance_and_where_nothing_is_it_is_infinite() -> None:
    geometry = centred_grid((10, 20, 20), (2.0, 1.0, 1.0))
    own = np.zeros(geometry.shape, dtype=bool)
    own[3:7, 5:15, 5:15] = True
    inside = np.zeros_like(own)
    inside[5, 10, 10] = True
    assert distance_within_mm(boxed(own, geometry), inside) == 0
    assert distance_within_mm(boxed(own, geometry), np.zeros_like(own)) == float("inf")


@pytest.mark.parametrize(("value_hu", "is_gas"), [(-950.0, True), (-560.0, True), (-420.0, False)])
def test_a_blurred_bubble_is_gas_and_a_streak_beside_metal_is_not(value_hu: float, is_gas: bool) -> None:
    volume = ct(paint(thigh_hu(), ball(GRID, (25.0, 20.0, 0.0), 3.5), value_hu), GRID)
    body = Mask(np.broadcast_to(cylinder(GRID, 0, 0, 72.0) < 0, GRID.shape).copy(), GRID)
    assert find_air(volume, body).gas.any() == is_gas
