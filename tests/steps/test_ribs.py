"""Ribs are told by the lung beside them; the fat under the skin may hold calcium there too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import SpotSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Candidate
from pipeline.steps.place import Surroundings
from pipeline.steps.ribs import tell_ribs
from tests.builders import AIR_HU, FAT_HU, MUSCLE_HU, Values, ball, cylinder, paint
from tests.steps.scenes import GRID, candidate, rod, surroundings

LUNG_HU = -850.0
CALCIUM_HU = 500.0
RIB_MM, NEXT_MM, FAT_MM = 53.0, -53.0, 67.0
"""How far to the left the middle of a rib, of one on the other side, and of a streak in fat lie."""


def chest(inside_hu: float) -> tuple[list[Candidate], Surroundings]:
    """A trunk full of something: two ribs in the muscle of its wall, a streak in the fat of it."""
    hu = paint(np.full(GRID.shape, AIR_HU), cylinder(GRID, 0, 0, 72.0), FAT_HU)
    hu = paint(hu, cylinder(GRID, 0, 0, 61.0), MUSCLE_HU)
    hu = paint(hu, cylinder(GRID, 0, 0, 45.0), inside_hu)
    shapes: list[Values] = [
        rod((x, -12.0, 0.0), (x, 12.0, 3.0), radius, GRID)
        for x, radius in ((RIB_MM, 3.0), (NEXT_MM, 3.0), (FAT_MM, 1.5))
    ]
    for shape in shapes:
        hu = paint(hu, shape, CALCIUM_HU)
    around, _ = surroundings(hu)
    return [candidate(shape, hu) for shape in shapes], around


def kinds(inside_hu: float) -> list[str]:
    candidates, around = chest(inside_hu)
    return [one.kind for one in tell_ribs(candidates, around, SpotSettings())]


def test_what_lies_in_the_wall_beside_a_lung_is_a_rib() -> None:
    assert kinds(LUNG_HU) == ["bone_fragment", "bone_fragment", "lesion"]


def test_beside_bowel_gas_or_organs_nothing_is_a_rib() -> None:
    for inside_hu in (AIR_HU, MUSCLE_HU):
        assert kinds(inside_hu) == ["lesion"] * 3


def test_a_lung_is_no_gas_in_bowel() -> None:
    _, around = chest(LUNG_HU)
    assert not around.gas.any()
    assert around.lung is not None
    assert around.lung.any()
    _, around = chest(AIR_HU)
    assert around.gas.any()
    assert around.lung is None


@pytest.mark.parametrize(
    ("other_mm", "kind"),
    [((34.0, 40.0, 0.0), "bone_fragment"), ((NEXT_MM, 0.0, 0.0), "lesion")],
    ids=["28 mm along the wall", "across the trunk"],
)
def test_what_lies_beside_a_rib_is_one_without_a_lung_beside_it(other_mm: Float3, kind: str) -> None:
    """With lung beside the first rib alone."""
    _, around = chest(LUNG_HU)
    hu = np.full(GRID.shape, MUSCLE_HU)
    shapes: list[Values] = [
        rod((RIB_MM, -12.0, 0.0), (RIB_MM, 12.0, 3.0), 3.0, GRID),
        ball(GRID, other_mm, 3.0),
    ]
    for shape in shapes:
        hu = paint(hu, shape, CALCIUM_HU)
    told = tell_ribs([candidate(shape, hu) for shape in shapes], lung_beside(around), SpotSettings())
    assert [one.kind for one in told] == ["bone_fragment", kind]


def lung_beside(around: Surroundings) -> Surroundings:
    """The same with no lung further than 20 mm from the first rib."""
    assert around.lung is not None
    return replace(around, lung=around.lung & (ball(GRID, (RIB_MM, 0.0, 0.0), 20.0) <= 0))
