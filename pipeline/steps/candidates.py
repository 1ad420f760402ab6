"""Bright voxels that are not bone, gathered into components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from pipeline.config import CandidateSettings
from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Box, Geometry, box_within, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import pool_max, pool_steps
from pipeline.steps.listed import Listed, label_listed
from pipeline.steps.noise import LocalNoise
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Index, Voxels, component_boxes, label_components, within_mm

TISSUE_HU = 60.0
"""Muscle: what a seed must stand out of."""
LEAST_NOISE_HU = 1.0
"""Pictures without noise are drawn ones."""
CLEAR_MM = 8.0
"""Nearer to bone, borders of bone that was not found count as noise: its thin plates are as faint as what is
looked for."""
BONE_GRID_MM = 1.5
"""Coarse enough for a quick distance to bone."""


FAINT = "fainter than the threshold, but far out of the noise: may be another dense tissue"


@dataclass(frozen=True, eq=False, slots=True)
class Bright:
    """Voxels above the lower threshold outside bone, and which of them are bright enough to start from."""

    index: Index  #: of the voxels
    seeds: NDArray[np.bool_]  #: for each of them
    faint_seeds: NDArray[np.bool_]
    noise_hu: NDArray[np.float32]  #: at each of them
    bone: Voxels  #: [k, j, i]


@dataclass(frozen=True, slots=True)
class Specks:
    """What is too small to be listed one by one."""

    count: int
    volume_mm3: float  #: together


def find_bright(
    smooth: CTVolume,
    body: Mask,
    skeleton: Skeleton,
    local: LocalNoise,
    threshold: Threshold,
    settings: CandidateSettings,
) -> Bright:
    """Voxels that may be calcium: above the edge, with seeds that stand out of the local noise.

    Where the noise is low the edge is lower, down to the faint one, except beside bone.
    """
    index = _brighter_than(threshold.lowest_hu, smooth, body, skeleton)
    away, clear = _away_from(skeleton, index, settings.faint_bone_mm, CLEAR_MM)
    hu, noise = smooth.hu[index], local.at_hu(index, clear)
    above = hu >= threshold.edge_hu
    started = above & (hu >= threshold.seed_hu) & ~(hu < TISSUE_HU + settings.noise_factor * noise)
    faint = np.zeros(len(hu), dtype=bool)
    if threshold.faint_hu is not None:
        start_hu, edge_hu = threshold.faint_hu
        if threshold.faint_below_mm is not None:
            away &= index[0] < smooth.geometry.to_index((0.0, 0.0, threshold.faint_below_mm))[0]
        above |= (hu >= edge_hu) & (hu >= TISSUE_HU + settings.faint_edge_factor * noise) & away
        faint = (hu >= start_hu) & (hu >= TISSUE_HU + settings.faint_factor * noise) & away
    k, j, i = (axis[above] for axis in index)
    return Bright((k, j, i), started[above], faint[above], noise[above], skeleton.solid)


def _brighter_than(hu: float, smooth: CTVolume, body: Mask, skeleton: Skeleton) -> Index:
    """Indices along k, j, i of what is that bright, and no bone."""
    bright = smooth.hu >= hu
    bright &= body.voxels
    np.greater(bright, skeleton.solid, out=bright)
    k, j, i = np.unravel_index(np.flatnonzero(bright), bright.shape)
    return k, j, i


def _away_from(skeleton: Skeleton, index: Index, *distances_mm: float) -> Iterator[NDArray[np.bool_]]:
    """For each distance whether voxels lie this far from bone, told on a coarser grid."""
    geometry = skeleton.labels.geometry
    steps = pool_steps(geometry, target_mm=BONE_GRID_MM)
    bone = pool_max(skeleton.solid, steps) | pool_max(skeleton.joined, steps)
    k, j, i = (one // step for one, step in zip(index, steps, strict=True))
    for distance_mm in distances_mm:
        near = within_mm(bone, geometry.coarsen(steps).spacing_mm, distance_mm)
        yield ~near[k, j, i]


def gather_candidates(
    smooth: CTVolume, bright: Bright, threshold: Threshold, settings: CandidateSettings
) -> tuple[tuple[Candidate, ...], Specks]:
    """Components of bright voxels, fragments that lie close together taken as one.

    A component is drawn down to halfway between soft tissue and the plateau found near by, never
    below the edge threshold: the border of an object blurred by the scanner lies at half its height.
    The plateau does not depend on the threshold, so that a higher one never adds a voxel.

    Returns
    -------
    candidates : tuple of Candidate
        By falling volume; empty if nothing is bright. Faint ones are indeterminate.
    specks : Specks
        Components with a seed that are too small, or lie in the blur of something denser.
    """
    listed = label_listed(bright.index, smooth.geometry.shape)
    seeded = _has_any(listed, bright.seeds)
    faint = _faint_components(listed, smooth, bright, settings) & ~seeded
    chosen = np.flatnonzero(seeded | faint)
    cut = [_draw_edge(*listed.boxed(int(n)), smooth, bright, threshold, settings) for n in chosen]
    drawn = [
        _doubted(one) if faint[n] else one for n, one in zip(chosen, cut, strict=True) if one is not None
    ]
    dropped = [int(n) for n, one in zip(chosen, cut, strict=True) if one is None and seeded[n]]
    groups = group_fragments([one.mask for one in drawn], gap_mm=settings.fragment_gap_mm)
    candidates = [_join([drawn[n] for n in group]) for group in groups]
    ordered = sorted(candidates, key=lambda one: (-one.mask.voxel_count, _first_voxel(one.mask)))
    return tuple(ordered), _specks(listed, dropped, smooth.geometry.voxel_volume_mm3)


def _specks(listed: Listed, dropped: Sequence[int], voxel_mm3: float) -> Specks:
    return Specks(len(dropped), sum(len(listed.of(n)[0]) for n in dropped) * voxel_mm3)


def _has_any(listed: Listed, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each number, from 0 on, whether a voxel of that component is one of these."""
    return np.bincount(listed.numbers[which], minlength=listed.count + 1) > 0


