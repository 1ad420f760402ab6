"""How sure a volume is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import VolumeSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Interval, VolumeEstimate
from pipeline.steps.volumes.fit import Fit
from pipeline.steps.volumes.optics import Blur
from pipeline.steps.volumes.region import Region

SIGMAS_95 = 1.96
BIAS = (-0.565, 0.28)
"""How far the logarithm of the fitted volume lies off, as factors of what blur takes (1 - recovery): of that
share again, and of the slice thickness over the cube root of its volume;"""
BIAS_TOUCHING = (1.19, -0.41)
"""where slices do not overlap, also of the square of the thickness over the lesion's mean height, and of 1
where the outline lies in one slice: what shares its calcium between two looks higher than it is."""
FULL_OVERLAP = 0.33
"""Thickness beyond the spacing, as a share of it, at which these two are 0: samples show the height."""
MOST_BIAS = 0.20
"""More is never taken off: it hangs on the shape, and an upright cylinder has less."""
FLOOR = 0.004
"""Standard deviation that is always left."""
OVER = (0.60, 1.6, 0.08, 0.9, 0.3, 0.35)
"""Standard deviation by which the volume may be too large: factors of the blur's share times the thickness
over the cube root of the volume, and times the square of the thickness over the mean height (of overlapping
slices the spacing stands for the thickness), of its square, of the noise, of the background's error, of an
uneven inside,"""
UNDER = (0.24, 0.60, 0.05, 0.9, 0.45, 1.1)
"""and by which it may be too small. All were fitted to 5300 random inserts (spheres, ellipsoids, rods from
2 mm, sheets from 1.5 mm; 20 to 20 000 mm³, half of them below 1000 mm³ in slices from 2 mm; slices of 0.6 to
5 mm, up to twice as thick as their spacing) and 400 of uneven inside or from other kernels; how often classes
of size and slices are held stands in ``docs/accuracy_volumes.md``."""
MOST_RATIO = 3.0
"""Ratios of the thickness are taken as this at most."""
SIDES_FACTOR = 0.15
"""Error of the background as a share of its spread from side to side: the tissue next to a lesion may
differ from that a few millimetres off."""
TOUCHED_FACTOR = 0.3
"""Where bone or another lesion blurs in, the outline decides: it is off by this share of what is touched."""
UNRESOLVED_BELOW = 0.5
"""Recovery below which density and size cannot be told apart; nor can they where the slices are higher
than the lesion."""
MOST_NOISE_SHARE = 0.35
"""With more noise than this nothing can be fitted: the counted volume stands,"""
MOST_SHARE = 1.0
"""with limits a factor of seven off on both sides, which is the most that limits are."""
DENSEST_HU = 3000.0
"""Contrast that no calcification exceeds."""


def add_up(fits: Sequence[Fit]) -> Fit:
    """One fit for the blocks of one lesion: volumes add, blur is common to all, noise is not."""
    if len(fits) == 1:
        return fits[0]
    volumes = np.array([fit.volume_mm3 for fit in fits])
    total = float(volumes.sum())
    weights = volumes / total

    def mean(name: str) -> float:
        return float(np.dot(weights, [getattr(fit, name) for fit in fits]))

    noise = float(np.sqrt(sum((w * fit.noise_share) ** 2 for w, fit in zip(weights, fits, strict=True))))
    return Fit(
        total,
        mean("contrast_hu"),
        mean("recovery"),
        mean("blur_slope"),
        noise,
        mean("uneven_share"),
        fits[0].seen_hu,
    )


def region_mm3(region: Region) -> float:
    """Volume over which an error of the tissue's level adds up."""
    return int(np.count_nonzero(region.voxels)) * float(np.prod(region.spacing_mm))


