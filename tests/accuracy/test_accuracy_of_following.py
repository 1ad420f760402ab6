"""A small part of ``make accuracy``: one pair with known fates, one cut short, one without change."""

from __future__ import annotations

import numpy as np

from tests.accuracy.following import f1_of, follow_cut, follow_pair, follow_repeat


def test_fates_are_found_again_and_bones_laid_on_each_other() -> None:
    found = follow_pair(1)
    assert len(found.truth) >= 3
    assert f1_of([found]) == 1.0
    assert len(found.bone_errors_mm) == 5
    assert np.mean(found.bone_errors_mm) < 1.0


def test_what_a_shorter_scan_does_not_show_is_not_called_resolved() -> None:
    found = follow_cut(0)
    assert found.called_resolved == 0
    assert set(found.found) == {"stable"}


def test_a_second_scan_without_change_is_called_stable() -> None:
    found = follow_repeat(0)
    assert set(found.found) == {"stable"}
    assert not found.burden_changed
