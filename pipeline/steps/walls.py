"""Faintly calcified walls of vessels: a ring a little brighter than blood within and tissue without.

In the thigh a vessel lies between muscles and has no fat around it. An old artery shows there as a ring that
stands out of the noise only because it goes on, slice after slice, where a chance one does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import VesselSettings
from pipeline.domain.image import BoxedMask
from pipeline.steps.place import Surroundings
from pipeline.steps.tubes import ANGLES, OUTSIDE_MM, SEARCH_MM, Section, Track, patch_around, stride_of

RADII_MM = np.arange(2.5, 5.6, 0.5)
DRIFT_MM = 2.0
"""How far the axis may move from one slice looked at to the next, 3 mm on."""
UNEVEN_BLOOD_HU = 12.0
"""Largest standard deviation within the ring."""
STARTS = (1, 2, 3)
"""Slices beyond a spot in which a ring is first looked for."""


def follow_wall(mask: BoxedMask, around: Surroundings, settings: VesselSettings) -> Track | None:
    """The faint ring beside a spot, slice by slice; None if it is not long and clear enough."""
    spacing = mask.geometry.spacing_mm
    index = mask.index_kji()
    centre = index.mean(0)
    near = (float(centre[1] * spacing[1]), float(centre[2] * spacing[2]))
    stride = stride_of(spacing[0])
    first, last = int(index[:, 0].min()), int(index[:, 0].max())
    least_hu = max(settings.faint_hu, settings.faint_noise * around.noise_hu)
    for start in [last + n * stride for n in STARTS] + [first - n * stride for n in STARTS]:
        seed = _ring(start, near, SEARCH_MM - 1, RADII_MM, around)
        if seed is None or seed[1] < 0.75 * least_hu:
            continue
        found = _follow(seed, around, settings, stride, 0.6 * least_hu)
        length = (found[-1][0].k - found[0][0].k + 1) * spacing[0]
        if length >= settings.faint_length_mm and np.mean([height for _, height in found]) >= least_hu:
            return tuple(section for section, _ in found)
    return None


def _follow(
    seed: tuple[Section, float], around: Surroundings, settings: VesselSettings, stride: int, lost_hu: float
) -> list[tuple[Section, float]]:
    """The ring up and down until it is lost; one slice may fail."""
    reach = int(settings.reach_mm / around.smooth.geometry.spacing_mm[0])
    found = [seed]
    for step in (stride, -stride):
        last, missed, k = seed[0], 0, seed[0].k + step
        while abs(k - seed[0].k) <= reach and missed <= 1:
            radii = last.radius_mm + np.array([-0.5, 0.0, 0.5])
            here = _ring(k, (last.j_mm, last.i_mm), DRIFT_MM, radii[radii >= RADII_MM[0]], around)
            if here is None or here[1] < lost_hu:
                missed += 1
            else:
                missed, last = 0, here[0]
                found.append(here)
            k += step
    return sorted(found, key=lambda one: one[0].k)


def _ring(
    k: int, near_mm: tuple[float, float], reach_mm: float, radii_mm: NDArray[np.float64], around: Surroundings
) -> tuple[Section, float] | None:
    """The ring that stands out most near a place, and by how many HU; None outside the scan."""
    if not 0 <= k < around.smooth.geometry.shape[0]:
        return None
    patch, origin, spacing = patch_around(k, near_mm, reach_mm, around)
    shifts = np.arange(-reach_mm, reach_mm + 1e-6, 0.75)
    j, i = np.meshgrid(near_mm[0] + shifts, near_mm[1] + shifts, indexing="ij")
    best: tuple[Section, float] | None = None
    for radius in radii_mm:
        height = _height_hu(patch, (j - origin[0], i - origin[1]), float(radius), spacing)
        at = np.unravel_index(int(height.argmax()), height.shape)
        if best is None or height[at] > best[1]:
            best = (Section(k, float(j[at]), float(i[at]), float(radius), 1.0, 1.0), float(height[at]))
    return best


def _height_hu(
    patch: NDArray[np.float32],
    centre_mm: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius_mm: float,
    spacing_mm: tuple[float, float],
) -> NDArray[np.float64]:
    """How much brighter a ring is than what lies within and without, for many centres; low if no blood is."""
    j, i = centre_mm

    def around_hu(at_mm: float) -> NDArray[np.float64]:
        rows = (j[..., None] + at_mm * np.sin(ANGLES)) / spacing_mm[0]
        columns = (i[..., None] + at_mm * np.cos(ANGLES)) / spacing_mm[1]
        return np.asarray(ndimage.map_coordinates(patch, [rows, columns], order=1, mode="nearest"))

    inner = around_hu(radius_mm / 2)
    core = np.median(inner, axis=-1)
    beyond = np.maximum(core, np.median(around_hu(radius_mm + OUTSIDE_MM), axis=-1))
    blood = (core > 10) & (core < 120) & (inner.std(-1) < UNEVEN_BLOOD_HU)
    return np.asarray(np.where(blood, np.median(around_hu(radius_mm), axis=-1) - beyond, -1000.0))
