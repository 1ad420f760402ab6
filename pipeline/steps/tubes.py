"""Tubes that can be followed from slice to slice: vessels whose border shows as a wall or as fat outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import VesselSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask
from pipeline.steps.place import Surroundings

ANGLES = np.arange(16) * 2 * np.pi / 16
RADII_MM = np.arange(2.5, 6.6, 0.5)
"""From a branch of the femoral artery to the common iliac."""
SEARCH_MM = 7.0
"""How far from a spot the axis may lie."""
DRIFT_MM = 2.0
"""How far the axis may move in the slice over 3 mm along the body."""
SLICE_MM = 2.5
"""Thinner slices are not all looked at."""
BLUR_MM = 0.7
NOISE_FACTOR = 3.0
"""A border must stand out of the noise by this many standard deviations."""
OUTSIDE_MM = 2.0
"""How far outside the rim fat is looked for."""


@dataclass(frozen=True, slots=True)
class Section:
    """A vessel across, in one slice."""

    k: int
    j_mm: float  #: of its centre, from the first row
    i_mm: float  #: of its centre, from the first column
    radius_mm: float
    border: float  #: share of directions in which its border shows
    wall: float  #: share of directions in which it shows as a bright wall


Track = tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """Differences in HU that count, never less than the noise makes by itself."""

    blood_hu: tuple[float, float]
    blood_range_hu: float
    wall_hu: float
    fat_hu: float


def _steps_hu(around: Surroundings, settings: VesselSettings) -> Steps:
    least = NOISE_FACTOR * around.noise_hu
    return Steps(
        settings.blood_hu, settings.blood_range_hu, max(settings.wall_hu, least), max(settings.fat_hu, least)
    )


def follow_vessel(mask: BoxedMask, around: Surroundings, settings: VesselSettings) -> Track | None:
    """The tube on whose rim a spot lies, slice by slice; None if there is none long enough."""
    spacing = mask.geometry.spacing_mm
    index = mask.index_kji()
    first, last = int(index[:, 0].min()), int(index[:, 0].max())
    centre = index.mean(0)
    spot = (float(centre[1] * spacing[1]), float(centre[2] * spacing[2]))
    stride = stride_of(spacing[0])
    for start, end in ((last + stride, last), (first - stride, first)):
        seed = _find_section(start, spot, SEARCH_MM, around, settings, None)
        if seed is None or not _on_rim(seed, index[np.abs(index[:, 0] - end) <= stride], spacing):
            continue
        track = _extend(seed, around, settings, stride, reach=int(settings.reach_mm / spacing[0]))
        if (track[-1].k - track[0].k + 1) * spacing[0] >= settings.length_mm:
            return track
    return None


def stride_of(spacing_k_mm: float) -> int:
    """Every how many slices a vessel is looked at."""
    return max(1, round(SLICE_MM / spacing_k_mm))


def _on_rim(section: Section, index: NDArray[np.int64], spacing_mm: Float3) -> bool:
    """Whether voxels next to a section lie on its rim, by their mean distance from its axis."""
    j_mm, i_mm = index[:, 1] * spacing_mm[1], index[:, 2] * spacing_mm[2]
    away = float(np.hypot(j_mm - section.j_mm, i_mm - section.i_mm).mean())
    return 0.5 * section.radius_mm <= away <= section.radius_mm + 2.0


def _extend(
    seed: Section, around: Surroundings, settings: VesselSettings, stride: int, *, reach: int
) -> Track:
    """Follow a section up and down until it is lost; one slice may fail."""
    found = [seed]
    for step in (stride, -stride):
        last, missed, k = seed, 0, seed.k + step
        while abs(k - seed.k) <= reach and missed <= 1:
            drift = DRIFT_MM * (abs(k - last.k) * around.smooth.geometry.spacing_mm[0]) / 3.0 + 0.5
            here = _find_section(k, (last.j_mm, last.i_mm), drift, around, settings, last.radius_mm)
            missed = 0 if here is not None else missed + 1
            if here is not None:
                found.append(here)
                last = here
            k += step
    return tuple(sorted(found, key=lambda s: s.k))


def _find_section(
    k: int,
    near_mm: tuple[float, float],
    reach_mm: float,
    around: Surroundings,
    settings: VesselSettings,
    radius_mm: float | None,
) -> Section | None:
    """The best vessel section near a place in one slice; None if none shows its border well enough."""
    if not 0 <= k < around.smooth.geometry.shape[0]:
        return None
    patch, origin, spacing = patch_around(k, near_mm, reach_mm, around)
    shifts = np.arange(-reach_mm, reach_mm + 1e-6, 0.75)
    j, i = np.meshgrid(near_mm[0] + shifts, near_mm[1] + shifts, indexing="ij")
    radii = RADII_MM if radius_mm is None else RADII_MM[np.abs(RADII_MM - radius_mm) <= 1.0]
    best: Section | None = None
    for radius in radii:
        border, wall = _border(
            patch, (j - origin[0], i - origin[1]), float(radius), spacing, _steps_hu(around, settings)
        )
        n = int(border.argmax())
        if border.flat[n] >= settings.border_share and (best is None or border.flat[n] > best.border):
            at = np.unravel_index(n, border.shape)
            best = Section(k, float(j[at]), float(i[at]), float(radius), float(border[at]), float(wall[at]))
    return best


def patch_around(
    k: int, near_mm: tuple[float, float], reach_mm: float, around: Surroundings
) -> tuple[NDArray[np.float32], tuple[float, float], tuple[float, float]]:
    """The slice around a place, lightly blurred, with the place of its first pixel in mm."""
    _, spacing_j, spacing_i = around.smooth.geometry.spacing_mm
    wide = reach_mm + RADII_MM[-1] + OUTSIDE_MM + 2
    plane = around.smooth.hu[k]
    j0, j1 = (round((near_mm[0] + s * wide) / spacing_j) for s in (-1, 1))
    i0, i1 = (round((near_mm[1] + s * wide) / spacing_i) for s in (-1, 1))
    j0, i0 = max(0, j0), max(0, i0)
    cut = plane[j0 : max(j0 + 1, j1), i0 : max(i0 + 1, i1)].astype(np.float32)
    blurred = ndimage.gaussian_filter(cut, (BLUR_MM / spacing_j, BLUR_MM / spacing_i), mode="nearest")
    return blurred, (j0 * spacing_j, i0 * spacing_i), (spacing_j, spacing_i)


def _border(
    patch: NDArray[np.float32],
    centre_mm: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius_mm: float,
    spacing_mm: tuple[float, float],
    steps: Steps,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of directions in which the border of a disc shows, and shows as a wall, for many centres."""
    j, i = centre_mm

    def ring(at_mm: float) -> NDArray[np.float64]:
        rows = (j[..., None] + at_mm * np.sin(ANGLES)) / spacing_mm[0]
        columns = (i[..., None] + at_mm * np.cos(ANGLES)) / spacing_mm[1]
        return np.asarray(
            ndimage.map_coordinates(patch, [rows, columns], order=1, mode="constant", cval=-1000.0)
        )

    inner = np.concatenate([ring(0.0)[..., :1], ring(radius_mm * 0.5)], axis=-1)
    core = np.median(inner, axis=-1)
    blood = (core >= steps.blood_hu[0]) & (core <= steps.blood_hu[1])
    blood &= inner.max(-1) - inner.min(-1) <= steps.blood_range_hu
    wall = ring(radius_mm) - core[..., None] >= steps.wall_hu
    fat = core[..., None] - ring(radius_mm + OUTSIDE_MM) >= steps.fat_hu
    return (wall | fat).mean(-1) * blood, wall.mean(-1) * blood
