"""What came off a bone as a bead, at the places where bone grows and where the coccyx lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import SpotSettings
from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.naming.atlas import load_atlas
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.parted import tell_beads
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import Surroundings
from pipeline.steps.skeleton import Skeleton
from tests.builders import ball, boxed
from tests.steps.scenes import pelvis_hu, surroundings

TUBEROSITY_MM = (56.0, 34.0, -66.0)
"""Of the left side, on the reference patient (`apophyses`)."""
FLANK_MM = (150.0, 0.0, 40.0)


def asked(place_mm: Float3, *, age_years: float | None, is_bead: bool = True) -> Candidate:
    """A ball at a place of the reference patient, after the question."""
    grid = Geometry.from_spacing((12, 12, 12), spacing_mm=(1.0, 1.0, 1.0), origin_lps_mm=_corner(place_mm))
    mask = boxed(ball(grid, place_mm, 3.0) < 0, grid)
    nothing = np.zeros(grid.shape, dtype=bool)
    bone = LabelMap(np.zeros(grid.shape, np.uint8), grid, {1: "other_bone"})
    skeleton = Skeleton(bone, nothing, nothing, mask if is_bead else None)
    (told,) = tell_beads([Candidate(mask, 180.0, 1, 700.0)], skeleton, _around(age_years), SpotSettings())
    return told


def _corner(place_mm: Float3) -> Float3:
    x, y, z = (value - 5.5 for value in place_mm)
    return x, y, z


def _around(age_years: float | None) -> Surroundings:
    atlas = load_atlas()
    around, _ = surroundings(pelvis_hu(), age_years=age_years)
    return replace(around, pelvis=Pelvis(AtlasFit(atlas, atlas.points, atlas.normals, 1.0)))


@pytest.mark.parametrize("age_years", [13.0, None])
def test_a_bead_at_the_tuberosity_of_a_child_may_be_its_growth_centre(age_years: float | None) -> None:
    told = asked(TUBEROSITY_MM, age_years=age_years)
    assert (told.kind, told.status) == ("lesion", "indeterminate")
    assert "ischial tuberosity" in told.reason


def test_at_forty_nothing_grows_there() -> None:
    assert asked(TUBEROSITY_MM, age_years=40.0).status == "definite"


def test_away_from_growth_centres_a_bead_is_a_lesion() -> None:
    assert asked(FLANK_MM, age_years=13.0).status == "definite"


def test_only_beads_are_asked() -> None:
    assert asked(TUBEROSITY_MM, age_years=13.0, is_bead=False).status == "definite"


def test_a_bead_where_the_coccyx_lies_is_a_piece_of_it() -> None:
    atlas = load_atlas()
    x, y, z = atlas.points[atlas.of("coccyx")].mean(axis=0)
    assert asked((float(x), float(y), float(z)), age_years=13.0).kind == "bone_fragment"


@pytest.mark.parametrize(("beyond_mm", "kind"), [(6.0, "bone_fragment"), (20.0, "lesion")])
def test_a_bead_beside_a_lumbar_vertebra_is_its_process(beyond_mm: float, kind: str) -> None:
    atlas = load_atlas()
    own = atlas.points[atlas.of("lumbar_vertebrae")]
    x, y, z = own[own[:, 0].argmax()]  # furthest to the left
    assert asked((float(x) + beyond_mm, float(y), float(z)), age_years=40.0).kind == kind
