"""Pooling and expanding against loops over blocks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.steps import grid
from pipeline.steps.grid import (
    bounding_box,
    embed_labels,
    embed_mask,
    expand,
    margin_voxels,
    pool_max,
    pool_mean,
    pool_steps,
)

shapes = st.tuples(*[st.integers(1, 7)] * 3)
steps_ = st.tuples(*[st.integers(1, 4)] * 3)
volumes = hnp.arrays(np.int16, shapes, elements=st.integers(-1024, 3071))


def blocks(
    shape: tuple[int, ...], steps: tuple[int, int, int]
) -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
    counts = [-(-n // step) for n, step in zip(shape, steps, strict=True)]
    return [
        (at, tuple(slice(a * step, (a + 1) * step) for a, step in zip(at, steps, strict=True)))
        for at in product(*[range(n) for n in counts])
    ]


@given(volumes, steps_)
def test_pooling_is_mean_and_maximum_of_each_block_whole_or_not(
    values: NDArray[np.int16], steps: tuple[int, int, int]
) -> None:
    mean, peak = pool_mean(values, steps), pool_max(values, steps)
    for at, block in blocks(values.shape, steps):
        assert peak[at] == values[block].max()
        assert np.isclose(mean[at], values[block].mean(), atol=1e-3)  # float32 at 3000 HU
    assert mean.dtype == np.float32


@given(volumes, steps_)
def test_expanding_gives_every_voxel_the_value_of_its_block(
    values: NDArray[np.int16], steps: tuple[int, int, int]
) -> None:
    fine = expand(pool_max(values, steps), steps, (values.shape[0], values.shape[1], values.shape[2]))
    assert fine.shape == values.shape
    for _, block in blocks(values.shape, steps):
        assert (fine[block] == values[block].max()).all()


def test_pooling_a_mask_keeps_every_block_with_a_voxel() -> None:
    voxels = np.zeros((3, 5, 5), dtype=bool)
    voxels[2, 4, 4] = True
    assert np.argwhere(pool_max(voxels, (2, 2, 2))).tolist() == [[1, 2, 2]]


def test_steps_come_nearest_to_the_size_asked_for_and_are_at_least_one() -> None:
    geometry = Geometry.from_spacing((9, 9, 9), spacing_mm=(3.27, 0.98, 0.5))
    assert pool_steps(geometry, target_mm=2.0) == (1, 2, 4)


@given(hnp.arrays(bool, shapes))
def test_the_bounding_box_is_the_smallest_that_holds_all(voxels: NDArray[np.bool_]) -> None:
    box = bounding_box(voxels)
    if box is None:
        assert not voxels.any()
        return
    index = np.argwhere(voxels)
    assert [s.start for s in box] == index.min(0).tolist()
    assert [s.stop - 1 for s in box] == index.max(0).tolist()


def test_a_margin_covers_its_distance() -> None:
    assert margin_voxels((3.0, 1.0, 0.7), 3.0) == (1, 3, 5)


def test_what_is_embedded_keeps_its_place_in_the_patient() -> None:
    geometry = Geometry.from_spacing((6, 7, 8), spacing_mm=(3.0, 1.0, 0.7), origin_lps_mm=(5, 6, 7))
    box = (slice(1, 5), slice(2, 7), slice(3, 6))
    own = (slice(2, 3), slice(0, 2), slice(1, 2))
    mask = BoxedMask(np.ones((1, 2, 1), dtype=bool), own, geometry.crop(box))
    assert np.allclose(embed_mask(mask, box, geometry).points_lps_mm(), mask.points_lps_mm())
    values = np.zeros(mask.geometry.shape, np.uint8)
    values[own] = 3
    labels = embed_labels(LabelMap(values, mask.geometry, {3: "sacrum"}), box, geometry)
    points = labels.geometry.to_lps_mm(np.argwhere(labels.values == 3))
    assert np.allclose(points, mask.points_lps_mm())
    assert labels.names == {3: "sacrum"}


@pytest.mark.parametrize("slices", [1, 2, 5, 12, 13])
def test_large_grids_are_pooled_in_halves_to_the_same_blocks(
    slices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(slices).integers(-1000, 2000, (slices, 7, 9), dtype=np.int16)
    steps = (3, 2, 2)
    whole = pool_mean(values, steps), pool_max(values, steps)
    monkeypatch.setattr(grid, "LARGE_VOXELS", 0)
    assert (pool_mean(values, steps) == whole[0]).all()
    assert (pool_max(values, steps) == whole[1]).all()
