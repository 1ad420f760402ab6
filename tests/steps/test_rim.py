"""Truth from closed forms: without noise, how bright a blurred border is follows from the distance to it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import LabelMap
from pipeline.steps.rim import RIM_MM, Levels, find_rim, widen_skeleton
from pipeline.steps.skeleton import Skeleton
from tests.builders import CORTEX_HU, MUSCLE_HU, Values, ball, boxed, centred_grid, ct, cylinder, paint, whole

LEVELS = Levels(edge_hu=130.0, bone_hu=180.0, seed_hu=220.0)
SHAFT_MM = 8.0
BALL_AT, BALL_MM = (13.0, 0.0, 0.0), 3.0


def grid() -> Geometry:
    return centred_grid((20, 60, 80), (1.0, 0.5, 0.5))


def muscle(geometry: Geometry) -> Values:
    return np.full(geometry.shape, MUSCLE_HU)


def shaft(geometry: Geometry) -> Values:
    return cylinder(geometry, 0.0, 0.0, SHAFT_MM)


def dim(hu: Values) -> np.ndarray:
    hu = np.rint(hu)
    return (hu >= LEVELS.edge_hu) & (hu < LEVELS.bone_hu)


@pytest.mark.parametrize("value_hu", [CORTEX_HU, 300.0])
def test_the_blurred_shell_of_a_shaft_is_its_rim_to_the_last_voxel(value_hu: float) -> None:
    geometry = grid()
    hu = paint(muscle(geometry), shaft(geometry), value_hu)
    shell = dim(hu)
    assert shell.any()
    found = find_rim(np.rint(hu) >= LEVELS.bone_hu, ct(hu, geometry), whole(geometry), LEVELS)
    np.testing.assert_array_equal(found, shell)


def test_on_thick_slices_the_slice_beside_a_bone_is_its_rim() -> None:
    geometry = centred_grid((5, 20, 20), (5.0, 1.0, 1.0))
    hu = muscle(geometry)
    hu[2, 5:15, 5:15], hu[3, 5:15, 5:15] = CORTEX_HU, 150.0
    found = find_rim(hu >= LEVELS.bone_hu, ct(hu, geometry), whole(geometry), LEVELS)
    np.testing.assert_array_equal(found, hu == 150.0)


def test_what_lies_nearer_to_calcium_than_to_the_bone_stays_with_the_calcium() -> None:
    geometry = grid()
    to_bone, to_ball = shaft(geometry), ball(geometry, BALL_AT, BALL_MM)
    hu = paint(paint(muscle(geometry), to_bone, CORTEX_HU), to_ball, 600.0)
    hu = np.where(
        (np.maximum(to_bone, to_ball) < RIM_MM) & (hu < LEVELS.bone_hu), 150.0, hu
    )  # dim between them
    solid = (
        (to_bone < BALL_AT[0] - BALL_MM - SHAFT_MM) & (np.rint(hu) >= LEVELS.bone_hu) & (to_bone < to_ball)
    )
    found = find_rim(solid, ct(hu, geometry), whole(geometry), LEVELS)
    half_voxel_mm = 0.5 * float(np.linalg.norm(geometry.spacing_mm))
    assert not found[to_ball < to_bone - half_voxel_mm].any()
    assert found[dim(hu) & (to_bone < to_ball - half_voxel_mm)].all()
    assert (dim(hu) & (to_ball < to_bone - half_voxel_mm)).any()


def test_what_no_calcium_starts_from_takes_no_rim_from_a_bone() -> None:
    geometry = grid()
    to_bone, layer_mm = shaft(geometry), 1.5
    layer = (to_bone >= 0) & (to_bone < layer_mm)
    hu = np.where(to_bone < 0, CORTEX_HU, np.where(layer, 150.0, MUSCLE_HU))
    speck = (to_bone >= layer_mm) & (to_bone < RIM_MM) & (np.arange(80) > 56)
    for speck_hu, is_all in ((200.0, True), (400.0, False)):
        hu[speck] = speck_hu
        found = find_rim(to_bone < 0, ct(hu, geometry), whole(geometry), LEVELS)
        assert found[layer].all() == is_all


def test_of_a_dim_tendon_no_more_than_the_width_of_a_rim_is_bone() -> None:
    geometry = grid()
    to_bone = shaft(geometry)
    hu = paint(muscle(geometry), to_bone, CORTEX_HU)
    solid = np.rint(hu) >= LEVELS.bone_hu
    tendon = (cylinder(geometry, 14.0, 0.0, 6.5) < 0) & ~solid
    hu[tendon] = 150.0
    found = find_rim(solid, ct(hu, geometry), whole(geometry), LEVELS)
    surface_mm = float(to_bone[solid].max())
    voxel_mm = float(np.linalg.norm(geometry.spacing_mm[1:]))
    assert found[tendon & (to_bone < surface_mm + RIM_MM - voxel_mm)].all()
    assert not found[to_bone > surface_mm + RIM_MM + voxel_mm].any()


def test_dim_spongiosa_is_bone_however_wide_and_what_starts_in_it_takes_none_of_it() -> None:
    geometry = centred_grid((6, 60, 60), (2.0, 1.0, 1.0))
    to_bone = cylinder(geometry, 0.0, 0.0, 20.0)
    cortex, inside = (to_bone < 0) & (to_bone > -3), to_bone <= -3
    hu = np.where(cortex, CORTEX_HU, np.where(inside, 150.0, MUSCLE_HU))
    trabecula = ball(geometry, (2.0, 0.0, 0.0), 3.0) < 0
    hu[trabecula] = 300.0
    asked = cortex, ct(hu, geometry), whole(geometry), LEVELS
    hole_mm2 = float(inside[0].sum())
    np.testing.assert_array_equal(find_rim(*asked, hole_mm2=hole_mm2), inside & ~trabecula)
    wide = find_rim(*asked)
    assert not wide[to_bone < -3 - RIM_MM].any()
    assert wide.any()


def test_what_is_dim_near_a_bone_and_parted_from_it_is_none_of_it() -> None:
    geometry = grid()
    to_bone = shaft(geometry)
    hu = np.where(to_bone < 0, CORTEX_HU, MUSCLE_HU)
    hu[(to_bone > 1.0) & (to_bone < 1.8)] = 150.0
    assert not find_rim(hu >= LEVELS.bone_hu, ct(hu, geometry), whole(geometry), LEVELS).any()


def test_without_bone_there_is_no_rim() -> None:
    geometry = grid()
    hu = paint(muscle(geometry), ball(geometry, BALL_AT, BALL_MM), 600.0)
    assert not find_rim(np.zeros(geometry.shape, bool), ct(hu, geometry), whole(geometry), LEVELS).any()


def test_rims_are_looked_for_only_where_lesions_end_below_the_level_of_bones() -> None:
    assert Levels.of(Threshold(220.0, 180.0, "usual"), 180.0) is None
    assert Levels.of(Threshold(220.0, 210.0, "raised"), 180.0) is None
    assert Levels.of(Threshold(220.0, 130.0, "lowered"), 180.0) == LEVELS


def test_a_bead_keeps_its_own_rim_and_the_bone_gets_the_other() -> None:
    geometry = grid()
    to_bone, to_ball = shaft(geometry), ball(geometry, BALL_AT, BALL_MM)
    hu = paint(paint(muscle(geometry), to_bone, CORTEX_HU), to_ball, 600.0)
    bright = np.rint(hu) >= LEVELS.bone_hu
    solid, bead = bright & (to_bone < to_ball), bright & (to_ball < to_bone)
    values = solid.view(np.uint8)
    beads = boxed(bead, geometry)
    before = Skeleton(LabelMap(values, geometry, {1: "other_bone"}), bead, solid, beads)
    after = widen_skeleton(before, ct(hu, geometry), whole(geometry), LEVELS)
    assert after.beads is not None
    near_ball = boxed(np.rint(hu) * (to_ball < to_bone) >= LEVELS.edge_hu, geometry)
    assert after.beads.shared_with(near_ball) == near_ball.voxel_count == after.beads.voxel_count
    np.testing.assert_array_equal(after.solid, (np.rint(hu) >= LEVELS.edge_hu) & (to_bone < to_ball))
    assert after.joined[after.solid].all()
    assert not before.solid[dim(hu)].any()
