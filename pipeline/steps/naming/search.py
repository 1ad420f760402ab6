"""Where the atlas may lie in a scan: every shift is tried at once, for several sizes and postures.

For each size and posture the mean distance of the two surfaces under all shifts is a correlation, and
one Fourier transform gives it. Each surface counts only where the other could show it: a scan of one hip
finds that hip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.pose import Pose, bent
from pipeline.steps.naming.surface import ScanSurface
from pipeline.steps.voxels import distance_to_mm

Grid = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

GRID_MM = 12.0
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
GUESSES = 5


@dataclass(frozen=True, eq=False, slots=True)
class _Field:
    """A surface on a coarse grid: how many points each cell holds, and how near the surface is."""

    count: Grid
    nearness: Grid  #: FAR_MM on the surface, 0 from FAR_MM on
    origin_mm: Points


@dataclass(frozen=True, eq=False, slots=True)
class _Spectra:
    """Fourier transforms of a scan's field."""

    extent: Spectrum  #: 1 wherever the scan reaches
    count: Spectrum  #: as a share of all points
    nearness: Spectrum
    field: _Field
    size: tuple[int, ...]  #: of the transform


def likely_poses(scan: ScanSurface, atlas: Atlas) -> list[Pose]:
    """The best guesses over all sizes, postures and shifts, best first."""
    tried = postures(atlas)
    largest = np.max([field.count.shape for _, field in tried], axis=0)
    here = _spectra(scan, largest)
    guesses = [guess for pose, there in tried for guess in _best_shifts(here, there, pose, len(atlas.points))]
    guesses.sort(key=lambda one: one[0])
    return [pose for _, pose in guesses[:GUESSES]]


@cache
def postures(atlas: Atlas) -> tuple[tuple[Pose, _Field], ...]:
    """The atlas in all sizes and postures; the same for every scan."""
    poses = []
    for size, tilt_deg, bent_deg in product(SIZES, TILTS_DEG, BENT_DEG):
        femora = dict.fromkeys(atlas.heads_mm, bent(bent_deg))
        poses.append(Pose.upright(atlas, size).turned(bent(-tilt_deg), femora))
    return tuple((pose, _field_around(pose.place(atlas))) for pose in poses)


def _spectra(scan: ScanSurface, largest: NDArray[np.int64]) -> _Spectra:
    """Of the scan, with room for a field of the atlas."""
    field = _field(scan.surface.points, scan.low_mm, scan.high_mm)
    shape = field.count.shape
    size = tuple(fft.next_fast_len(int(a + b), real=True) for a, b in zip(shape, largest, strict=True))
    extent, count, nearness = (
        fft.rfftn(one, size, workers=-1) for one in (np.ones_like(field.count), field.count, field.nearness)
    )
    return _Spectra(extent, count / len(scan.surface.points), nearness, field, size)


def _best_shifts(here: _Spectra, there: _Field, pose: Pose, n_there: int) -> list[tuple[float, Pose]]:
    count, nearness = (fft.rfftn(one, here.size, workers=-1).conj() for one in (there.count, there.nearness))
    shown = _summed(here.extent, count, here.size)
    mine = FAR_MM - _summed(here.count, nearness, here.size)
    its = FAR_MM - _summed(here.nearness, count, here.size) / np.maximum(shown, 1)
    score = np.where(shown >= LEAST_SHOWN * n_there, mine + its, np.inf)
    found = []
    for flat in np.sort(np.argpartition(score, GUESSES_EACH, axis=None)[:GUESSES_EACH]):
        at = np.array(np.unravel_index(int(flat), score.shape))
        at = np.where(at >= here.field.count.shape, at - np.array(here.size), at)
        shift_mm = here.field.origin_mm - there.origin_mm + at * GRID_MM
        found.append((float(score.flat[flat]), pose.shifted(shift_mm)))
    return found


def _field_around(points: Points) -> _Field:
    return _field(points, points.min(0) - FAR_MM, points.max(0) + FAR_MM)


def _field(points: Points, low_mm: Points, high_mm: Points) -> _Field:
    shape = np.ceil((high_mm - low_mm) / GRID_MM).astype(int) + 1
    count = np.zeros(shape, dtype=np.float32)
    index = np.rint((points - low_mm) / GRID_MM).astype(int)
    np.add.at(count, tuple(index.T), np.float32(1))
    away = distance_to_mm(count > 0, (GRID_MM, GRID_MM, GRID_MM))
    nearness = np.maximum(np.float32(FAR_MM) - away, np.float32(0))
    return _Field(count, np.asarray(nearness, dtype=np.float32), low_mm)


def _summed(fixed: Spectrum, moving: Spectrum, size: tuple[int, ...]) -> Grid:
    """Sum of products for every shift of what moves, in cells; negative shifts wrap around."""
    return np.asarray(fft.irfftn(fixed * moving, size, workers=-1), dtype=np.float32)
