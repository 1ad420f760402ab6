"""Small lumps beside a bone, which blur joins to it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import PartingSettings, SkeletonSettings
from pipeline.domain.geometry import Geometry
from pipeline.steps.bone import pool_scan
from pipeline.steps.skeleton import Skeleton, segment_skeleton
from tests.builders import (
    CORTEX_HU,
    Values,
    add_bone,
    add_noise,
    ball,
    body_hu,
    boxed,
    centred_grid,
    ct,
    cylinder,
    paint,
    whole,
)

GRID = centred_grid((40, 128, 140), (1.25, 0.75, 0.75))
SHAFT_MM = (12.0, -5.0)
"""Where the middle of the shaft lies."""


def shaft_mm() -> float:
    """Outer radius of the shaft of `add_bone`, by its own half height."""
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    middle = GRID.shape[0] // 2
    row = round(float(GRID.to_index((*SHAFT_MM, 0.0))[1]))
    x = GRID.to_lps_mm([(middle, row, i) for i in range(GRID.shape[2])])[:, 0]
    dense = x[hu[middle, row] > CORTEX_HU / 2]
    return float(np.ptp(dense) / 2)


def skeleton_of(hu: Values, geometry: Geometry = GRID) -> Skeleton:
    volume, body, settings = ct(hu, geometry), whole(geometry), SkeletonSettings()
    pooled = pool_scan(volume, body, settings)
    return segment_skeleton(volume, body, pooled, settings, PartingSettings(), bone_hu=180)


def beside(shape_radius_mm: float, gap_mm: float) -> Values:
    """A ball before the shaft, with a gap between the surfaces."""
    return ball(
        GRID, (SHAFT_MM[0], SHAFT_MM[1] + shaft_mm() + gap_mm + shape_radius_mm, 0.0), shape_radius_mm
    )


@pytest.mark.parametrize("radius_mm", [2.6, 3.5, 4.5])
@pytest.mark.parametrize("hu_of_ball", [600.0, 900.0])
def test_a_small_ball_two_mm_off_a_shaft_is_a_bead_and_keeps_its_volume(
    radius_mm: float, hu_of_ball: float
) -> None:
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    lump = beside(radius_mm, 2.0)
    hu = add_noise(np.maximum(hu, paint(hu, lump, hu_of_ball)), 10.0)
    skeleton = skeleton_of(hu)
    assert not skeleton.solid[lump < 0].any()
    assert skeleton.solid[cylinder(GRID, *SHAFT_MM, shaft_mm() - 1) < 0].all()
    calcium = (hu >= (hu_of_ball + 60) / 2) & ~skeleton.solid
    found_mm3 = float(np.count_nonzero(calcium) * GRID.voxel_volume_mm3)
    # half height is exact for a plane; on a ball of 2.6 mm blur of 0.6 mm takes a tenth
    assert found_mm3 == pytest.approx(4 / 3 * np.pi * radius_mm**3, rel=0.15)


def test_what_lies_in_a_bead_is_told_to() -> None:
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    lump = beside(3.5, 2.0)
    skeleton = skeleton_of(np.maximum(hu, paint(hu, lump, 800.0)))
    elsewhere = ball(GRID, (SHAFT_MM[0] - 30, SHAFT_MM[1], 0.0), 3.5)
    assert skeleton.is_bead(boxed(lump < 0, GRID))
    assert not skeleton.is_bead(boxed(elsewhere < 0, GRID))


def test_a_process_of_the_bone_is_no_bead() -> None:
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    process = beside(4.0, -2.0)  # its root lies in the cortex
    skeleton = skeleton_of(np.maximum(hu, paint(hu, process, CORTEX_HU)))
    assert skeleton.beads is None
    assert skeleton.solid[process < -1].all()


def test_a_flat_centre_of_growth_is_no_bead() -> None:
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    x, y, z = (
        GRID.to_lps_mm(np.indices(GRID.shape).reshape(3, -1).T).reshape(*GRID.shape, 3)[..., n]
        for n in range(3)
    )
    front_mm = SHAFT_MM[1] + shaft_mm() + 2.0
    plate = np.maximum.reduce(
        [np.abs(x - SHAFT_MM[0]) - 8.0, np.abs(y - front_mm - 1.5) - 1.5, np.abs(z) - 9.0]
    )
    skeleton = skeleton_of(np.maximum(hu, paint(hu, plate, 700.0)))
    assert skeleton.beads is None


def test_on_wide_pixels_into_which_cortex_falls_none_are_looked_for() -> None:
    hu = add_bone(body_hu(GRID), GRID, *SHAFT_MM)
    hu = np.maximum(hu, paint(hu, beside(4.5, 2.0), 900.0))
    wide = GRID.coarsen((1, 2, 2))
    assert skeleton_of(hu).beads is not None
    assert skeleton_of(hu[:, ::2, ::2], wide).beads is None
