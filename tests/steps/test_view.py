"""What hides a place on a scan, so that nothing there is called gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import MatchSettings
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Excluded, ExcludedKind
from pipeline.steps.view import IN_AIR, IN_BONE, NOT_COVERED, PADDED, Hidden, View, why_hidden
from tests.builders import Values, ball, body_hu, boxed, centred_grid, ct, no_bone

GRID = centred_grid((20, 80, 80), (2.0, 1.0, 1.0))
SETTINGS = MatchSettings()
HERE = (10.0, 5.0, 0.0)
POINTS = boxed(ball(GRID, HERE, 4.0) < 0, GRID).points_lps_mm()


def view(hu: Values | None = None, bone: Values | None = None, *left_out: Excluded) -> View:
    bones = no_bone(GRID) if bone is None else LabelMap((bone < 0).astype(np.uint8), GRID, {1: "other_bone"})
    return View(ct(body_hu(GRID) if hu is None else hu, GRID), bones, left_out, None)


def left_out(shape: Values, kind: ExcludedKind) -> Excluded:
    mask = boxed(shape < 0, GRID)
    return Excluded(1, mask, kind, "why", mask.volume_mm3, HERE, 400.0)


def why(seen: View, points: Values = POINTS) -> str | None:
    hidden = why_hidden(points, GRID, seen, SETTINGS)
    return None if hidden is None else hidden.reason


def test_soft_tissue_hides_nothing() -> None:
    assert why(view()) is None


def test_the_grid_alone_decides_without_a_view() -> None:
    assert why_hidden(POINTS, GRID, None, SETTINGS) is None
    far = why_hidden(POINTS + np.array([0, 0, 20]), GRID, None, SETTINGS)
    assert far == Hidden(NOT_COVERED)


@pytest.mark.parametrize("value_hu", [-1024.0, -2000.0, -3024.0])
@pytest.mark.parametrize(("radius_mm", "reason"), [(8.0, PADDED), (3.0, PADDED), (1.2, None)])
def test_padding_over_a_part_hides_the_place_and_a_few_dark_voxels_do_not(
    value_hu: float, radius_mm: float, reason: str | None
) -> None:
    hu = np.where(ball(GRID, HERE, radius_mm) <= 0, value_hu, body_hu(GRID))
    assert why(view(hu)) == reason


def test_outside_the_scan_circle_is_not_shown() -> None:
    hu = np.where(np.hypot(*np.meshgrid(np.arange(80) - 39.5, np.arange(80) - 39.5)) > 12, -1024.0, 60.0)
    assert why(view(np.broadcast_to(hu, GRID.shape).copy())) == PADDED


@pytest.mark.parametrize(("y_mm", "reason"), [(3.0, None), (14.0, IN_AIR)])
def test_air_just_off_the_skin_is_shown_and_air_far_off_is_another_place(
    y_mm: float, reason: str | None
) -> None:
    hu = np.full(GRID.shape, -1000.0)
    hu[:, :40] = 60.0  # up to y = 0; the ball reaches 4 mm around its centre
    assert why(view(hu), POINTS - HERE + np.array([0, y_mm - 1.0, 0])) == reason


def test_a_place_in_bone_is_not_judged_and_one_beside_it_is() -> None:
    assert why(view(None, ball(GRID, HERE, 6.0))) == IN_BONE
    assert why(view(None, ball(GRID, (18.0, 5.0, 0.0), 6.0))) is None


def test_what_was_left_out_at_the_place_is_named() -> None:
    small = ball(GRID, (12.0, 5.0, 0.0), 2.0)
    assert "phlebolith" in (why(view(None, None, left_out(small, "phlebolith"))) or "")
    assert why(view(None, None, left_out(small, "noise"))) is None
    beside = ball(GRID, (22.0, 5.0, 0.0), 4.0)
    assert why(view(None, None, left_out(beside, "bone_fragment"))) is None


def test_metal_and_its_streaks_hide_a_place_they_touch() -> None:
    seen = replace(view(), spoilt=boxed(ball(GRID, (14.0, 5.0, 0.0), 3.0) < 0, GRID))
    assert "metal" in (why(seen) or "")
    assert why(replace(seen, spoilt=boxed(ball(GRID, (-20.0, 5.0, 0.0), 3.0) < 0, GRID))) is None
