"""Bone: bright components that have a cortex around a less dense inside.

First everything bright that hangs together is gathered, then each component is asked whether it
encloses an inside (see `enclosure`). What a lump of calcium added to a bone by touching it is
taken off again in `parting`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SkeletonSettings
from pipeline.domain.geometry import Box, Float3, Index3
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.enclosure import enclosed_fraction
from pipeline.steps.grid import expand, fine_box, pool_max, pool_mean, pool_steps
from pipeline.steps.listed import label_places
from pipeline.steps.voxels import HU, Index, Voxels, label_components, with_neighbours

MUSCLE_HU = np.float32(50)
MARROW_FLOOR_HU = -250.0
"""Below this there is gas: the inside of a bowel loop, not of a bone."""
SPONGIOSA_CONTRAST_HU = 100.0
"""A weaker contrast, asked of a component by itself: small bones and those without a dense cortex."""
SPONGIOSA_CORTEX_HU = 200.0
SPONGIOSA_FRACTION = 0.07
"""Share of a component that must be enclosed by itself at the weaker contrast: small bones of adults have
0.1 to 0.5, homogeneous calcium up to 0.07 by its texture."""
MARROW_FRACTION = 0.02
"""The same at the full contrast."""
SURE_FRACTION = 0.15
"""Components with this share of marrow among everything else around need no test by themselves."""
SMALLEST_BONE_MM3 = 100.0
"""A smaller component cannot be told to be bone by its inside."""


@dataclass(frozen=True, eq=False, slots=True)
class Bone:
    """Bright components told to be bone, and their inside."""

    solid: Voxels  #: [k, j, i], cortex and inside, still with lumps that touch it
    marrow: Voxels  #: [k, j, i], the enclosed inside


@dataclass(frozen=True, eq=False, slots=True)
class Gathered:
    """Bright components as a list: few of the voxels of a scan are in any."""

    places: NDArray[np.int64]  #: positions in the flattened grid, rising
    numbers: NDArray[np.int64]  #: the component of each, from 1
    shape: Index3  #: of the grid

    @classmethod
    def of(cls, bright: Voxels) -> Gathered:
        """The components of a grid's set voxels, neighbours by faces."""
        k, j, i = bright.shape
        places = np.flatnonzero(bright)
        return cls(places, label_places(places, (k, j, i), connectivity=6), (k, j, i))

    def within(self, voxels: Voxels) -> NDArray[np.int64]:
        """The component of each listed voxel that is set in a mask."""
        return self.numbers[voxels.ravel()[self.places]]

    def parts(self, wanted: Voxels) -> Iterator[tuple[int, Index]]:
        """Each component that is wanted, with the indices of its voxels."""
        chosen = wanted[self.numbers]
        index = np.unravel_index(self.places[chosen], self.shape)
        order = np.argsort(self.numbers[chosen], kind="stable")
        label, first = np.unique(self.numbers[chosen][order], return_index=True)
        for n, number in enumerate(label):
            own = order[first[n] : first[n + 1] if n + 1 < len(first) else None]
            k, j, i = (axis[own] for axis in index)
            yield int(number), (k, j, i)


