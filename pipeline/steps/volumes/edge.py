"""The blur of a scan, from where the skin meets the air.

The profile from air into the body is an error function whose width is the scanner's blur across the edge
(edge spread function, ICRU report 87). Where the skin lies square to the slice that is the blur in the
slice; where it slants from slice to slice, the thickness of the slice widens it: along a row the variance is
s² (1 + a²) + t² b² / 12, with s the blur in the slice, t the thickness of a slice, and a and b the slants
within and across slices. Only the outer three quarters of the height are used: what lies under the skin, fat
or muscle or plastic, shapes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.config import VolumeSettings
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.volumes.optics import Blur, Floats
from pipeline.steps.volumes.profiles import Profiles, crossing, skin_profiles

FEWEST = 60
"""Profiles below this number tell nothing."""
WIDTHS_MM = np.geomspace(0.2, 3.5, 21)
"""Widths along the row that are tried for each profile."""
SIGMAS_MM = np.geomspace(0.25, 1.6, 38)
"""Blurs in the slice tried. What is sharper than the first cannot be told with the pixels of CT."""
OUTER_SHARE = 0.75
"""Share of the height up to which a profile is compared. Half of it leaves one sample of coarse pixels."""
BEST_SHARE = 0.7
"""Share of the profiles that is believed: folds, clothes and the table spoil the rest."""
GROUPS = 5
"""Of slices, left out in turn to see how sure a blur is."""
PHASES = 6
"""Places of the edge between two samples. They count alike: of skin that runs along the pixels all profiles
would have the same one, and where samples are far apart each shows another blur."""
RAREST = 0.25
"""A place with less than this share of the usual number of profiles counts less."""


def estimate_blur(
    volume: CTVolume, body: Mask, slice_thickness_mm: float | None, settings: VolumeSettings
) -> Blur:
    """Blur in the slice from the skin, else from the settings; across it the slice thickness."""
    thickness = slice_thickness_mm or volume.geometry.spacing_mm[0]
    unknown = Blur(settings.blur_mm, thickness, settings.blur_share_unknown, from_scan=False)
    profiles = skin_profiles(volume, body)
    if sum(len(one.hu) for one in profiles) < FEWEST:
        return unknown
    by_group = _misfits(profiles, thickness)
    sigma_mm, share = _jackknifed(by_group)
    if sigma_mm >= SIGMAS_MM[-2]:
        return unknown
    return Blur(sigma_mm, thickness, float(np.hypot(share, settings.blur_share_known)), from_scan=True)


def _jackknifed(by_group: Floats) -> tuple[float, float]:
    """The blur that fits all groups, and its standard error as a share, from leaving out each.

    Source: Efron and Stein, Ann Stat 1981;9:586.
    """
    whole = by_group.sum(0)
    without = np.log([_best_sigma_mm(whole - one) for one in by_group])
    return _best_sigma_mm(whole), float(np.sqrt((len(without) - 1) * without.var()))


def _best_sigma_mm(misfit: Floats) -> float:
    """Where the misfit of the blurs tried is lowest, by the parabola through the lowest three."""
    at = int(misfit.argmin())
    if at in (0, len(SIGMAS_MM) - 1):
        return float(SIGMAS_MM[at])
    a, b, c = misfit[at - 1 : at + 2]
    step = np.log(SIGMAS_MM[1] / SIGMAS_MM[0])
    return float(SIGMAS_MM[at] * np.exp(0.5 * (a - c) / max(a - 2 * b + c, 1e-12) * step))


def _misfits(profiles: Sequence[Profiles], thickness_mm: float) -> Floats:
    """Misfit by group of slices and blur in the slice, of the profiles that are believed."""
    left = np.concatenate([_by_width(one) for one in profiles], axis=1)
    slant = np.concatenate([one.slant for one in profiles])
    across = np.concatenate([one.slant_across for one in profiles])
    group = _groups(np.concatenate([one.slices for one in profiles]))
    weight = _by_phase(np.concatenate([crossing(one.hu) for one in profiles]))
    good = left.min(0) <= np.quantile(left.min(0), BEST_SHARE)
    left, slant, across, group, weight = left[:, good], slant[good], across[good], group[good], weight[good]
    found = np.zeros((int(group.max()) + 1, len(SIGMAS_MM)))
    for n, sigma in enumerate(SIGMAS_MM):
        width = np.sqrt(sigma**2 * (1 + slant**2) + (thickness_mm * across) ** 2 / 12)
        found[:, n] = np.bincount(group, weight * _at_width(left, width), len(found))
    return found


def _by_phase(place: Floats) -> Floats:
    """Weights by which all places of the edge between two samples count alike."""
    phase = np.minimum((place % 1 * PHASES).astype(int), PHASES - 1)
    number = np.bincount(phase, minlength=PHASES)
    return np.asarray(1 / np.maximum(number, RAREST * number.mean())[phase])


def _at_width(left: Floats, width_mm: Floats) -> Floats:
    """Each profile's misfit at its own width, between those that were tried."""
    step = np.log(WIDTHS_MM[1] / WIDTHS_MM[0])
    place = np.clip(np.log(width_mm / WIDTHS_MM[0]) / step, 0, len(WIDTHS_MM) - 1.001)
    low = place.astype(int)
    column = np.arange(left.shape[1])
    return np.asarray(left[low, column] + (place - low) * (left[low + 1, column] - left[low, column]))


def _groups(slices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of slices, the same from both ends."""
    known, rank = np.unique(slices, return_inverse=True)
    folded = np.minimum(rank, len(known) - 1 - rank)
    return np.asarray(folded * GROUPS // -(-len(known) // 2))


def _by_width(profiles: Profiles) -> Floats:
    """Misfit of each profile's outer part at each width."""
    hu = profiles.hu
    air = np.median(hu[:, :2], axis=1, keepdims=True)
    height = (hu - air) / (_tissue_hu(hu)[:, None] - air)
    x = np.arange(hu.shape[1]) * profiles.step_mm
    start = crossing(hu) * profiles.step_mm
    before = np.cumsum(height > OUTER_SHARE, axis=1) == 0
    return np.array([_misfit(height, before, x, start, width) for width in WIDTHS_MM])


def _tissue_hu(hu: Floats) -> Floats:
    """Level that each profile rises to: that of the skin where fat follows it."""
    inner = np.median(hu[:, hu.shape[1] * 5 // 8 :], axis=1)
    return np.asarray(np.maximum(inner, hu[:, hu.shape[1] // 2 :].max(1)))


def _misfit(height: Floats, before: NDArray[np.bool_], x: Floats, start: Floats, width_mm: float) -> Floats:
    """Sum of squares of each profile's outer part against the error function at its best place."""
    place = start.copy()
    for _ in range(4):
        at = (x - place[:, None]) / width_mm
        off = np.where(before, height - ndtr(at), 0.0)
        slope = np.where(before, -np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi) / width_mm, 0.0)
        place = place + np.clip((off * slope).sum(1) / np.maximum((slope**2).sum(1), 1e-6), -0.3, 0.3)
    off = np.where(before, height - ndtr((x - place[:, None]) / width_mm), 0.0)
    return np.asarray((off**2).sum(1))