def _doubted(one: Candidate) -> Candidate:
    return replace(one, status="indeterminate", reason=FAINT)


def _faint_components(
    listed: Listed, smooth: CTVolume, bright: Bright, settings: CandidateSettings
) -> NDArray[np.bool_]:
    """For each number whether its component has a faint seed and is, as a whole, far more than noise."""
    if not bright.faint_seeds.any():
        return np.zeros(listed.count + 1, dtype=bool)
    height = (smooth.hu[bright.index] - TISSUE_HU) / np.maximum(bright.noise_hu, LEAST_NOISE_HU)
    found = np.bincount(listed.numbers, height, listed.count + 1) >= settings.faint_sum
    return np.asarray(found & _has_any(listed, bright.faint_seeds))


def _first_voxel(mask: BoxedMask) -> tuple[int, ...]:
    return tuple(int(s.start) for s in mask.box)


def _draw_edge(
    own: Voxels,
    box: Box,
    smooth: CTVolume,
    bright: Bright,
    threshold: Threshold,
    settings: CandidateSettings,
) -> Candidate | None:
    hu = smooth.hu[box].astype(np.float32)
    if np.count_nonzero(own) * smooth.geometry.voxel_volume_mm3 < settings.smallest_mm3:
        return None
    edge = np.maximum(threshold.lowest_hu, (_plateau_hu(smooth, bright.bone, box, settings) + TISSUE_HU) / 2)
    inside = own & (hu >= edge)
    if not inside.any():
        return None
    rim = inside & ~ndimage.binary_erosion(inside, structure=np.ones((3, 3, 3), dtype=bool))
    mask = tight_mask(inside, box, smooth.geometry)
    pieces = int(label_components(mask.voxels, connectivity=26).max())
    return Candidate(mask, float(np.median(edge[rim])), pieces, float(hu[own].max()))


def _plateau_hu(smooth: CTVolume, bone: Voxels, box: Box, settings: CandidateSettings) -> NDArray[np.float32]:
    """Greatest HU outside bone within reach of every voxel of a box, one voxel at least along each axis."""
    radii = [max(1, int(settings.plateau_reach_mm / spacing)) for spacing in smooth.geometry.spacing_mm]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in radii)]
    scaled = [axis / (r + 1e-9) for axis, r in zip(axes, radii, strict=True)]
    footprint = scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2 <= 1
    wide = grow_box(box, (radii[0], radii[1], radii[2]), smooth.geometry.shape)
    hu = np.where(bone[wide], np.float32(-1000), smooth.hu[wide].astype(np.float32))
    plateau = ndimage.maximum_filter(hu, footprint=footprint, mode="nearest")
    return np.asarray(plateau[box_within(box, wide)], dtype=np.float32)


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
        voxels[box_within(part.mask.box, (k, j, i))] |= part.mask.voxels
    weights = [part.mask.voxel_count for part in parts]
    surest = min(parts, key=lambda part: part.status != "definite")
    edge_hu = float(np.average([part.edge_hu for part in parts], weights=weights))
    return Candidate(
        BoxedMask(voxels, (k, j, i), geometry),
        edge_hu,
        sum(part.fragment_count for part in parts),
        max(part.peak_hu for part in parts),
        status=surest.status,
        reason=surest.reason,
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
