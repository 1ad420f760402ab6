"""What lies among the organs of the abdomen, what lies before its wall, and how much muscle covers either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import SheetSettings, SpotSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Candidate
from pipeline.steps.abdomen import question_abdomen
from pipeline.steps.cover import covering_muscle_mm
from pipeline.steps.naming.atlas import Points, load_atlas
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import Surroundings
from pipeline.steps.sheets import split_sheets
from pipeline.steps.sites.frame import ReferenceFrame
from tests.builders import AIR_HU, FAT_HU, MUSCLE_HU, Values, ball, centred_grid, cylinder, paint
from tests.steps.scenes import candidate, surroundings

GRID = centred_grid((24, 160, 160), (2.0, 1.0, 1.0))
LEVEL_MM = 60.0
"""Of the reference patient: above the hip joints, below the crests."""
WALL_MM = 8.0
"""Thickness of the belly's wall."""


class Lifted(ReferenceFrame):
    """A frame of a scene around the origin, which stands for a place of the reference patient."""

    def to_reference(self, places_lps_mm: Points) -> Points:
        return np.asarray(places_lps_mm + np.array([0.0, -20.0, LEVEL_MM]))


@pytest.fixture(autouse=True)
def above_the_hips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place of the scene lies above the hip joints, below the crests and before the bones."""
    monkeypatch.setattr(Pelvis, "roof_mm", -1000.0)
    monkeypatch.setattr(Pelvis, "crest_mm", 1000.0)
    monkeypatch.setattr(Pelvis, "encloses", lambda *_: True)
    monkeypatch.setattr(Pelvis, "lies_before", lambda *_: True)


def belly() -> Values:
    """A body of fat, 70 mm wide, with a wall of muscle 20 mm under the skin."""
    air = np.full(GRID.shape, AIR_HU)
    fat = paint(air, cylinder(GRID, 0, 0, 70.0), FAT_HU)
    return paint(
        paint(fat, cylinder(GRID, 0, 0, 50.0), MUSCLE_HU), cylinder(GRID, 0, 0, 50.0 - WALL_MM), FAT_HU
    )


def seen(hu: Values) -> Surroundings:
    atlas = load_atlas()
    fit = AtlasFit(atlas, atlas.points, atlas.normals, 1.0)
    around, _ = surroundings(hu, geometry=GRID)
    return replace(around, pelvis=Pelvis(fit, Lifted(fit)))


def at(place: Float3) -> tuple[Candidate, Surroundings]:
    shape = ball(GRID, place, 2.5)
    hu = paint(belly(), shape, 700.0)
    return candidate(shape, hu, GRID), seen(hu)


@pytest.mark.parametrize(("x_mm", "muscle_mm"), [(0.0, WALL_MM), (60.0, 0.0)])
def test_the_muscle_over_something_is_that_between_it_and_the_skin(x_mm: float, muscle_mm: float) -> None:
    one, around = at((x_mm, 0.0, 0.0))
    assert covering_muscle_mm(one.mask, around) == pytest.approx(muscle_mm, abs=1.5)


def test_among_the_organs_a_dense_spot_is_questioned() -> None:
    one, around = at((0.0, 0.0, 0.0))
    (found,) = question_abdomen((one,), around, SpotSettings())
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert "in the abdomen" in found.reason


@pytest.mark.parametrize("place", [(0.0, 60.0, 0.0), (-60.0, 0.0, 0.0)])
def test_under_the_skin_of_the_belly_it_stays_a_lesion(place: Float3) -> None:
    one, around = at(place)
    (found,) = question_abdomen((one,), around, SpotSettings())
    assert (found.kind, found.status) == ("lesion", "definite")


@pytest.mark.parametrize(("radius_mm", "is_sheet"), [(60.0, True), (36.0, False)])
def test_a_sheet_before_the_bellys_wall_is_one_and_behind_it_none(radius_mm: float, is_sheet: bool) -> None:
    shape = np.abs(cylinder(GRID, 0, 0, radius_mm)) - 1.5
    hu = paint(belly(), shape, 400.0)
    one = candidate(shape, hu, GRID)
    own, rest = split_sheets((one,), shape < 0.5, seen(hu), SheetSettings())
    assert (len(own), len(rest)) == (int(is_sheet), int(not is_sheet))
