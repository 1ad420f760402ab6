"""Axes brought to head, back, left by flips and swaps alone."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.domain.orientation import axis_order

ALL_48 = [(axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def stored_as(axes: tuple[int, ...], signs: tuple[int, ...], tilt_deg: float = 0.0) -> np.ndarray:
    """Affine of a file whose axes 0, 1, 2 run along ± the patient axes `axes`."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for source, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, source] = sign * (1.0 + source)
    affine[:3, :3] = Rotation.from_euler("x", tilt_deg, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = (7.0, -3.0, 11.0)
    return affine


@pytest.mark.parametrize(("axes", "signs"), ALL_48)
@pytest.mark.parametrize("tilt_deg", [0.0, 30.0])
def test_every_voxel_keeps_its_place_and_its_value(
    axes: tuple[int, ...], signs: tuple[int, ...], tilt_deg: float
) -> None:
    source = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = stored_as(axes, signs, tilt_deg)
    order = axis_order(affine)
    shown, geometry = order.from_source(source), order.geometry((2, 3, 4), affine)
    assert shown.shape == geometry.shape
    assert np.shares_memory(shown, source)
    for index in ((0, 0, 0), (1, 0, 2), (1, 2, 3)):
        place = affine[:3, :3] @ index + affine[:3, 3]
        k, j, i = np.rint(geometry.to_index(place)).astype(int)
        assert shown[k, j, i] == source[index]
        assert np.allclose(geometry.to_lps_mm([k, j, i]), place)
    assert (order.to_source(shown) == source).all()


@pytest.mark.parametrize(("axes", "signs"), ALL_48)
def test_the_axes_run_to_head_back_and_left(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = stored_as(axes, signs, 30.0)
    directions = axis_order(affine).geometry((2, 3, 4), affine).directions
    assert directions[2, 0] > 0.8  # cos 30° is 0.87
    assert directions[1, 1] > 0.8
    assert directions[0, 2] > 0.8