@dataclass(frozen=True, eq=False, slots=True)
class PooledScan:
    """The scan on the coarser grid where bone is looked for."""

    mean_hu: NDArray[np.float32]  #: [k, j, i], over the blocks
    peak_hu: HU  #: [k, j, i], over the blocks
    body: Voxels
    steps: Index3  #: voxels of a block
    spacing_mm: Float3
    shape: Index3  #: of the fine grid

    cut: tuple[tuple[bool, bool], ...] = ((True, True), (True, True), (True, True))
    """For each axis, whether the low and the high edge are edges of the scan."""

    @property
    def fine_spacing_mm(self) -> Float3:
        """Of the fine grid."""
        k, j, i = (spacing / step for spacing, step in zip(self.spacing_mm, self.steps, strict=True))
        return k, j, i

    def fine_box(self, box: Box) -> Box:
        """The voxels of the fine grid that a box of blocks stands for."""
        return fine_box(box, self.steps, self.shape)

    def crop(self, box: Box) -> PooledScan:
        """The part inside a box of blocks."""
        fine = self.fine_box(box)
        k, j, i = (s.stop - s.start for s in fine)
        cut = tuple(
            (own[0] and s.start == 0, own[1] and s.stop == size)
            for own, s, size in zip(self.cut, box, self.mean_hu.shape, strict=True)
        )
        return replace(
            self,
            mean_hu=self.mean_hu[box],
            peak_hu=self.peak_hu[box],
            body=self.body[box],
            shape=(k, j, i),
            cut=cut,
        )

    def without(self, blocks: Voxels) -> PooledScan:
        """The same with some blocks turned to soft tissue."""
        mean_hu, peak_hu = self.mean_hu.copy(), self.peak_hu.copy()
        for hu in (mean_hu, peak_hu):
            hu[blocks] = np.minimum(hu[blocks], MUSCLE_HU)
        return replace(self, mean_hu=mean_hu, peak_hu=peak_hu)


def pool_scan(smooth: CTVolume, body: Mask, settings: SkeletonSettings) -> PooledScan:
    """Bring a scan to the grid where bone is looked for."""
    steps = pool_steps(smooth.geometry, target_mm=settings.grid_mm)
    return PooledScan(
        mean_hu=pool_mean(smooth.hu, steps),
        peak_hu=pool_max(smooth.hu, steps),
        body=pool_max(body.voxels, steps),
        steps=steps,
        spacing_mm=smooth.geometry.coarsen(steps).spacing_mm,
        shape=smooth.geometry.shape,
    )


def segment_bone(
    bright: Voxels, pooled: PooledScan, settings: SkeletonSettings, *, known: Voxels | None = None
) -> Bone:
    """Find the bones of a scan, whole or cut by its edges.

    Parameters
    ----------
    bright : ndarray
        bool [k, j, i], the voxels that may be bone, on the fine grid.
    pooled : PooledScan
        The scan they were taken from.
    known : ndarray, optional
        bool [k, j, i], voxels known to be bone: what hangs together with them is bone untested.
    """
    marrow = expand(find_marrow(pooled, settings), pooled.steps, pooled.shape)
    joined = bright | marrow
    found = Gathered.of(joined)
    is_bone = _which_are_bone(found, marrow, pooled, settings, known)
    solid = np.zeros(joined.shape, dtype=bool)
    solid.ravel()[found.places[is_bone[found.numbers]]] = True
    marrow &= solid
    return Bone(solid, marrow)


def find_marrow(pooled: PooledScan, settings: SkeletonSettings) -> Voxels:
    """The insides of bones: what is enclosed, is no gas, and is wider than a gap."""
    fraction = enclosed_fraction(
        pooled.mean_hu,
        pooled.peak_hu,
        spacing_mm=pooled.spacing_mm,
        reach_mm=settings.marrow_reach_mm,
        floor_hu=settings.cortex_hu,
        contrast_hu=settings.marrow_contrast_hu,
        cut=pooled.cut,
    )
    enclosed = (fraction >= settings.enclosed_fraction) & pooled.body
    enclosed &= _away_from_gas(pooled.mean_hu)
    return _without_gaps(enclosed)


def _without_gaps(enclosed: Voxels) -> Voxels:
    """What lies in squares of two by two in a slice: places a voxel wide are joint spaces and gaps."""
    corners = [(slice(a, a - 1 or None), slice(b, b - 1 or None)) for a in (0, 1) for b in (0, 1)]
    whole = np.logical_and.reduce([enclosed[:, j, i] for j, i in corners])
    kept = np.zeros_like(enclosed)
    for j, i in corners:
        kept[:, j, i] |= whole
    return kept


