"""Noise of a CT scan: known spread, correlated like a reconstruction, stronger between the hips."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.phantoms.shapes import Floats

STREAK_LENGTH_MM = 14.0
"""Spread along x of the part of the noise that looks like streaks."""

STREAK_SHARE = 0.6
"""Variance of the streaks, against the grain's, for each unit of lateral load."""


def lateral_load(hu: Floats, spacing_mm: tuple[float, float]) -> Floats:
    """How much bone an X-ray from side to side meets, for each row of a slice.

    In units of 10 mm of water beyond the first 6 mm. Rows with less, such as those without bone, have 0 and
    keep the nominal noise.

    Parameters
    ----------
    spacing_mm : tuple of float
        Along j, i.
    """
    excess_mm = np.clip(hu - 150.0, 0.0, None).sum(1, dtype=np.float64) / 1000.0 * spacing_mm[1]
    smooth = ndimage.gaussian_filter1d(excess_mm, 6.0 / spacing_mm[0], mode="nearest")
    return np.asarray(np.clip(smooth - 6.0, 0.0, None) / 10.0)


def slice_noise(
    rng: np.random.Generator, load: Floats, shape: tuple[int, ...], grain_px: float, streak_px: float
) -> Floats:
    """Noise of one slice in units of the nominal spread.

    Parameters
    ----------
    load : array
        (j,), see `lateral_load`; the spread grows with its root.
    grain_px : float
        Spread of the Gaussian that makes the grain.
    """
    grain = _unit_noise(rng, shape, (grain_px, grain_px))
    if not load.any():
        return grain
    streaks = _unit_noise(rng, shape, (grain_px, streak_px))
    return np.asarray(grain + streaks * np.sqrt(STREAK_SHARE * load)[:, None].astype(np.float32))


def _unit_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_px: tuple[float, float]) -> Floats:
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, sigma_px, mode="wrap", truncate=3.0)
    return np.asarray(smooth / (_shrink(sigma_px[0]) * _shrink(sigma_px[1])))


def _shrink(sigma_px: float) -> float:
    """By how much a Gaussian along one axis lowers the spread of white noise."""
    impulse = np.zeros(2 * int(4 * sigma_px + 4) + 1)
    impulse[impulse.size // 2] = 1.0
    return float(np.sqrt((ndimage.gaussian_filter1d(impulse, sigma_px, truncate=3.0) ** 2).sum()))


def matter_weight(hu: Floats, spacing_mm: tuple[float, float]) -> Floats:
    """1 in and near matter, 0 in the air beyond, of one slice."""
    near: Floats = ndimage.uniform_filter(
        (hu > -950.0).astype(np.float32), [round(9.0 / s) for s in spacing_mm]
    )
    return np.asarray(np.clip(near * 20.0, 0.0, 1.0))
