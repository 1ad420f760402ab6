"""Volumes, masks and label maps: valid from birth, never changed afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.domain.analysis import paint_labels
from pipeline.domain.geometry import Box, Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.errors import GeometryError

GRID = Geometry.from_spacing((4, 5, 6), spacing_mm=(3.0, 1.0, 0.5), origin_lps_mm=(10, 20, 30))
BOX: Box = (slice(1, 3), slice(1, 4), slice(2, 4))


def closed(shape: tuple[int, ...], dtype: type) -> Any:
    array = np.zeros(shape, dtype)
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_read_only_volume_is_taken_over_and_a_crop_is_a_view(dtype: type) -> None:
    hu = closed(GRID.shape, dtype)
    volume = CTVolume(hu, GRID)
    assert volume.hu is hu
    assert np.shares_memory(volume.crop(BOX).hu, hu)


def test_a_crop_shows_the_same_voxels_at_the_same_places() -> None:
    hu = np.arange(120, dtype=np.int16).reshape(GRID.shape)
    crop = CTVolume(hu, GRID).crop(BOX)
    assert (crop.hu == hu[BOX]).all()
    assert crop.geometry.to_lps_mm([0, 0, 0]) == pytest.approx(GRID.to_lps_mm([1, 1, 2]))


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint16])
def test_hu_of_another_type_are_refused(dtype: type) -> None:
    with pytest.raises(GeometryError, match="int16 or float32"):
        CTVolume(closed(GRID.shape, dtype), GRID)


def test_nothing_of_another_size_than_its_grid_is_accepted() -> None:
    wrong = (4, 5, 7)
    with pytest.raises(GeometryError, match="its grid is"):
        CTVolume(closed(wrong, np.int16), GRID)
    with pytest.raises(GeometryError, match="its grid is"):
        Mask(closed(wrong, bool), GRID)
    with pytest.raises(GeometryError, match="its grid is"):
        LabelMap(closed(wrong, np.uint8), GRID)


def test_what_is_held_cannot_be_written() -> None:
    own = np.zeros(GRID.shape, dtype=bool)
    held = [
        Mask(own, GRID).voxels,
        BoxedMask(own[BOX], BOX, GRID).voxels,
        CTVolume(own.astype(np.int16), GRID).hu,
        LabelMap(own.astype(np.uint8), GRID).values,
        GRID.affine,
    ]
    for array in held:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    own[0, 0, 0] = True
    assert not held[0].any()


def test_mask_volume_counts_voxels() -> None:
    voxels = np.zeros(GRID.shape, dtype=bool)
    voxels[BOX] = True
    assert Mask(voxels, GRID).volume_mm3 == pytest.approx(2 * 3 * 2 * 1.5)
    assert BoxedMask(voxels[BOX], BOX, GRID).volume_mm3 == pytest.approx(2 * 3 * 2 * 1.5)


def test_a_label_map_keeps_its_own_names() -> None:
    names = {1: "sacrum", 2: "coccyx"}
    values = np.zeros(GRID.shape, np.uint8)
    values[0], values[1, 0] = 1, 2
    labels = LabelMap(values, GRID, names)
    names[1] = "other"
    assert "sacrum" in labels
    assert "other" not in labels
    assert labels.mask_of("coccyx").voxels.sum() == 6
    assert not labels.mask_of("femur").voxels.any()


def test_two_values_of_one_name_are_one_mask() -> None:
    values = np.zeros(GRID.shape, np.uint16)
    values[0], values[1] = 1, 300
    assert LabelMap(values, GRID, {1: "femur", 300: "femur"}).mask_of("femur").voxels.sum() == 60


def test_labels_of_another_type_are_refused() -> None:
    with pytest.raises(GeometryError, match="uint8 or uint16"):
        LabelMap(closed(GRID.shape, np.int64), GRID)


@pytest.mark.parametrize(
    "box",
    [
        (slice(1, 3), slice(1, 4), slice(2, 5)),
        (slice(3, 5), slice(1, 4), slice(2, 4)),
        (slice(-1, 1), slice(1, 4), slice(2, 4)),
    ],
    ids=["other size", "beyond the grid", "before the grid"],
)
def test_a_box_that_does_not_fit_is_refused(box: Box) -> None:
    with pytest.raises(GeometryError, match="does not fit"):
        BoxedMask(np.ones((2, 3, 2), dtype=bool), box, GRID)


def test_a_boxed_mask_knows_its_places_in_the_whole_grid() -> None:
    voxels = np.zeros((2, 3, 2), dtype=bool)
    voxels[1, 2, 0] = True
    mask = BoxedMask(voxels, BOX, GRID)
    assert mask.index_kji().tolist() == [[2, 3, 2]]
    assert mask.points_lps_mm() == pytest.approx(GRID.to_lps_mm([[2, 3, 2]]))


def test_a_padded_mask_holds_the_same_voxels() -> None:
    mask = BoxedMask(np.ones((2, 3, 2), dtype=bool), BOX, GRID)
    padded = mask.padded((9, 1, 0))
    assert padded.box == (slice(0, 4), slice(0, 5), slice(2, 4))
    assert padded.index_kji().tolist() == mask.index_kji().tolist()


@pytest.mark.parametrize(
    ("voxel", "at_edge"),
    [
        ((0, 2, 2), True),
        ((3, 2, 2), True),
        ((1, 0, 2), True),
        ((1, 4, 2), True),
        ((1, 2, 5), True),
        ((1, 3, 4), False),
    ],
)
def test_a_mask_touches_the_edge_where_a_voxel_lies_in_the_outermost_layer(
    voxel: tuple[int, int, int], at_edge: bool
) -> None:
    k, j, i = voxel
    mask = BoxedMask(
        np.ones((1, 1, 1), dtype=bool), (slice(k, k + 1), slice(j, j + 1), slice(i, i + 1)), GRID
    )
    assert mask.touches_edge == at_edge
    assert mask.padded((3, 3, 3)).touches_edge == at_edge  # an empty margin at the edge is not the mask


def test_of_overlapping_masks_the_later_stands_in_the_label_map() -> None:
    ones = BoxedMask(np.ones((2, 3, 2), dtype=bool), BOX, GRID)
    corner = BoxedMask(np.ones((1, 1, 1), dtype=bool), (slice(1, 2), slice(1, 2), slice(2, 3)), GRID)
    values = paint_labels([(1, ones), (2, corner)], GRID, {1: "a", 2: "b"}).values
    assert np.bincount(values.ravel()).tolist() == [120 - 12, 11, 1]


def test_more_than_255_labels_need_16_bits() -> None:
    corner = BoxedMask(np.ones((1, 1, 1), dtype=bool), (slice(1, 2), slice(1, 2), slice(2, 3)), GRID)
    labels = paint_labels([(300, corner)], GRID, {})
    assert labels.values.dtype == np.uint16
    assert labels.values.max() == 300


def test_values_that_occur_are_listed_without_nothing() -> None:
    grid = Geometry.from_spacing((2, 1, 3), spacing_mm=(1.0, 1.0, 1.0))
    values = np.array([[[0, 7, 2]], [[0, 300, 2]]], dtype=np.uint16)
    assert LabelMap(values, grid).present() == [2, 7, 300]
    assert LabelMap(np.zeros_like(values), grid).present() == []


def whole_grid(mask: BoxedMask) -> Any:
    full = np.zeros(GRID.shape, dtype=bool)
    full[mask.box] = mask.voxels
    return full


@pytest.mark.parametrize("start", [(0, 0, 0), (1, 2, 3), (2, 3, 4)])
def test_voxels_shared_by_two_boxed_masks_are_those_of_both(start: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    k, j, i = start
    other_box: Box = (slice(k, k + 2), slice(j, j + 2), slice(i, i + 2))
    one = BoxedMask(rng.random((2, 3, 2)) < 0.7, BOX, GRID)
    other = BoxedMask(rng.random((2, 2, 2)) < 0.7, other_box, GRID)
    both = int((whole_grid(one) & whole_grid(other)).sum())
    assert one.shared_with(other) == other.shared_with(one) == both
