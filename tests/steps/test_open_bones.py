"""Bones whose cortex is too thin to be followed, and bones larger than the atlas's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Geometry
from pipeline.steps.naming.atlas import load_atlas
from pipeline.steps.naming.field import AtlasField
from pipeline.steps.naming.fill import fill_bones
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.name import name_blocks
from tests.builders import centred_grid, cylinder


def opened_ring(geometry: Geometry) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """A tube of bone with a gap of 60° along its side, and the distance from its axis."""
    away_mm = cylinder(geometry, 0.0, 0.0, 0.0)
    places = geometry.to_lps_mm(np.argwhere(np.ones(geometry.shape, dtype=bool)))
    angle = np.degrees(np.arctan2(places[:, 1], places[:, 0])).reshape(geometry.shape)
    return (away_mm < 16.0) & (away_mm >= 8.0) & (np.abs(angle) > 30.0), away_mm


@pytest.mark.parametrize(
    ("bone", "hole_hu", "is_filled"),
    [
        ("femur_left", -30, True),
        ("femur_left", -100, False),
        ("sacrum", 20, True),
        ("sacrum", -30, False),
        ("lumbar_vertebrae", 30, False),
        ("lumbar_vertebrae", 110, True),
    ],
)
def test_what_an_open_bone_surrounds_is_its_inside_where_walls_are_thin(
    bone: str, hole_hu: int, is_filled: bool
) -> None:
    geometry = centred_grid((34, 60, 60), (1.5, 1.5, 1.5))
    ring, away_mm = opened_ring(geometry)
    value = BONES.index(bone) + 1
    soft_hu = np.full(ring.shape, hole_hu, np.float32)
    named = ring * np.uint8(value)
    middle = away_mm < 2.0
    middle[:12] = middle[-12:] = False  # 18 mm from the ends, which nothing closes
    closed = fill_bones(named, ring, soft_hu, geometry.spacing_mm)
    assert not closed[middle].any()
    thin = fill_bones(named, ring, soft_hu, geometry.spacing_mm, thin_wall=np.zeros_like(ring))
    assert (thin[middle] == (value if is_filled else 0)).all()
    assert not thin[away_mm >= 19.0].any()


def test_faint_wall_beside_an_open_bone_is_bone_for_one_block() -> None:
    geometry = centred_grid((34, 60, 60), (1.5, 1.5, 1.5))
    ring, away_mm = opened_ring(geometry)
    named = ring * np.uint8(5)
    fat_hu = np.full(ring.shape, -100, np.float32)
    wall = (away_mm >= 16.0) & (away_mm < 22.0)
    added = fill_bones(named, ring, fat_hu, geometry.spacing_mm, thin_wall=wall) == 5
    assert (added & wall).any()
    assert not (added & wall & (away_mm >= 17.5)).any()  # a block is 1.5 mm


@pytest.mark.parametrize("is_closed", [True, False])
def test_other_bone_that_one_bone_closes_in_is_that_bone(is_closed: bool) -> None:
    atlas = load_atlas()
    fit = AtlasFit(atlas, atlas.points, atlas.normals, 1.0)
    whole = np.ones((7, 7, 7), dtype=np.float32)
    solid = whole > 0
    solid[3, 3, :3] = is_closed  # else a way in from outside, to the middle
    rim = solid.copy()
    rim[2:-2, 2:-2, 2:-2] = False
    away_mm = np.where(rim, 10.0, 20.0).astype(np.float32)
    height_mm = np.where(rim, -10.0, 20.0).astype(np.float32)  # in the middle the socket may be nearer
    femur = atlas.names.index("femur_left")
    level_mm = float(atlas.heads_mm["femur_left"][2]) * whole
    field = AtlasField(
        solid, away_mm, height_mm, np.full(whole.shape, femur), 25 * whole, level_mm, (1, 1, 1)
    )
    names = name_blocks(solid, 300 * whole, field, fit)
    assert BONES[names[0, 0, 0] - 1] == "femur_left"
    assert BONES[names[3, 3, 3] - 1] == ("femur_left" if is_closed else "other_bone")
