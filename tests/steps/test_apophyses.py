"""Where and when bone ossifies by itself."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.domain.geometry import Float3
from pipeline.steps.apophyses import APOPHYSES, Apophysis, Growing
from pipeline.steps.naming.atlas import Points, load_atlas
from tests.builders import ball, boxed, centred_grid

ATLAS = load_atlas()
LANDMARKS = {name: ATLAS.points[ATLAS.of(name)] for name in ATLAS.names}
GRID = centred_grid((24, 48, 48), (1.5, 1.0, 1.0))


def voxels_around(centre_mm: Points, radius_mm: float) -> Points:
    """(n, 3): the voxels of a ball, LPS mm."""
    return boxed(ball(GRID, (0.0, 0.0, 0.0), radius_mm) < 0, GRID).points_lps_mm() + centre_mm


def off_the_bone(place_mm: Float3, bone: str, out_mm: float) -> Points:
    """(3,): so far outside the surface of a bone, where that is nearest to a place."""
    own = ATLAS.of(bone)
    nearest = np.linalg.norm(ATLAS.points[own] - np.array(place_mm), axis=1).argmin()
    return np.asarray(ATLAS.points[own][nearest] + out_mm * ATLAS.normals[own][nearest])


def at(one: Apophysis, side: str, out_mm: float = 3.0) -> Points:
    """(3,): a place on the outside of a growth centre."""
    x, y, z = one.course_mm[len(one.course_mm) // 2]
    return off_the_bone((x if side == "left" else -x, y, z), f"{one.bone}_{side}", out_mm)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("one", APOPHYSES, ids=lambda one: one.name)
def test_a_small_piece_on_each_apophysis_may_be_growth_at_its_age_alone(one: Apophysis, side: str) -> None:
    points = voxels_around(at(one, side), 2.5)
    first, last = one.years
    for years, may_be in ((first - 0.5, False), (first, True), (last, True), (last + 0.5, False)):
        found = Growing(LANDMARKS, years).centre_at(points)
        assert (found == f"{side} {one.name}") == may_be


@pytest.mark.parametrize("one", APOPHYSES, ids=lambda one: one.name)
def test_a_lump_on_an_apophysis_is_no_growth(one: Apophysis) -> None:
    assert Growing(LANDMARKS, 13.0).centre_at(voxels_around(at(one, "left", 12.0), 10.0)) is None


@pytest.mark.parametrize(
    ("place_mm", "bone"),
    [
        ((70.0, 40.0, 60.0), "hip_bone_left"),  # the wing's inner face
        ((-102.0, 10.0, -90.0), "femur_right"),  # a shaft
        ((0.0, 75.0, 40.0), "sacrum"),
    ],
)
def test_elsewhere_on_bone_nothing_ossifies_by_itself(place_mm: Float3, bone: str) -> None:
    points = voxels_around(off_the_bone(place_mm, bone, 3.0), 2.5)
    assert Growing(LANDMARKS, 13.0).centre_at(points) is None


def test_off_the_bone_nothing_ossifies_by_itself() -> None:
    tuberosity = APOPHYSES[0]
    assert Growing(LANDMARKS, 13.0).centre_at(voxels_around(at(tuberosity, "left", 15.0), 2.5)) is None


def test_where_the_age_is_unknown_growth_of_the_bones_tells_a_child() -> None:
    points = voxels_around(at(APOPHYSES[0], "left"), 2.5)
    assert Growing(LANDMARKS, None, grown=True).centre_at(points) == "left ischial tuberosity"
    assert Growing(LANDMARKS, None, grown=False).centre_at(points) is None


def test_without_a_recognised_pelvis_nothing_is_said() -> None:
    assert Growing({}, 13.0).centre_at(voxels_around(at(APOPHYSES[0], "left"), 2.5)) is None
