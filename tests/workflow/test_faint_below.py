"""A faint lesion that a later date did not look for where it lay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.steps.threshold import keep_faint_below
from pipeline.workflow import analyse, compare
from tests.builders import a_scan, ball, paint, pelvis_of_two_shafts


@pytest.mark.parametrize(("below_mm", "kind"), [(200.0, "resolved"), (-200.0, "not_evaluable")])
def test_what_was_not_looked_for_there_has_not_gone(below_mm: float, kind: str) -> None:
    plain, grid = pelvis_of_two_shafts({}, shape=(30, 96, 128))
    first = analyse(a_scan(paint(plain, ball(grid, (0.0, 26.0, 0.0), 5.0), 195.0), grid))
    later = analyse(a_scan(plain, grid))
    assert [one.density.max_hu < first.threshold.seed_hu for one in first.lesions] == [True]
    later = replace(later, threshold=keep_faint_below(later.threshold, below_mm))
    (track,) = compare([first, later]).tracks
    assert track.kind == kind
