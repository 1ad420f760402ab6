"""Contrast in bowel that the skeleton swallowed, given back where the atlas has no bone.

A ring of contrast around gas encloses less dense tissue as a cortex does, and lies against bone. But no
bone of the pelvis stands so far out of its place, and what does so without a cortex is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Box, Geometry, Index3, box_within, grow_box
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.steps.grid import bounding_box, expand, fine_box, margin_voxels, pool_max, pool_steps
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Voxels, component_statistics, label_components, with_neighbours, within_mm

GRID_MM = 3.0
"""The atlas is asked once for each block of this size."""
ASKED = 25
"""So many places of a component are asked whether they lie in the pelvic cavity."""
UPRIGHT = 0.6
"""What lies outside of a surface is seen from it at less than about 50° to its normal."""
LEAST_MM3 = 40.0
"""Less is not worth asking about."""


@dataclass(frozen=True, eq=False, slots=True)
class _Piece:
    """A part of the skeleton that stands off the atlas."""

    own: Voxels  #: within its box
    box: Box


def release_swallowed(
    skeleton: Skeleton, released: Voxels, pelvis: Pelvis, smooth: CTVolume, settings: ContrastSettings
) -> Skeleton:
    """The skeleton without contrast medium that lies in the pelvic cavity, away from every bone of the atlas.

    Asked twice: of what stands off the atlas a little, and of what stands off it further, since the
    atlas fits some bones no better than to a centimetre and contrast may lie against those.

    Parameters
    ----------
    released : ndarray
        bool [k, j, i], contrast that was taken for bone and is known already: what hangs on it, off the
        atlas, is contrast as well.
    """
    steps = pool_steps(smooth.geometry, target_mm=GRID_MM)
    blocks_mm = _height_mm(skeleton.solid, smooth.geometry.coarsen(steps), steps, pelvis)
    box = _around_far(blocks_mm, steps, smooth.geometry, settings)
    if box is None:
        return skeleton
    fine = fine_box(box, steps, smooth.geometry.shape)
    k, j, i = (s.stop - s.start for s in fine)
    solid, height_mm = skeleton.solid[fine], expand(blocks_mm[box], steps, (k, j, i))
    inner = _left_over(solid, released[fine], height_mm, smooth.crop(fine), settings)
    inner |= _swallowed(solid & ~inner, height_mm, pelvis, smooth.crop(fine), settings)
    return _without(skeleton, inner, fine)


def _left_over(
    solid: Voxels,
    released: Voxels,
    height_mm: NDArray[np.float32],
    smooth: CTVolume,
    settings: ContrastSettings,
) -> Voxels:
    """What stands off the atlas, no denser than contrast, and hangs on contrast that is released."""
    taken = np.zeros(solid.shape, dtype=bool)
    if not released.any():
        return taken
    near = with_neighbours(released)
    for piece in _pieces(solid & (height_mm >= settings.apart_mm), smooth.geometry, least_mm3=0.0):
        if near[piece.box][piece.own].any() and _is_even(smooth.hu[piece.box][piece.own], settings):
            taken[piece.box] |= piece.own
    return taken


def _around_far(
    blocks_mm: NDArray[np.float32], steps: Index3, geometry: Geometry, settings: ContrastSettings
) -> Box | None:
    """All blocks of bone that stand off the atlas, and their rim; None where none is far off."""
    if not (blocks_mm >= settings.far_mm).any():
        return None
    found = bounding_box(blocks_mm >= settings.apart_mm)
    if found is None:
        return None
    margin = margin_voxels(geometry.coarsen(steps).spacing_mm, settings.apart_mm)
    return grow_box(found, margin, blocks_mm.shape)


def _swallowed(
    solid: Voxels,
    height_mm: NDArray[np.float32],
    pelvis: Pelvis,
    smooth: CTVolume,
    settings: ContrastSettings,
) -> Voxels:
    """Contrast medium among bone, on the grid of a box."""
    taken = np.zeros(solid.shape, dtype=bool)
    for apart_mm, far_mm in ((settings.apart_mm, settings.far_mm), (settings.far_mm, settings.beyond_mm)):
        apart = solid & ~taken & (height_mm >= apart_mm)
        for piece in _pieces(apart, smooth.geometry):
            reaches = float(height_mm[piece.box][piece.own].max()) >= far_mm
            if reaches and _is_contrast(piece, pelvis, smooth, settings):
                _take(taken, piece, smooth.geometry, settings)
    far = height_mm >= settings.apart_mm
    return taken & solid & (height_mm >= settings.beside_bone_mm) & (far | (smooth.hu < settings.most_hu))


def _height_mm(solid: Voxels, coarse: Geometry, steps: Index3, pelvis: Pelvis) -> NDArray[np.float32]:
    """How far the blocks of bone lie outside the bones of the atlas; 0 elsewhere."""
    blocks = np.asarray(pool_max(solid, steps))
    places = coarse.to_lps_mm(np.argwhere(blocks))
    fit = pelvis.fit
    distance, found = KDTree(fit.points).query(places, workers=-1)
    height = np.einsum("ij,ij->i", places - fit.points[found], fit.normals[found])
    outside = np.where(height >= UPRIGHT * distance, distance, 0.0)
    low, high = fit.points[:, 2].min(), fit.points[:, 2].max()
    outside[(places[:, 2] < low) | (places[:, 2] > high)] = 0.0
    values = np.zeros(blocks.shape, dtype=np.float32)
    values[blocks] = outside
    return values


def _pieces(voxels: Voxels, geometry: Geometry, *, least_mm3: float = LEAST_MM3) -> Iterator[_Piece]:
    labels = label_components(voxels, connectivity=26)
    counts, boxes = component_statistics(labels)
    for number in np.flatnonzero(counts * geometry.voxel_volume_mm3 >= least_mm3):
        if number:
            yield _Piece(labels[boxes[number]] == number, boxes[number])


def _is_contrast(piece: _Piece, pelvis: Pelvis, smooth: CTVolume, settings: ContrastSettings) -> bool:
    """Whether it is even, without cortex, and mostly in the pelvic cavity or before it."""
    if not _is_even(smooth.hu[piece.box][piece.own], settings):
        return False
    index = np.argwhere(piece.own) + np.array([s.start for s in piece.box])
    some = index[np.linspace(0, len(index) - 1, min(len(index), ASKED)).astype(int)]
    places = smooth.geometry.to_lps_mm(some)
    return bool(np.mean([pelvis.encloses(one) or pelvis.lies_before(one) for one in places]) >= 0.5)


def _is_even(hu: NDArray[np.int16] | NDArray[np.float32], settings: ContrastSettings) -> bool:
    """Whether what stands off the atlas has no cortex, and is as even as contrast is."""
    if float(np.mean(hu >= settings.most_hu)) > settings.swallowed_dense_share:
        return False
    bright = hu[hu >= settings.least_hu].astype(np.float64)
    return not len(bright) or float(bright.std()) <= settings.shell_unevenness * float(np.median(bright))


def _take(taken: Voxels, piece: _Piece, geometry: Geometry, settings: ContrastSettings) -> None:
    """Mark a piece and what lies between it and the bone."""
    wide = grow_box(piece.box, margin_voxels(geometry.spacing_mm, settings.apart_mm), geometry.shape)
    inner = np.zeros(taken[wide].shape, dtype=bool)
    inner[box_within(piece.box, wide)] = piece.own
    taken[wide] |= within_mm(inner, geometry.spacing_mm, settings.apart_mm)


def _without(skeleton: Skeleton, taken: Voxels, box: Box) -> Skeleton:
    """The skeleton without what was found within a box."""
    if not taken.any():
        return skeleton
    values, joined = skeleton.labels.values.copy(), skeleton.joined.copy()
    values[box][taken] = 0
    joined[box][taken] = False
    values.setflags(write=False)
    labels = LabelMap(values, skeleton.labels.geometry, dict(skeleton.labels.names))
    return replace(skeleton, labels=labels, joined=joined)
