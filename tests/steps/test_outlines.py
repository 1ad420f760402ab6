"""Outlines of a human beside those found: which are the same, deleted, added, changed, merged, split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.outlines import drawn_candidate, group_outlines, outline_key, shared_voxels
from tests.builders import boxed, centred_grid, ct

SHAPE = (6, 8, 10)
GRID = centred_grid(SHAPE)


def block(*ranges: tuple[int, int]) -> BoxedMask:
    voxels = np.zeros(SHAPE, dtype=bool)
    voxels[tuple(slice(*one) for one in ranges)] = True
    return boxed(voxels, GRID)


A, B = block((0, 2), (0, 3), (0, 3)), block((3, 6), (4, 8), (5, 9))
LARGER_A = block((0, 3), (0, 3), (0, 3))
BOTH = boxed(np.broadcast_to((np.arange(6) != 2)[:, None, None], SHAPE).copy(), GRID)
FRONT_OF_A, REST_OF_A = block((0, 1), (0, 3), (0, 3)), block((1, 2), (0, 3), (0, 3))
NOWHERE = block((0, 1), (7, 8), (9, 10))


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ([A, B], []),
        ([B, A], []),
        ([A], ["deleted"]),
        ([A, B, NOWHERE], ["added"]),
        ([LARGER_A, B], ["changed"]),
        ([BOTH], ["merged"]),
        ([FRONT_OF_A, REST_OF_A, B], ["split"]),
        ([NOWHERE], ["deleted", "deleted", "added"]),
    ],
)
def test_each_change_has_its_word(drawn: list[BoxedMask], expected: list[str]) -> None:
    groups = group_outlines([A, B], drawn)
    assert [one.what for one in groups if not one.is_same] == expected
    assert sorted(m for one in groups for m in one.found) == [0, 1]
    assert sorted(n for one in groups for n in one.drawn) == list(range(len(drawn)))


@given(st.integers(0, 2**31))
def test_shared_voxels_are_those_of_both_grids(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.random(SHAPE) < 0.1 for _ in range(2))
    one[0, 0, 0] = other[-1, -1, -1] = True
    assert shared_voxels(boxed(one, GRID), boxed(other, GRID)) == int((one & other).sum())


def test_an_outline_is_a_humans_word_that_it_is_a_lesion() -> None:
    hu = np.zeros(SHAPE)
    hu[0, 0, 0], hu[5, 7, 9] = 300.0, 900.0
    before = Candidate(A, 180.0, 1, 300.0, status="indeterminate", reason="may be bowel")
    drawn = drawn_candidate(LARGER_A, ct(hu, GRID), before, edge_hu=150.0)
    assert (drawn.status, drawn.reason, drawn.edge_hu) == ("definite", "", 180.0)
    new = drawn_candidate(BOTH, ct(hu, GRID), None, edge_hu=150.0)
    assert (new.status, new.edge_hu, new.fragment_count, new.peak_hu) == ("definite", 150.0, 2, 900.0)


def test_the_key_follows_the_voxels() -> None:
    assert outline_key(A) == outline_key(block((0, 2), (0, 3), (0, 3)).padded((1, 1, 1)))
    assert outline_key(A) != outline_key(LARGER_A)
