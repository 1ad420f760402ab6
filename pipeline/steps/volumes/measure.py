"""Volumes of all lesions of a scan, corrected for partial volume, each with its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import VolumeSettings
from pipeline.domain.geometry import Box, grow_box
from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.domain.lesion import VolumeEstimate
from pipeline.steps.volumes.fit import Fit, fit_volume
from pipeline.steps.volumes.limits import add_up, estimate_from
from pipeline.steps.volumes.optics import Blur, Floats
from pipeline.steps.volumes.region import Region, lesion_region, region_box, with_nearer_tissue
from pipeline.steps.voxels import Voxels

EVEN_TISSUE_HU = 15.0
"""Where the tissue around differs by more than this, it is looked for again, nearer to the lesion,"""
TURNS = 3
"""so many times at most,"""
STILL_SHARE = 0.01
"""or until contrast times volume changes by no more than this."""
SEEN_BESIDE_VOXELS = (0, 2, 2)
"""As far beyond its outline the score of a lesion asks what is bone or another's (`calcium`)."""
LEAST_BLOCK_SHARE = 0.02
"""A block with less of the outline takes the density of the others."""


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """What a lesion's volume depends on besides itself."""

    volume: CTVolume
    bone: NDArray[np.integer[Any]] | None  #: above 0 on the scan's grid
    masks: tuple[BoxedMask, ...]  #: all lesions
    blur: Blur
    noise_hu: float


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """A lesion's volume, and its region against the tissue that the volume was found in."""

    estimate: VolumeEstimate
    region: Region


def measure_volumes(around: Scene, settings: VolumeSettings) -> tuple[VolumeEstimate, ...]:
    """The volume of each lesion, in the order of the masks."""
    return tuple(
        measure_volume(around, number, cut_region(around, number, settings), settings).estimate
        for number in range(len(around.masks))
    )


def scene_of_one(around: Scene, number: int, settings: VolumeSettings) -> Scene:
    """The scene as one lesion sees it: itself first, then bone and all others near it as one mask."""
    mask = around.masks[number]
    box = grow_box(region_box(mask, around.blur, settings), SEEN_BESIDE_VOXELS, mask.geometry.shape)
    taken = taken_around(around, number, box)
    others = () if taken is None else (BoxedMask(taken, box, mask.geometry),)
    return replace(around, bone=None, masks=(mask, *others))


def cut_region(around: Scene, number: int, settings: VolumeSettings) -> Region:
    """One lesion in its surroundings."""
    mask = around.masks[number]
    taken = taken_around(around, number, region_box(mask, around.blur, settings))
    return lesion_region(around.volume, mask, taken, around.blur, settings, noise_hu=around.noise_hu)


def measure_volume(around: Scene, number: int, region: Region, settings: VolumeSettings) -> Measured:
    """The volume of one lesion, from its region in the scene.

    Contrast times volume is taken as the integral of HU above the tissue around, which blur
    conserves; the contrast of the pure material comes from the volume whose blurred picture fits (`fit`).
    A lesion larger than a block is measured block by block, so that each has its own density.
    """
    mask = around.masks[number]
    region, fits = _fit_in_tissue(region, around, settings)
    sure = _sure(fits)
    if not sure:
        return Measured(estimate_from(None, region, mask, around.blur, settings), region)
    pure = _pure_hu(sure)
    rest = sum(part.mass for part, fit in fits if fit is None or part.share < LEAST_BLOCK_SHARE)
    found = add_up([fit for _, fit in sure])
    if rest:
        found = replace(found, volume_mm3=found.volume_mm3 + rest / pure)
    return Measured(estimate_from(found, region, mask, around.blur, settings), region)


