"""Components from a list of voxels are those that another program finds in the whole grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from pipeline.domain.geometry import Index3
from pipeline.steps.listed import label_listed, label_places

CORNERS = np.ones((3, 3, 3), dtype=int)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(7, 9, 11), (1, 6, 30), (5, 1, 1), (12, 13, 2)])
def test_the_components_of_scipy(shape: Index3, share: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        voxels = rng.random(shape) < share
        labels, count = ndimage.label(voxels, structure=CORNERS)
        k, j, i = np.nonzero(voxels)
        listed = label_listed((k, j, i), shape)
        assert listed.count == count
        theirs = labels[voxels]
        # the same parts, under whatever numbers
        assert len(np.unique(np.stack([listed.numbers, theirs]), axis=1).T) == count


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(7, 9, 11), (1, 6, 30), (5, 1, 1), (12, 13, 2)])
def test_neighbours_by_faces_as_scipy_tells_them(shape: Index3, share: float) -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        voxels = rng.random(shape) < share
        labels, count = ndimage.label(voxels)
        numbers = label_places(np.flatnonzero(voxels), shape, connectivity=6)
        assert numbers.max(initial=0) == count
        assert len(np.unique(np.stack([numbers, labels[voxels]]), axis=1).T) == count


def test_components_are_numbered_by_their_first_voxel_and_come_in_their_boxes() -> None:
    voxels = np.zeros((4, 5, 9), dtype=bool)
    voxels[0, 0, 8] = True
    voxels[0, 1, 0] = True  # the next row: no neighbour of the end of the one before
    voxels[1:3, 3, 2:4] = True
    voxels[3, 4, 4] = True  # touches by a corner
    k, j, i = np.nonzero(voxels)
    listed = label_listed((k, j, i), (4, 5, 9))
    assert listed.count == 3
    assert [len(listed.of(n)[0]) for n in (1, 2, 3)] == [1, 1, 5]
    own, box = listed.boxed(3)
    assert box == (slice(1, 4), slice(3, 5), slice(2, 5))
    assert np.array_equal(own, voxels[box])
