"""What a structure of the anatomy means for something bright in it, and where it means nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import AnatomySettings
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.organs import question_organs
from tests.builders import Values, ball, boxed, centred_grid, coordinates_mm, cylinder

GRID = centred_grid((20, 80, 80), (1.0, 1.0, 1.0))
NAMES = {1: "colon", 2: "urinary_bladder", 3: "iliac_artery_left", 4: "gluteus_maximus", 5: "kidney_left"}
SETTINGS = AnatomySettings()


def told(bright: Values, inside: Values, value: int, **changes: float) -> Candidate:
    organs = np.where(inside <= 0, value, 0).astype(np.uint8)
    one = Candidate(boxed(bright <= 0, GRID), 180.0, 1, 400.0)
    settings = SETTINGS.model_copy(update=changes)
    (found,) = question_organs([one], LabelMap(organs, GRID, NAMES), settings)
    assert found.mask is one.mask
    return found


LOOP = ball(GRID, (0.0, 0.0, 0.0), 9.0)
POOL = ball(GRID, (0.0, 0.0, 0.0), 7.0)
LUMEN = cylinder(GRID, 0.0, 0.0, 5.0)


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "bowel_contrast"), (2, "bladder_contrast"), (4, "lesion"), (5, "lesion")]
)
def test_contrast_is_told_by_the_structure_it_lies_in(value: int, kind: str) -> None:
    found = told(POOL, LOOP, value)
    assert found.kind == kind
    assert found.status == ("indeterminate" if value == 5 else "definite")
    assert bool(found.reason) == (value != 4)


@pytest.mark.parametrize(
    ("shift_mm", "kind", "status"),
    [(0.0, "bowel_contrast", "definite"), (9.0, "lesion", "indeterminate"), (17.0, "lesion", "definite")],
)
def test_a_lesion_partly_in_bowel_is_doubted_and_one_beside_it_is_not(
    shift_mm: float, kind: str, status: str
) -> None:
    found = told(ball(GRID, (shift_mm, 0.0, 0.0), 7.0), LOOP, 1)
    assert (found.kind, found.status) == (kind, status)


def test_contrast_fills_a_vessel_and_calcium_lies_on_its_wall() -> None:
    x, _, _ = coordinates_mm(GRID)
    assert told(cylinder(GRID, 0.0, 0.0, 4.5), LUMEN, 3).kind == "contrast_vessel"
    arc = np.maximum(np.abs(cylinder(GRID, 0.0, 0.0, 4.5)) - 1.0, 1.0 - x)
    wall = told(arc, LUMEN, 3)
    assert (wall.kind, wall.reason) == ("vascular", "thin, on the wall of iliac artery left")


@pytest.mark.parametrize("x_mm", [3.0, 8.0])
def test_a_lump_along_an_artery_stays_a_lesion(x_mm: float) -> None:
    found = told(ball(GRID, (x_mm, 0.0, 0.0), 4.0), LUMEN, 3)
    assert found.kind == "lesion"


def test_a_thin_sheet_beside_an_artery_stays_a_lesion() -> None:
    x, y, z = coordinates_mm(GRID)
    sheet = np.maximum(np.maximum(np.abs(x - 6.0) - 0.6, np.abs(y) - 6.0), np.abs(z) - 6.0)
    assert told(sheet, LUMEN, 3).kind == "lesion"


def test_what_was_excluded_before_stays_as_it_is() -> None:
    organs = LabelMap(np.ones(GRID.shape, np.uint8), GRID, NAMES)
    one = Candidate(boxed(POOL <= 0, GRID), 180.0, 1, 400.0, kind="noise", reason="small")
    assert question_organs([one], organs, SETTINGS) == (one,)
