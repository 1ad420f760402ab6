"""Faint things in a gap of a bone, and beside a bone without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.lesion import Candidate
from pipeline.steps.gaps import fills_gap_of
from pipeline.steps.place import Surroundings
from tests.builders import MUSCLE_HU, Values, ball, paint
from tests.steps.scenes import GRID, RING_MM, candidate, pelvis_hu, ring_atlas, surroundings

GAP = ball(GRID, (RING_MM + 2.0, 0.0, 0.0), 19.0)
"""Where the ring of bone is opened."""


def piece(hu: Values, centre_mm: float, value_hu: float) -> tuple[Candidate, Surroundings]:
    """A plate on the right of the ring, and the scene with the ring as the atlas."""
    shape = np.maximum(ball(GRID, (centre_mm, 0.0, 0.0), 8.0), ball(GRID, (centre_mm - 30.0, 0.0, 0.0), 31.5))
    painted = paint(hu, shape, value_hu)
    around, _ = surroundings(painted)
    return candidate(shape, painted), replace(around, pelvis=ring_atlas())


def test_what_fills_a_gap_of_a_bone_is_the_bone() -> None:
    one, around = piece(paint(pelvis_hu(), GAP, MUSCLE_HU), RING_MM + 1.0, 250.0)
    assert fills_gap_of(one, around) == "hip_bone_left"


def test_what_lies_on_a_whole_bone_fills_no_gap() -> None:
    one, around = piece(pelvis_hu(), RING_MM - 3.0, 250.0)
    assert fills_gap_of(one, around) is None


def test_what_is_denser_than_missed_cortex_fills_no_gap() -> None:
    one, around = piece(paint(pelvis_hu(), GAP, MUSCLE_HU), RING_MM + 1.0, 500.0)
    assert fills_gap_of(one, around) is None


@pytest.mark.parametrize("is_whole", [True, False])
def test_where_hardly_anything_of_a_bone_is_found_the_atlas_is_not_believed(is_whole: bool) -> None:
    opened = paint(pelvis_hu(), GAP, MUSCLE_HU)
    one, around = piece(opened, RING_MM + 1.0, 250.0)
    solid = around.solid if is_whole else np.zeros_like(around.solid)
    found = fills_gap_of(one, replace(around, solid=solid))
    assert (found is not None) == is_whole
