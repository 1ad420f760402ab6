"""Lumps grown back from their cores, against a bone of known border."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.steps.regrow import _beyond_cortex, grow_lumps
from pipeline.steps.voxels import Voxels
from tests.builders import CORTEX_HU, MUSCLE_HU, Values, ball, centred_grid, ct, cylinder, paint
from tests.steps.scenes import rod

GRID = centred_grid((36, 80, 80))
BONE_MM, CORTEX_MM = 14.0, 2.0
LUMP_MM, LUMP_HU = 9.0, 900.0
BONE = cylinder(GRID, -12, 0, BONE_MM)
INSIDE = BONE + CORTEX_MM
LUMP = ball(GRID, (-12 + BONE_MM + LUMP_MM, 0, 0), LUMP_MM)
"""Its surface just meets that of the bone."""
BRIGHT_HU = 180.0


def scene_hu(*, spongiosa_hu: float, lump: Values = LUMP) -> Values:
    """A bone of 28 mm with 2 mm of cortex around spongiosa, and a lump of calcium on it."""
    hu = paint(np.full(GRID.shape, MUSCLE_HU), lump, LUMP_HU)
    return paint(paint(hu, BONE, CORTEX_HU), INSIDE, spongiosa_hu)


def grown(hu: Values, core: Voxels, marrow: Voxels) -> Voxels:
    enclosed = (INSIDE < 0) | (hu < BRIGHT_HU) & (ball(GRID, (BONE_MM - 12, 0, 0), 6.0) < 0)
    return grow_lumps(ct(hu, GRID), core, hu >= BRIGHT_HU, marrow, enclosed)


def deep_marrow() -> Voxels:
    """The inside of the bone as it is found with the lump hidden: none of it beside the lump."""
    return np.asarray((INSIDE < -1) & (LUMP > 8))


def share_of(lump: Voxels, shape: Values) -> float:
    return float(lump[shape < 0].mean())


def test_a_core_that_reaches_through_the_cortex_leaves_the_spongiosa_to_the_bone() -> None:
    reaching = (LUMP < -2.5) | (rod((5.0, 0, 0), (0.0, 0, 0), 4.0, GRID) < 0)
    lump = grown(scene_hu(spongiosa_hu=350.0), reaching, deep_marrow())
    assert share_of(lump, LUMP + 1) > 0.95
    # what lies within a cortex of the core goes with it; without the rule four times as much does
    assert np.count_nonzero(lump & (INSIDE < -1)) < 80


def test_the_cortex_over_spongiosa_that_is_not_bright_stays_with_the_bone() -> None:
    lump = grown(scene_hu(spongiosa_hu=120.0), LUMP < -2.5, deep_marrow())
    assert share_of(lump, LUMP + 1) > 0.95
    under = np.maximum(np.maximum(BONE + 0.5, -INSIDE), LUMP - 6)  # the cortex within 6 mm of the lump
    assert share_of(lump, under) < 0.1


def test_what_is_enclosed_within_the_lump_itself_is_no_marrow() -> None:
    within = ball(GRID, (-12 + BONE_MM + LUMP_MM, 0, 5.0), 3.0) < 0
    core = (LUMP < -2.5) & ~within
    lump = grown(scene_hu(spongiosa_hu=350.0), core, deep_marrow() | within)
    assert lump[within].all()


def test_beside_a_bone_that_the_lump_only_touches_no_bone_is_lost() -> None:
    for spongiosa_hu in (120.0, 350.0):
        lump = grown(scene_hu(spongiosa_hu=spongiosa_hu), LUMP < -2.5, deep_marrow())
        assert not lump[BONE < -1].any()


def test_a_dense_tip_that_the_bone_took_from_the_lump_is_given_back_and_a_far_one_is_not() -> None:
    grid = centred_grid((24, 40, 40), (1.0, 1.0, 1.0))
    bone = cylinder(grid, -30, 0, 22.0)
    inside, lump = np.asarray(bone < -2), np.asarray(ball(grid, (4, 0, 0), 6.0) < 0)
    tip, far = (np.asarray(ball(grid, (4, y, 0), 3.0) < 0) for y in (6.5, 15.0))
    solid = np.asarray(bone < 0) | lump | tip | far
    back = _beyond_cortex(lump, inside, solid, solid, grid.spacing_mm)
    # the ball of 1.6 mm that is asked of it leaves corners out
    assert back[tip & ~lump & (ball(grid, (4, 0, 0), 8.0) < 0)].mean() > 0.7
    assert not back[far].any()
    assert not back[bone < 0].any()


@pytest.mark.parametrize("spongiosa_hu", [120.0, 350.0])
def test_soft_tissue_caught_between_a_lump_and_a_bone_does_not_cost_the_lump_its_surface(
    spongiosa_hu: float,
) -> None:
    hollow = ball(GRID, (-12 + BONE_MM + 3.0, 0, 0), 3.0)  # opens onto the bone alone
    hu = paint(scene_hu(spongiosa_hu=spongiosa_hu), np.maximum(hollow, -BONE), MUSCLE_HU)
    lump = grown(hu, (LUMP < -2.5) & (hollow > 1.5), deep_marrow())
    assert share_of(lump, np.maximum(LUMP + 1, 1.0 - hollow)) > 0.95
