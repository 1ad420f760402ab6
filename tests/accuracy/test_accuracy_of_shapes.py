"""A small part of ``docs/accuracy_shapes.md``, so that what it says stays true."""

from __future__ import annotations

import numpy as np
import pytest

from tests.accuracy.forms import MAKERS, word_for
from tests.accuracy.shapes import measure_axes, name_solid


@pytest.mark.slow
def test_nine_of_ten_solids_are_called_by_their_form() -> None:
    named = [name_solid(seed) for seed in range(1000, 1000 + 3 * len(MAKERS))]
    assert {one.made_as for one in named} == set(MAKERS)
    assert np.mean([one.right for one in named]) >= 0.9  # the goal


@pytest.mark.slow
def test_nine_of_ten_axes_are_right_in_each_plane() -> None:
    axes = [axis for seed in range(1000, 1024) for axis in measure_axes(seed).axes]
    assert len(axes) >= 6 * 20  # of 24 inserts, a few are too faint for their slices
    for plane in ("axial", "coronal", "sagittal"):
        assert np.mean([axis.right for axis in axes if axis.plane == plane]) >= 0.9


@pytest.mark.parametrize(
    ("length_mm", "width_mm", "thickness_mm", "word"),
    [
        (38.0, 30.0, 23.0, "bulky"),  # the published lump,
        (50.0, 16.0, 10.0, "ovoid"),  # the published ovoid,
        (12.0, 3.4, 3.4, "linear"),  # a coarse line
        (4.0, 4.0, 4.0, "punctate"),
        (12.0, 12.0, 11.0, "nodular"),
        (60.0, 40.0, 3.0, "sheet"),
    ],
)
def test_words_of_the_published_case(
    length_mm: float, width_mm: float, thickness_mm: float, word: str
) -> None:
    assert word_for(length_mm, width_mm, thickness_mm) == word
