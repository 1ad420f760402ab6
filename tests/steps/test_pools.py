"""The bladder full of contrast medium, told by its level or by its place and evenness."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Candidate
from pipeline.steps.contrast import tell_contrast
from pipeline.steps.pools import part_dense
from tests.builders import CORTEX_HU, Values, ball, coordinates_mm, ellipsoid, paint
from tests.steps.scenes import GRID, candidate, pelvis_hu, rod, surroundings

MIDDLE: Float3 = (0.0, -20.0, 0.0)


def lump(half_axes_mm: Float3, centre: Float3 = MIDDLE) -> Values:
    """An ellipsoid with sharp borders."""
    return np.where(ellipsoid(GRID, centre, half_axes_mm), -3.0, 3.0)


def told(hu: Values, *shapes: Values) -> list[Candidate]:
    around, _ = surroundings(hu)
    return list(tell_contrast([candidate(one, hu) for one in shapes], around, ContrastSettings()))


def behind(y_mm: float) -> Values:
    """Signed distance to all that lies behind a level, negative there."""
    _, y, _ = coordinates_mm(GRID)
    return np.asarray(np.broadcast_to(y_mm - y, GRID.shape))


def half_full(bladder: Values, contrast_hu: float, *, level_mm: float = -20.0) -> tuple[Values, Values]:
    """A bladder with contrast behind a level under urine, and the pool."""
    pool = np.maximum(bladder, behind(level_mm))
    return paint(paint(pelvis_hu(), bladder, 10.0), pool, contrast_hu), pool


@pytest.mark.parametrize("contrast_hu", [300.0, 600.0, 850.0])
def test_a_level_under_urine_is_the_bladder_however_dense_the_contrast(contrast_hu: float) -> None:
    hu, pool = half_full(lump((24.0, 18.0, 20.0)), contrast_hu)
    (found,) = told(hu, pool)
    assert found.kind == "bladder_contrast"
    assert "flat front" in found.reason


def test_bone_that_ends_most_of_the_pool_does_not_hide_its_level() -> None:
    """Two thirds of the width lie against bone that slopes back, a third shows the level."""
    x, y, _ = np.broadcast_arrays(*coordinates_mm(GRID))
    bladder = lump((24.0, 24.0, 20.0))
    surface_mm = np.where(np.abs(x) > 6, -20 + 0.6 * np.abs(x), -20.0)
    pool = np.where((bladder < 0) & (y > surface_mm), -3.0, 3.0)
    bone = (np.abs(x) > 6) & (np.abs(x) < 28) & (y <= surface_mm) & (y > surface_mm - 5)
    hu = paint(paint(pelvis_hu(), bladder, 10.0), pool, 420.0)
    (found,) = told(np.where(bone, CORTEX_HU, hu), np.where(bone, 3.0, pool))
    assert found.kind == "bladder_contrast"
    assert "bone left out" in found.reason


def test_a_bladder_full_to_the_brim_is_told_by_the_midline_and_its_evenness() -> None:
    full = lump((24.0, 18.0, 20.0))
    (found,) = told(paint(pelvis_hu(), full, 700.0), full)
    assert found.kind == "bladder_contrast"
    assert "midline" in found.reason


def test_beside_the_midline_or_mottled_a_dense_lump_stays_a_lesion() -> None:
    beside = lump((14.0, 16.0, 18.0), (27.0, 0.0, 0.0))
    (found,) = told(paint(pelvis_hu(), beside, 700.0), beside)
    assert found.kind == "lesion"
    full = lump((24.0, 18.0, 20.0))
    x, y, z = coordinates_mm(GRID)
    mottled = 700 + 250 * np.sin(x / 3) * np.sin(y / 3) * np.sin(z / 3)
    (found,) = told(np.where(full < 0, mottled, pelvis_hu()), full)
    assert found.kind == "lesion"


def test_a_lump_of_the_pelvic_wall_has_no_level() -> None:
    wall = rod((44.0, -4.0, -12.0), (44.0, 8.0, 12.0), 9.0)
    (found,) = told(paint(pelvis_hu(inside_hu=10.0), wall, 700.0), wall)
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_small_dense_spot_in_a_pool_is_parted_away_from_bone_only() -> None:
    pool = lump((24.0, 18.0, 20.0))
    hu = paint(pelvis_hu(inside_hu=40.0), pool, 300.0)
    spot = ball(GRID, (0.0, -20.0, 1.0), 1.4)
    parts = told(paint(hu, spot, 800.0), pool)
    assert len(parts) == 2
    assert parts[1].mask.volume_mm3 < 80
    assert parts[1].peak_hu > 450
    bare = paint(hu, ball(GRID, (0.0, -12.0, 0.0), 6.0), CORTEX_HU)
    beside = paint(bare, spot, 800.0)
    assert len(told(beside, np.where(beside > 900, 3.0, pool))) == len(
        told(bare, np.where(bare > 900, 3.0, pool))
    )


def test_the_dim_end_of_a_lump_beside_the_bladder_stays_with_the_lump() -> None:
    """A spindle, half as dense in its last 6 mm, that one thin bridge joins to the bladder."""
    _, _, z = coordinates_mm(GRID)
    bladder = lump((20.0, 16.0, 16.0))
    spindle = lump((7.0, 7.0, 16.0), (34.0, -20.0, 0.0))
    bridge = rod((20.0, -20.0, 12.0), (30.0, -20.0, 12.0), 1.2)
    hu = paint(paint(pelvis_hu(), bladder, 320.0), bridge, 320.0)
    hu = paint(hu, spindle, 700.0)
    hu = np.where((spindle < 0) & (z > 10.0), 330.0, hu)
    around, _ = surroundings(hu)
    whole = np.minimum(np.minimum(bladder, spindle), bridge)
    pool, *parts = part_dense(candidate(whole, hu), around, ContrastSettings())
    end = (spindle < -1.0) & (z > 10.0)
    assert end.any()
    assert not (end[pool.mask.box] & pool.mask.voxels).any()
    assert sum((end[one.mask.box] & one.mask.voxels).sum() for one in parts) == end.sum()
    assert pool.mask.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20 * 16 * 16, rel=0.05)
