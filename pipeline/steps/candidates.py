"""Bright voxels that are not bone, gathered into components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from pipeline.config import CandidateSettings
from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Box, Float3, Geometry
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.smooth import local_noise_hu, noise_at_hu
from pipeline.steps.voxels import Labels, Voxels, component_boxes, label_components

TISSUE_HU = 60.0
"""Muscle: what a seed must stand out of."""


@dataclass(frozen=True, eq=False, slots=True)
class Bright:
    """Voxels above the lower threshold outside bone, and which of them are bright enough to start from."""

    voxels: Voxels  #: [k, j, i]
    seeds: Voxels  #: [k, j, i]
    noise_hu: NDArray[np.float32]  #: per block; see `local_noise_hu`


def find_bright(
    smooth: CTVolume, body: Mask, skeleton: Skeleton, threshold: Threshold, settings: CandidateSettings
) -> Bright:
    """Voxels that may be calcium: above the edge, with seeds that stand out of the local noise."""
    noise_hu, steps = local_noise_hu(smooth, body)
    voxels = (smooth.hu >= threshold.edge_hu) & body.voxels & ~skeleton.solid
    seeds = voxels & (smooth.hu >= threshold.seed_hu)
    index = np.nonzero(seeds)
    needed = TISSUE_HU + settings.noise_factor * noise_at_hu(noise_hu, steps, index)
    seeds[index] = ~(smooth.hu[index] < needed)
    return Bright(voxels, seeds, noise_hu)


def gather_candidates(
    smooth: CTVolume, bright: Bright, threshold: Threshold, settings: CandidateSettings
) -> tuple[Candidate, ...]:
    """Components of bright voxels, fragments that lie close together taken as one.

    A component is drawn down to halfway between soft tissue and the plateau found near by, never
    below the edge threshold: the border of an object blurred by the scanner lies at half its height.

    Returns
    -------
    tuple of Candidate
        By falling volume; empty if nothing is bright.
    """
    labels = label_components(bright.voxels, connectivity=26)
    seeded = np.zeros(int(labels.max()) + 1, dtype=bool)
    seeded[np.unique(labels[bright.seeds])] = True
    seeded[0] = False
    boxes = component_boxes(labels)
    cut = [
        _draw_edge(labels, int(label), boxes[label - 1], smooth, threshold, settings)
        for label in np.flatnonzero(seeded)
    ]
    drawn = [one for one in cut if one is not None]
    groups = group_fragments([one.mask for one in drawn], gap_mm=settings.fragment_gap_mm)
    candidates = [_join([drawn[n] for n in group]) for group in groups]
    return tuple(sorted(candidates, key=lambda one: (-one.mask.voxel_count, _first_voxel(one.mask))))


def _first_voxel(mask: BoxedMask) -> tuple[int, ...]:
    return tuple(int(s.start) for s in mask.box)


def _draw_edge(
    labels: Labels,
    label: int,
    box: Box,
    smooth: CTVolume,
    threshold: Threshold,
    settings: CandidateSettings,
) -> Candidate | None:
    hu = smooth.hu[box].astype(np.float32)
    own = labels[box] == label
    if np.count_nonzero(own) * smooth.geometry.voxel_volume_mm3 < settings.smallest_mm3:
        return None
    plateau = _plateau_hu(np.where(own, hu, -1000), smooth.geometry.spacing_mm, settings.plateau_reach_mm)
    edge = np.maximum(threshold.edge_hu, (plateau + TISSUE_HU) / 2)
    inside = own & (hu >= edge)
    if not inside.any():
        return None
    rim = inside & ~ndimage.binary_erosion(inside, structure=np.ones((3, 3, 3), dtype=bool))
    mask = tight_mask(inside, box, smooth.geometry)
    pieces = int(label_components(mask.voxels, connectivity=26).max())
    return Candidate(mask, float(np.median(edge[rim])), pieces, float(hu[own].max()))


def _plateau_hu(hu: NDArray[np.float32], spacing_mm: Float3, reach_mm: float) -> NDArray[np.float32]:
    """Greatest HU within reach of every voxel, one voxel at least along each axis."""
    radii = [max(1, int(reach_mm / spacing)) for spacing in spacing_mm]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in radii)]
    scaled = [axis / (r + 1e-9) for axis, r in zip(axes, radii, strict=True)]
    footprint = scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2 <= 1
    return np.asarray(ndimage.maximum_filter(hu, footprint=footprint, mode="nearest"), dtype=np.float32)


def tight_mask(voxels: Voxels, box: Box, geometry: Geometry) -> BoxedMask:
    """Voxels within a box of a grid, in the smallest box that holds them; at least one must be set."""
    (inner,) = component_boxes(voxels.astype(np.uint32))
    k, j, i = (
        slice(own.start + outer.start, own.stop + outer.start) for own, outer in zip(inner, box, strict=True)
    )
    return BoxedMask(np.ascontiguousarray(voxels[inner]), (k, j, i), geometry)


def _join(parts: Sequence[Candidate]) -> Candidate:
    """Fragments of one lesion as one candidate."""
    if len(parts) == 1:
        return parts[0]
    geometry = parts[0].mask.geometry
    k, j, i = (
        slice(min(p.mask.box[axis].start for p in parts), max(p.mask.box[axis].stop for p in parts))
        for axis in range(3)
    )
    voxels = np.zeros((k.stop - k.start, j.stop - j.start, i.stop - i.start), dtype=bool)
    for part in parts:
        own = tuple(
            slice(s.start - outer.start, s.stop - outer.start)
            for s, outer in zip(part.mask.box, (k, j, i), strict=True)
        )
        voxels[own] |= part.mask.voxels
    weights = [part.mask.voxel_count for part in parts]
    edge_hu = float(np.average([part.edge_hu for part in parts], weights=weights))
    return Candidate(
        BoxedMask(voxels, (k, j, i), geometry),
        edge_hu,
        sum(part.fragment_count for part in parts),
        max(part.peak_hu for part in parts),
    )


def group_fragments(masks: Sequence[BoxedMask], *, gap_mm: float) -> list[list[int]]:
    """Which masks lie no more than a gap apart, directly or by way of others.

    The gap runs between the faces of voxels: diagonal neighbours have none.

    Returns
    -------
    list of list of int
        Groups of positions in `masks`, each in rising order.
    """
    if not masks:
        return []
    spacing = np.asarray(masks[0].geometry.spacing_mm)
    indices = [_surface(mask) for mask in masks]
    owners = np.repeat(np.arange(len(masks)), [len(one) for one in indices])
    voxels = np.concatenate(indices)
    reach = (gap_mm + float(np.linalg.norm(spacing))) * (1 + 1e-9)
    pairs = KDTree(voxels * spacing).query_pairs(reach, output_type="ndarray")
    pairs = pairs[owners[pairs[:, 0]] != owners[pairs[:, 1]]]
    empty = np.maximum(np.abs(voxels[pairs[:, 0]] - voxels[pairs[:, 1]]) - 1, 0) * spacing
    near = owners[pairs[np.linalg.norm(empty, axis=1) <= gap_mm]]
    size = len(masks)
    links = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(size, size))
    count, group = connected_components(links, directed=False)
    return [np.flatnonzero(group == n).tolist() for n in range(count)]


def _surface(mask: BoxedMask) -> NDArray[np.int64]:
    """Indices in the whole grid of the voxels with a free face."""
    padded = np.pad(mask.voxels, 1)
    outer = padded & ~ndimage.binary_erosion(padded)
    index: NDArray[np.int64] = np.argwhere(outer) - 1 + np.array([s.start for s in mask.box])
    return index