def estimate_from(
    fit: Fit | None, region: Region, mask: BoxedMask, blur: Blur, settings: VolumeSettings
) -> VolumeEstimate:
    """A volume with its limits; the counted one, with wide limits, where nothing could be fitted."""
    noise = 0.0 if fit is None else fit.noise_share * float(np.sqrt(region.noise.grain_voxels))
    if fit is None or noise > MOST_NOISE_SHARE:
        counted = estimate(mask.volume_mm3, MOST_SHARE, MOST_SHARE, 0.0, unresolved=True)
        own_hu = float(region.contrast_hu[region.own].mean())
        return replace(counted, contrast_hu=max(0.0, own_hu))
    lost = float(np.clip(1 - fit.recovery, 0, 1))
    by_height, by_size = _thickness_ratios(fit.volume_mm3, mask, blur)
    overlap = max(0.0, blur.slice_mm / region.spacing_mm[0] - 1)
    one_slice = int(np.count_nonzero(mask.voxels.any((1, 2)))) == 1
    bias = _bias(lost, by_size, overlap, by_height=by_height, one_slice=one_slice)
    volume = fit.volume_mm3 * float(np.exp(-bias))
    volume = max(volume, fit.contrast_hu * fit.volume_mm3 / DENSEST_HU)
    background = region.background_error_hu * region_mm3(region) / (fit.contrast_hu * fit.volume_mm3)
    shape = (lost * by_size / (1 + overlap), lost * (by_height / (1 + overlap)) ** 2, lost**2)
    causes = (*shape, noise, background, fit.uneven_share)
    sides = SIDES_FACTOR * region.tissue_spread_hu * region_mm3(region) / (fit.contrast_hu * fit.volume_mm3)
    rest = (FLOOR, sides, TOUCHED_FACTOR * region.touched_share)
    over, under = (
        min(MOST_SHARE, settings.widen * float(np.linalg.norm([*np.multiply(factors, causes), *rest])))
        for factors in (OVER, UNDER)
    )
    common = min(MOST_SHARE, settings.widen * abs(fit.blur_slope) * blur.share)
    found = estimate(volume, over, under, common, unresolved=fit.recovery < UNRESOLVED_BELOW or by_height > 1)
    return replace(found, contrast_hu=fit.contrast_hu * fit.volume_mm3 / volume)


def _bias(lost: float, by_size: float, overlap: float, *, by_height: float, one_slice: bool) -> float:
    """How far the logarithm of the fitted volume lies too high."""
    touching = max(0.0, 1 - overlap / FULL_OVERLAP)
    ratios = np.dot(BIAS, (lost, by_size)) + touching * np.dot(BIAS_TOUCHING, (by_height**2, one_slice))
    return min(MOST_BIAS, lost * float(ratios))


def _thickness_ratios(volume_mm3: float, mask: BoxedMask, blur: Blur) -> tuple[float, float]:
    """Slice thickness over the mean height of a lesion, and over the side of a cube of its volume."""
    _, row_mm, column_mm = mask.geometry.spacing_mm
    shadow_mm2 = int(np.count_nonzero(mask.voxels.any(0))) * row_mm * column_mm
    height_mm = volume_mm3 / shadow_mm2
    ratios = blur.slice_mm / np.array([height_mm, np.cbrt(volume_mm3)])
    by_height, by_size = np.minimum(ratios, MOST_RATIO)
    return float(by_height), float(by_size)


def estimate(
    volume_mm3: float, over_share: float, under_share: float, common_share: float, *, unresolved: bool
) -> VolumeEstimate:
    """Limits from the standard deviations of the volume's logarithm.

    Parameters
    ----------
    over_share, under_share : float
        By which it may be too large, which sets the lower limit, and too small.
    """
    lower, upper = (
        volume_mm3 * float(np.exp(sign * SIGMAS_95 * np.hypot(share, common_share)))
        for sign, share in ((-1, over_share), (1, under_share))
    )
    return VolumeEstimate(
        Interval(volume_mm3, lower, upper), over_share, under_share, common_share, unresolved
    )


def burden_interval(estimates: Sequence[VolumeEstimate]) -> Interval:
    """The sum of volumes with its limits.

    What is each lesion's own (noise, shape) adds in quadrature; the blur is wrong for all lesions in the
    same direction and adds linearly (JCGM 100:2008, 5.2.2).
    """
    value = sum(one.volume_mm3.value for one in estimates)
    halves = []
    for sign, name in ((-1.0, "over_share"), (1.0, "under_share")):
        own = [_half_mm3(one, sign * getattr(one, name)) for one in estimates]
        common = [_half_mm3(one, sign * one.common_share) for one in estimates]
        halves.append(float(np.hypot(np.linalg.norm(own), sum(common))))
    return Interval(value, max(0.0, value - halves[0]), value + halves[1])


def _half_mm3(one: VolumeEstimate, share: float) -> float:
    return one.volume_mm3.value * abs(float(np.expm1(SIGMAS_95 * share)))
