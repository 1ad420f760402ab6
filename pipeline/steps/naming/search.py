"""Where the atlas may lie in a scan: every shift is tried at once, for several sizes and postures.

For each size and posture the mean distance of the two surfaces under all shifts is a correlation, and
one Fourier transform gives it. Each surface counts only where the other could show it: a scan of one hip
finds that hip.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.pose import Pose, bent
from pipeline.steps.naming.surface import ScanSurface

Grid = NDArray[np.float32]

GRID_MM = 8.0
FAR_MM = 20.0
"""Points further apart than this count as this far."""
SIZES = (0.7, 0.85, 1.0, 1.15, 1.3)
"""Against the reference patient, 13 years old: from about six years to a large adult."""
TILTS_DEG = (-20.0, 0.0, 20.0)
"""Of the pelvis, forwards and backwards."""
BENT_DEG = (0.0, 40.0)
"""Of the hips: straight, or with a pad under the knees."""
LEAST_SHOWN = 0.06
"""Share of the atlas that the scan must show."""
GUESSES_EACH = 3
GUESSES = 8


@dataclass(frozen=True, eq=False, slots=True)
class _Field:
    """A surface on a coarse grid: how many points each cell holds, and how near the surface is."""

    count: Grid
    nearness: Grid  #: FAR_MM on the surface, 0 from FAR_MM on
    origin_mm: Points


def likely_poses(scan: ScanSurface, atlas: Atlas) -> list[Pose]:
    """The best guesses over all sizes, postures and shifts, best first."""
    here = _field(scan.surface.points, scan.low_mm, scan.high_mm)
    guesses: list[tuple[float, Pose]] = []
    for size, tilt_deg, bent_deg in product(SIZES, TILTS_DEG, BENT_DEG):
        femora = dict.fromkeys(atlas.heads_mm, bent(bent_deg))
        pose = Pose.upright(atlas, size).turned(bent(-tilt_deg), femora)
        guesses += _best_shifts(here, len(scan.surface.points), pose, atlas)
    guesses.sort(key=lambda one: one[0])
    return [pose for _, pose in guesses[:GUESSES]]


def _best_shifts(here: _Field, n_here: int, pose: Pose, atlas: Atlas) -> list[tuple[float, Pose]]:
    points = pose.place(atlas)
    there = _field(points, points.min(0) - FAR_MM, points.max(0) + FAR_MM)
    shape = tuple(a + b for a, b in zip(here.count.shape, there.count.shape, strict=True))
    size = tuple(fft.next_fast_len(n, real=True) for n in shape)
    shown = _correlate(np.ones_like(here.count), there.count, size)
    mine = FAR_MM - _correlate(here.count, there.nearness, size) / n_here
    its = FAR_MM - _correlate(here.nearness, there.count, size) / np.maximum(shown, 1)
    score = np.where(shown >= LEAST_SHOWN * len(points), mine + its, np.inf)
    found = []
    for flat in np.sort(np.argpartition(score, GUESSES_EACH, axis=None)[:GUESSES_EACH]):
        at = np.array(np.unravel_index(int(flat), score.shape))
        at = np.where(at >= here.count.shape, at - np.array(size), at)
        shift_mm = here.origin_mm - there.origin_mm + at * GRID_MM
        found.append((float(score.flat[flat]), pose.shifted(shift_mm)))
    return found


def _field(points: Points, low_mm: Points, high_mm: Points) -> _Field:
    shape = np.ceil((high_mm - low_mm) / GRID_MM).astype(int) + 1
    count = np.zeros(shape, dtype=np.float32)
    index = np.rint((points - low_mm) / GRID_MM).astype(int)
    np.add.at(count, tuple(index.T), np.float32(1))
    away = ndimage.distance_transform_edt(count == 0, sampling=GRID_MM)
    return _Field(count, (FAR_MM - np.minimum(away, FAR_MM)).astype(np.float32), low_mm)


def _correlate(fixed: Grid, moving: Grid, size: tuple[int, ...]) -> Grid:
    """Sum of products for every shift of `moving`, in cells; negative shifts wrap around."""
    spectrum = fft.rfftn(fixed, size, workers=-1) * fft.rfftn(moving, size, workers=-1).conj()
    return np.asarray(fft.irfftn(spectrum, size, workers=-1), dtype=np.float32)