def _fit_in_tissue(region: Region, around: Scene, settings: VolumeSettings) -> tuple[Region, list[_Fitted]]:
    """Fits of all blocks; where the tissue is uneven, against that which is seen beside the lesion.

    What is seen there depends on the blur of the fit: the two are found in turn.
    """
    blocks = _blocks(region, settings.block_mm)
    fits = _fits(region, blocks, around)
    mass = _mass(fits)
    for _ in range(TURNS if region.tissue_spread_hu > EVEN_TISSUE_HU and _sure(fits) else 0):
        seen = np.zeros(region.contrast_hu.shape, dtype=np.float32)
        for block, (_, fit) in zip(blocks, fits, strict=True):
            if fit is not None:
                seen[block] = fit.seen_hu
        region = with_nearer_tissue(region, seen, _pure_hu(_sure(fits)), around.volume)
        fits, last = _fits(region, blocks, around), mass
        mass = _mass(fits)
        if not _sure(fits) or abs(mass - last) < STILL_SHARE * abs(last):
            break
    return region, fits


def _sure(fits: Sequence[_Fitted]) -> list[tuple[_Part, Fit]]:
    return [(part, fit) for part, fit in fits if fit is not None and part.share >= LEAST_BLOCK_SHARE]


def _pure_hu(sure: Sequence[tuple[_Part, Fit]]) -> float:
    """Contrast of the pure material, over all blocks."""
    return float(
        np.average([fit.contrast_hu for _, fit in sure], weights=[fit.volume_mm3 for _, fit in sure])
    )


def _mass(fits: Sequence[_Fitted]) -> float:
    """Contrast times volume of all blocks."""
    return sum(part.mass for part, _ in fits)


def _fits(region: Region, blocks: Sequence[Box], around: Scene) -> list[_Fitted]:
    return [(_part(region, block), _fit(region, block, around)) for block in blocks]


def taken_around(around: Scene, number: int, box: Box) -> Voxels | None:
    """Bone and the other lesions in a box."""
    taken = np.zeros([s.stop - s.start for s in box], dtype=bool)
    if around.bone is not None:
        taken |= around.bone[box] > 0
    for n, other in enumerate(around.masks):
        if n != number:
            _paint(taken, box, other)
    return taken if taken.any() else None


def _paint(voxels: Voxels, box: Box, mask: BoxedMask) -> None:
    """Set the voxels of a mask that fall in a box."""
    both = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, mask.box, strict=True)]
    if any(start >= stop for start, stop in both):
        return
    here = tuple(slice(start - s.start, stop - s.start) for (start, stop), s in zip(both, box, strict=True))
    there = tuple(
        slice(start - s.start, stop - s.start) for (start, stop), s in zip(both, mask.box, strict=True)
    )
    voxels[here] |= mask.voxels[there]


@dataclass(frozen=True, slots=True)
class _Part:
    """A block of a region."""

    mass: float  #: contrast times volume
    share: float  #: of the outline


_Fitted = tuple[_Part, Fit | None]


def _part(region: Region, block: Box) -> _Part:
    voxel_mm3 = float(np.prod(region.spacing_mm))
    own = float(int(np.count_nonzero(region.own[block])) / max(1, int(np.count_nonzero(region.own))))
    return _Part(float(region.contrast_hu[block].sum(dtype=np.float64)) * voxel_mm3, own)


def _fit(region: Region, block: Box, around: Scene) -> Fit | None:
    contrast: Floats = region.contrast_hu[block]
    return fit_volume(
        contrast, region.voxels[block], region.spacing_mm, around.blur, noise_hu=region.noise.sd_hu
    )


def _blocks(region: Region, side_mm: float) -> list[Box]:
    """Boxes of about a side that make up the region's own box."""
    edges = []
    for axis in range(3):
        set_along = np.flatnonzero(region.voxels.any(tuple(other for other in range(3) if other != axis)))
        start, stop = int(set_along[0]), int(set_along[-1]) + 1
        count = max(1, int((stop - start) * region.spacing_mm[axis] / side_mm + 0.3))
        edges.append(np.linspace(start, stop, count + 1).round().astype(int))
    k, j, i = edges
    boxes: list[Box] = [
        (slice(k0, k1), slice(j0, j1), slice(i0, i1))
        for k0, k1 in pairwise(k)
        for j0, j1 in pairwise(j)
        for i0, i1 in pairwise(i)
    ]
    return [box for box in boxes if region.voxels[box].any()]
