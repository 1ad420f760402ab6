"""The blur of a scan, from where the skin meets the air.

The profile from air into the body is an error function whose width is the Gaussian sigma of the
scanner's blur in the slice (edge spread function, ICRU report 87). Only its outer half
is used: what lies under the skin, fat or muscle or plastic, shapes the inner half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.config import VolumeSettings
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.volumes.optics import Blur, Floats

SLICES = 10
"""Looked at, evenly spread."""
OUTSIDE_MM, INSIDE_MM = 4.0, 4.0
"""How far a profile reaches on both sides of the edge."""
AIR_HU, HALF_HU = -900.0, -500.0
STEEPEST = 0.5
"""Edges that run away from the row by more than this (voxel by voxel in mm) are not crossed squarely."""
FEWEST = 60
"""Profiles below this number tell nothing."""
SIGMAS_MM = np.arange(0.25, 1.5, 0.05)
"""Blurs tried. What is sharper than the first cannot be told with the pixels of CT."""
MOST_ROWS = 80
"""Of a slice; so many are enough."""
OUTER_HALF = 0.52
"""Share of the height up to which a profile is compared."""
BEST_SHARE = 0.7
"""Share of the profiles that is believed: folds, clothes and the table spoil the rest."""


def estimate_blur(
    volume: CTVolume, body: Mask, slice_thickness_mm: float | None, settings: VolumeSettings
) -> Blur:
    """Blur in the slice from the skin, else from the settings; across it the slice thickness."""
    thickness = slice_thickness_mm or volume.geometry.spacing_mm[0]
    found = [_sigma_mm(volume, body, axis) for axis in (1, 2)]
    known = [one for one in found if one is not None]
    if not known:
        return Blur(settings.blur_mm, thickness, settings.blur_share_unknown, from_scan=False)
    return Blur(float(np.mean(known)), thickness, settings.blur_share_known, from_scan=True)


def _sigma_mm(volume: CTVolume, body: Mask, axis: int) -> float | None:
    """From profiles along rows (axis 2) or columns (axis 1); None with too few."""
    spacing = volume.geometry.spacing_mm
    step, across = spacing[axis], spacing[3 - axis]
    depth = len(volume.hu)
    slices = _spread_evenly(depth, SLICES)
    profiles = [
        found
        for k in slices
        for found in _profiles(
            np.moveaxis(volume.hu[k], axis - 1, 1), np.moveaxis(body.voxels[k], axis - 1, 1), step, across
        )
    ]
    if not profiles or sum(len(values) for values, _ in profiles) < FEWEST:
        return None
    values = np.concatenate([values for values, _ in profiles])
    squareness = np.concatenate([slant for _, slant in profiles])
    return _best_sigma_mm(values, squareness, step)


def _spread_evenly(count: int, most: int) -> NDArray[np.int64]:
    """So many of a count of places, the same ones from both ends."""
    half = np.linspace(0, (count - 1) / 2, min(-(-most // 2), -(-count // 2))).astype(int)
    return np.unique(np.concatenate([half, count - 1 - half]))


def _profiles(
    hu: NDArray[np.generic], body: NDArray[np.bool_], step_mm: float, across_mm: float
) -> list[tuple[Floats, Floats]]:
    """Profiles from air into the body, from both ends of each row with the cosine of their slant."""
    found = []
    for flip in (False, True):
        own, inside = (one[:, ::-1] if flip else one for one in (hu, body))
        out, into = max(3, round(OUTSIDE_MM / step_mm)), max(3, round(INSIDE_MM / step_mm))
        first = inside.argmax(1)
        rows = np.flatnonzero(inside.any(1) & (first >= 2 * out) & (first + 2 * into < own.shape[1]))
        if len(rows) < 5:
            continue
        wide = own[rows[:, None], first[rows, None] + np.arange(-out, into)].astype(np.float64)
        edge = first[rows] - out + np.floor(_crossing(wide)).astype(int)  # wherever the body's mask ends
        values = own[rows[:, None], edge[:, None] + np.arange(-out, into)].astype(np.float64)
        place = (edge + _crossing(values)) * step_mm
        near = np.diff(rows, prepend=rows[0] - 1, append=rows[-1] + 1)
        slope = np.gradient(place, rows * across_mm)
        kept = np.isin(rows, _spread_evenly(len(own), MOST_ROWS))
        kept &= (near[:-1] == 1) & (near[1:] == 1) & (np.abs(slope) < STEEPEST)
        kept &= (values[:, : out // 2].max(1) < AIR_HU) & (values[:, -into // 2 :].mean(1) > -300)
        found.append((values[kept], 1 / np.hypot(1, slope[kept])))
    return found


def _crossing(values: Floats) -> Floats:
    """Where each profile first passes half of the way between air and tissue, in samples from its begin."""
    above = values > HALF_HU
    at = np.maximum(above.argmax(1), 1)
    row = np.arange(len(values))
    low, high = values[row, at - 1], values[row, at]
    return np.asarray(at - 1 + np.clip((HALF_HU - low) / np.maximum(high - low, 1.0), 0, 1))


def _best_sigma_mm(values: Floats, cosine: Floats, step_mm: float) -> float | None:
    """The blur that leaves least of the profiles' outer halves; each finds its own place."""
    air = np.median(values[:, :2], axis=1, keepdims=True)
    height = (values - air) / (_tissue_hu(values)[:, None] - air)
    x = np.arange(values.shape[1]) * step_mm
    start = x[0] + _crossing(values) * step_mm
    before = np.cumsum(height > OUTER_HALF, axis=1) == 0
    left = np.array([_misfit(height, before, x, start, s / cosine) for s in SIGMAS_MM])
    good = left.min(0) <= np.quantile(left.min(0), BEST_SHARE)
    total = left[:, good].sum(1)
    at = int(total.argmin())
    if at == len(SIGMAS_MM) - 1:
        return None
    if at == 0:
        return float(SIGMAS_MM[0])
    a, b, c = total[at - 1 : at + 2]
    return float(SIGMAS_MM[at] + 0.5 * (a - c) / (a - 2 * b + c) * (SIGMAS_MM[1] - SIGMAS_MM[0]))


def _tissue_hu(values: Floats) -> Floats:
    """Level that each profile rises to."""
    inner = values[:, values.shape[1] * 5 // 8 :]
    return np.asarray(np.median(inner, axis=1))


def _misfit(height: Floats, before: NDArray[np.bool_], x: Floats, start: Floats, sigma: Floats) -> Floats:
    """Sum of squares of each profile's outer half against the error function at its best place."""
    place = start.copy()
    wide = sigma[:, None]
    for _ in range(4):
        at = (x - place[:, None]) / wide
        off = np.where(before, height - ndtr(at), 0.0)
        slope = np.where(before, -np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi) / wide, 0.0)
        place = place + np.clip((off * slope).sum(1) / np.maximum((slope**2).sum(1), 1e-6), -0.3, 0.3)
    off = np.where(before, height - ndtr((x - place[:, None]) / wide), 0.0)
    return np.asarray((off**2).sum(1))
