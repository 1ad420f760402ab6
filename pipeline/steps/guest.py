"""A skeleton from bones that the user brings, in place of the built-in search.

Labels end a voxel or two off the edge of a bone, so a thin bright layer on a label is bone. What
the map leaves out (a patella, a coccyx, whatever lies beyond it) is looked for by the built-in
search, with the map's bones painted over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import AnatomySettings, PartingSettings, SkeletonSettings
from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Float3, grow_box
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.bone import pool_scan
from pipeline.steps.grid import bounding_box, expand, margin_voxels, pool_max, pool_steps
from pipeline.steps.skeleton import Skeleton, segment_skeleton
from pipeline.steps.voxels import Voxels, distance_to_mm, label_components, thickness_mm, within_mm

TISSUE_HU = 50
"""What the map's bones are painted over with."""
ON_BONE = "thin and on bone, may be a part of it that the anatomy leaves out"
NEXT = ndimage.generate_binary_structure(3, 1)
"""Voxels that share a face."""
FEWEST_VOXELS = 8
"""Fewer voxels beyond the rim are no deposit."""
SLAB = 48
"""Slices that are looked at together."""

Values = NDArray[np.uint8] | NDArray[np.uint16]


def skeleton_from(
    bones: LabelMap,
    smooth: CTVolume,
    body: Mask,
    settings: tuple[AnatomySettings, SkeletonSettings, PartingSettings],
    *,
    bone_hu: float,
) -> Skeleton:
    """The skeleton of a scan from a label map of bones on its grid.

    Parameters
    ----------
    bones : LabelMap
        Values are places in `BONES`, from 1.
    settings : tuple
        Of the map, of the built-in search and of its parting.
    bone_hu : float
        Level from which a layer on a bone counts as bone.
    """
    own, search, parting = settings
    bright = (smooth.hu >= bone_hu) & body.voxels
    values = grow_into_rim(bones.values, bright, smooth.geometry.spacing_mm, rim_mm=own.rim_mm)
    without = _without(smooth, values > 0)
    pooled = pool_scan(without, body, search)
    rest = segment_skeleton(without, body, pooled, search, parting, bone_hu=bone_hu)
    values = np.where(values > 0, values, _as_listed(rest.labels)).astype(np.uint8)
    solid = values > 0
    values.setflags(write=False)
    return Skeleton(
        LabelMap(values, smooth.geometry, dict(enumerate(BONES, start=1))),
        rest.lumps & ~solid,
        _near(solid, smooth, own.rim_mm, search),
        rest.beads,
    )


def _near(solid: Voxels, smooth: CTVolume, reach_mm: float, search: SkeletonSettings) -> Voxels:
    """Within a distance of bone, on the grid of the search."""
    steps = pool_steps(smooth.geometry, target_mm=search.grid_mm)
    near = within_mm(pool_max(solid, steps), smooth.geometry.coarsen(steps).spacing_mm, reach_mm)
    return np.asarray(expand(near, steps, smooth.geometry.shape))


def question_on_bone(
    candidates: Sequence[Candidate], skeleton: Skeleton, settings: AnatomySettings
) -> tuple[Candidate, ...]:
    """Doubt thin lesions on the map's bones: they may be a part of the bone that the map leaves out."""
    thin_mm = max([settings.thin_mm, *(2 * mm for mm in skeleton.labels.geometry.spacing_mm)])
    return tuple(
        replace(one, status="indeterminate", reason=ON_BONE)
        if one.kind == "lesion"
        and one.status == "definite"
        and skeleton.joined[one.mask.box][one.mask.voxels].any()
        and thickness_mm(one.mask.voxels, one.mask.geometry.spacing_mm) <= thin_mm
        else one
        for one in candidates
    )


def _without(smooth: CTVolume, bone: Voxels) -> CTVolume:
    """The scan with bones painted over as soft tissue."""
    hu = smooth.hu.copy()
    hu[bone] = np.minimum(hu[bone], TISSUE_HU)
    hu.setflags(write=False)
    return CTVolume(hu, smooth.geometry)


def _as_listed(labels: LabelMap) -> NDArray[np.uint8]:
    """Labels as places in `BONES`, from 1; names that are not in it become `other_bone`."""
    table = np.full(np.iinfo(labels.values.dtype).max + 1, len(BONES), dtype=np.uint8)
    table[0] = 0
    for value, name in labels.names.items():
        if name in BONES:
            table[value] = BONES.index(name) + 1
    return np.asarray(table[labels.values], dtype=np.uint8)


def grow_into_rim(values: Values, bright: Voxels, spacing_mm: Float3, *, rim_mm: float) -> Values:
    """Labels carried on into the bright layer on them, where it is no thicker than `rim_mm`.

    Of anything thicker (a deposit on the bone) only what lies nearer to the bone than to the thick
    part is taken.

    Parameters
    ----------
    rim_mm : float
        One voxel at least is taken, however thick.
    """
    box = bounding_box(values > 0)
    if box is None:
        return values
    k, j, i = (n + 2 for n in margin_voxels(spacing_mm, 2 * rim_mm))
    shape = (values.shape[0], values.shape[1], values.shape[2])
    rows, columns = grow_box(box, (k, j, i), shape)[1:]
    grown = values.copy()
    for start in range(box[0].start - k, box[0].stop + k, SLAB):  # a whole distance map is too large
        own = slice(max(0, start), min(shape[0], start + SLAB))
        if own.start < own.stop:
            wide = slice(max(0, own.start - k), min(shape[0], own.stop + k))
            slab = _grown(values[wide, rows, columns], bright[wide, rows, columns], spacing_mm, rim_mm)
            grown[own, rows, columns] = slab[own.start - wide.start : own.stop - wide.start]
    return grown


def _grown(values: Values, bright: Voxels, spacing_mm: Float3, rim_mm: float) -> Values:
    bone = values > 0
    distance = distance_to_mm(bone, spacing_mm)
    nearest = ndimage.distance_transform_edt(
        ~bone, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    beside = ndimage.binary_dilation(bone, structure=NEXT)
    outside = bright & ~bone
    in_rim = outside & (beside | (distance <= rim_mm))
    thick = _parts(outside & ~in_rim)
    away = distance_to_mm(thick, spacing_mm)
    taken = in_rim & (distance <= away)
    reached = label_components(taken | bone, connectivity=26)
    joined = np.isin(reached, np.unique(reached[bone])) & taken
    return np.where(joined, values[tuple(nearest)], values)


def _parts(voxels: Voxels) -> Voxels:
    """Pieces of more than a few stray voxels."""
    labels = label_components(voxels, connectivity=26)
    large = np.bincount(labels.ravel()) >= FEWEST_VOXELS
    large[0] = False
    return np.asarray(large[labels])
