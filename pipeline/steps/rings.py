"""Calcium that by its own form is the wall of a vessel: arcs around blood, slice after slice.

The vessel beyond the calcified stretch may lie between organs as dense as itself, where no border shows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import VesselSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask
from pipeline.steps.place import Surroundings
from pipeline.steps.tubes import RADII_MM, Section, Track

LEAST_PIXELS = 6
"""Fewer in a slice do not tell an arc."""
SECTORS = 16
CORE_SHARE = 0.5
"""The blood is looked at in so much of the radius: a wall and its blur reach 2 mm in."""


def find_ring(mask: BoxedMask, around: Surroundings, settings: VesselSettings) -> Track | None:
    """The arcs of a component, where they go on for long enough in most of its slices; else None."""
    spacing = mask.geometry.spacing_mm
    slices = mask.voxels.shape[0]
    if slices * spacing[0] < settings.ring_length_mm:
        return None
    index = mask.index_kji()
    found = [_arc(index[index[:, 0] == k], around, settings) for k in np.unique(index[:, 0])]
    arcs = tuple(one for one in found if one is not None)
    if len(arcs) < slices / 2 or len(arcs) * spacing[0] < settings.ring_length_mm:
        return None
    return arcs


def _arc(index: NDArray[np.int64], around: Surroundings, settings: VesselSettings) -> Section | None:
    """The circle through the voxels of one slice, if they lie on it and blood lies within."""
    if len(index) < LEAST_PIXELS:
        return None
    spacing = around.smooth.geometry.spacing_mm
    j_mm, i_mm = (index[:, axis].astype(np.float64) * spacing[axis] for axis in (1, 2))
    centre_j, centre_i, radius = _circle(j_mm, i_mm)
    if not RADII_MM[0] - 0.5 <= radius <= RADII_MM[-1] + 0.5:
        return None
    off = np.hypot(j_mm - centre_j, i_mm - centre_i) - radius
    turn = np.arctan2(j_mm - centre_j, i_mm - centre_i)
    share = len(np.unique(np.floor((turn + np.pi) / (2 * np.pi) * SECTORS))) / SECTORS
    if share < settings.ring_turn or float(np.sqrt(np.mean(off**2))) > settings.ring_off_mm:
        return None
    k = int(index[0, 0])
    blood = _core_hu(k, (centre_j, centre_i), radius, around)
    if blood is None or not settings.blood_hu[0] <= blood <= settings.blood_hu[1]:
        return None
    return Section(k, centre_j, centre_i, radius, share, share)


def _circle(y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[float, float, float]:
    """Centre and radius of the circle nearest to points, by linear least squares (Kåsa 1976)."""
    mean_y, mean_x = float(y.mean()), float(x.mean())
    v, u = y - mean_y, x - mean_x
    rows = np.stack([v, u, np.ones_like(v)], axis=1)
    (b, a, c), *_ = np.linalg.lstsq(rows, v**2 + u**2, rcond=None)
    return float(b / 2 + mean_y), float(a / 2 + mean_x), float(np.sqrt(max(c + (b**2 + a**2) / 4, 0.0)))


def _core_hu(k: int, centre_mm: tuple[float, float], radius_mm: float, around: Surroundings) -> float | None:
    """Median density within an arc; None outside the scan."""
    spacing: Float3 = around.smooth.geometry.spacing_mm
    reach = CORE_SHARE * radius_mm
    j0, j1 = (round((centre_mm[0] + side * reach) / spacing[1]) for side in (-1, 1))
    i0, i1 = (round((centre_mm[1] + side * reach) / spacing[2]) for side in (-1, 1))
    core = around.smooth.hu[k, max(0, j0) : j1 + 1, max(0, i0) : i1 + 1]
    return float(np.median(core)) if core.size else None