def _away_from_gas(mean_hu: NDArray[np.float32]) -> Voxels:
    """Where there is no gas and not its blurred rim, which may be as dense as marrow."""
    return ~with_neighbours(mean_hu <= MARROW_FLOOR_HU)


def _which_are_bone(
    found: Gathered, marrow: Voxels, pooled: PooledScan, settings: SkeletonSettings, known: Voxels | None
) -> Voxels:
    """Yes or no for every component; number 0 is never bone."""
    counts = np.bincount(found.numbers, minlength=1)
    inside = np.bincount(found.within(marrow), minlength=len(counts))
    voxel_mm3 = float(np.prod(pooled.spacing_mm)) / float(np.prod(pooled.steps))
    is_bone = inside >= SURE_FRACTION * np.maximum(counts, 1)
    is_bone &= inside * voxel_mm3 >= settings.smallest_marrow_mm3
    is_bone &= (counts - inside) * voxel_mm3 >= settings.smallest_marrow_mm3
    if known is not None:
        is_bone[found.within(known)] = True
    open_question = ~is_bone & (counts * voxel_mm3 >= SMALLEST_BONE_MM3)
    for number, own in found.parts(open_question):
        is_bone[number] = _encloses_by_itself(own, pooled, settings)
    is_bone[0] = False
    return np.asarray(is_bone)


def _encloses_by_itself(index: Index, pooled: PooledScan, settings: SkeletonSettings) -> bool:
    """Whether a component, with all others taken away, has a cortex around an inside."""
    k, j, i = (slice(int(axis.min()), int(axis.max()) + 1) for axis in index)
    coarse = _coarse_box((k, j, i), pooled)
    k, j, i = (
        axis // step - part.start for axis, step, part in zip(index, pooled.steps, coarse, strict=True)
    )
    own = np.zeros(tuple(part.stop - part.start for part in coarse), dtype=bool)
    own[k, j, i] = True
    peak = pooled.peak_hu[coarse]
    alone = np.where(own, peak, peak.dtype.type(-1000))
    for contrast, floor, least in (
        (settings.marrow_contrast_hu, settings.cortex_hu, MARROW_FRACTION),
        (SPONGIOSA_CONTRAST_HU, SPONGIOSA_CORTEX_HU, SPONGIOSA_FRACTION),
    ):
        fraction = enclosed_fraction(
            pooled.mean_hu[coarse],
            alone,
            spacing_mm=pooled.spacing_mm,
            reach_mm=settings.marrow_reach_mm,
            floor_hu=floor,
            contrast_hu=contrast,
            cut=pooled.crop(coarse).cut,
        )
        enclosed = (fraction >= settings.enclosed_fraction) & _away_from_gas(pooled.mean_hu[coarse])
        if np.count_nonzero(enclosed) >= least * np.count_nonzero(own):
            return True
    return False


def _coarse_box(box: Box, pooled: PooledScan) -> Box:
    """The box of a component on the pooled grid, one voxel wider."""
    k, j, i = (
        slice(max(0, s.start // step - 1), min(size, -(-s.stop // step) + 1))
        for s, step, size in zip(box, pooled.steps, pooled.mean_hu.shape, strict=True)
    )
    return k, j, i


def tissue_joined_to_bone(solid: Voxels, pooled: PooledScan, settings: SkeletonSettings) -> Voxels:
    """Tissue brighter than muscle that hangs on bone.

    Bright pieces in it may be cortex so thin that partial volume cut it off.
    """
    bone = pool_max(solid, pooled.steps)
    half_bright = ((pooled.mean_hu >= settings.joined_hu) & pooled.body) | bone
    groups = label_components(half_bright, connectivity=6)
    touching = np.zeros(int(groups.max()) + 1, dtype=bool)
    touching[groups[bone]] = True
    touching[0] = False
    return np.asarray(expand(touching[groups], pooled.steps, pooled.shape))
