"""What of a scan is a lesion's own: its voxels with their blur, and the tissue it lies in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import VolumeSettings
from pipeline.domain.geometry import Box, Float3, Index3, box_within, grow_box
from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.steps.volumes.optics import Blur, Floats
from pipeline.steps.voxels import Voxels, distance_to_mm

REACH_SIGMAS, REACH_MM = 2.1, 0.7
"""In a slice the blur of a lesion reaches this far beyond its outline."""
SLICE_REACH_MM = 0.5
"""Across slices half a thickness and half a spacing, and this."""
SOFT_HU = (-300.0, 250.0)
"""What may be the tissue around a lesion."""
CLEAR_SHARE = 0.1
"""Where less than this of a lesion is seen, the rest is the tissue beside it,"""
CLEAR_MM = 0.8
"""up to this beyond the reach of its blur,"""
NEAR_SPREAD_MM = 1.2
"""averaged over this distance."""
LEAST_CONTRAST = 0.5
"""The contrast with a part of the tissue is taken as this share of the mean one at least."""
SPREAD_MM = 2.0
"""The tissue on each side counts for that side: it is averaged over this distance."""
NOISE_LAG_MM = 3.0
"""Voxels this far apart have noise of their own."""
FEWEST_PAIRS = 60
UNKNOWN_GRAIN = 6.0
"""Voxels that have one noise in common, where it cannot be seen."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
FEWEST_VOXELS = 20
"""A shell with fewer tells nothing: the tissue is taken as muscle."""
MUSCLE_HU = 60.0
BONE_BLUR_MM = 0.8
"""What lies this near to bone or another lesion beyond a voxel has its blur in it."""
BRIGHT_SHARE, BRIGHT_NOISE = 0.5, 5.0
"""Voxels this bright (share of the peak, standard deviations) away from the outline are another object's."""
OWN_MM = 1.2
"""Nearer to the outline they are the lesion's."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise around a lesion."""

    sd_hu: float
    grain_voxels: float  #: voxels that have one noise in common


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """A lesion in its surroundings, in a box of the scan."""

    contrast_hu: Floats  #: HU above the tissue around, 0 outside the region
    voxels: Voxels  #: the lesion with its blur
    own: Voxels  #: the lesion's outline
    background_error_hu: float  #: standard deviation of the tissue's level
    noise: Noise
    tissue_spread_hu: float  #: standard deviation of its level from side to side
    touched: Voxels  #: what bone or another lesion blurs into
    clear: Voxels  #: what is near and neither theirs nor touched by them
    touched_share: float  #: share of the outline that bone or another lesion blurs into
    box: Box
    spacing_mm: Float3


def lesion_region(
    volume: CTVolume,
    mask: BoxedMask,
    taken: NDArray[np.bool_] | None,
    blur: Blur,
    settings: VolumeSettings,
    *,
    noise_hu: float,
) -> Region:
    """Cut a lesion out of the scan.

    Parameters
    ----------
    taken : array or None
        Bone and other lesions, in the box of `region_box`.
    noise_hu : float
        Of the scan, where the tissue around is too little to show its own.
    """
    spacing = volume.geometry.spacing_mm
    box = region_box(mask, blur, settings)
    own = np.zeros([s.stop - s.start for s in box], dtype=bool)
    own[box_within(mask.box, box)] = mask.voxels
    hu = volume.hu[box].astype(np.float32)
    stretched = _stretched_mm(spacing, blur)
    away = distance_to_mm(own, stretched)
    reach = _reach_mm(blur)
    others = _others(hu, own, away, taken, spacing)
    near_other = _near(others, spacing)
    shell = (away > reach) & ~near_other & (away <= reach + settings.background_mm)
    noise = _noise(hu, shell & (hu > SOFT_HU[0]) & (hu < SOFT_HU[1]), spacing, blur, fallback_hu=noise_hu)
    tissue, error = _tissue_hu(hu, shell, spacing, noise)
    region = (away <= reach) & ~others
    contrast = np.where(region, hu - tissue, np.float32(0))
    around = (hu - contrast)[region & ~own]
    uneven = float(around.std()) if around.size else 0.0
    touched = near_other & region
    contrast = _without_neighbours(contrast, own, touched)
    share = float(int(np.count_nonzero(touched & own)) / max(1, int(np.count_nonzero(own))))
    return Region(
        contrast,
        region,
        own,
        error,
        noise,
        uneven,
        touched,
        ~near_other & (away <= reach + CLEAR_MM),
        share,
        box,
        spacing,
    )


def with_nearer_tissue(region: Region, seen_hu: Floats, contrast_hu: float, volume: CTVolume) -> Region:
    """The same region against the tissue right beside the lesion, once its own blur is known.

    A lesion may fill a thin muscle in fat: what lies a few millimetres off is then not what it lies in.
    Of calcium as dense everywhere, the contrast is greater where it lies in fat; it is brought to what
    it would be in the mean of the tissue, so that a share of it is everywhere the same share of a voxel.

    Parameters
    ----------
    seen_hu : array
        Contrast of the lesion as the last fit has it.
    contrast_hu : float
        Of its pure material.
    """
    hu = volume.hu[region.box].astype(np.float32)
    beside = (hu > SOFT_HU[0]) & (hu - seen_hu < SOFT_HU[1]) & region.clear
    beside &= seen_hu < CLEAR_SHARE * max(float(seen_hu.max()), 1.0)
    if np.count_nonzero(beside) < FEWEST_VOXELS:
        return region
    sigma = [NEAR_SPREAD_MM / step for step in region.spacing_mm]
    tissue = _spread(hu - seen_hu, beside, sigma, float(np.median((hu - seen_hu)[beside])))
    weight = np.where(region.voxels, np.maximum(seen_hu, 0), 0)
    above = float(np.average(tissue, weights=weight)) - tissue
    evened = contrast_hu / np.maximum(contrast_hu + above, LEAST_CONTRAST * contrast_hu)
    contrast = np.where(region.voxels & ~region.touched, (hu - tissue) * evened, region.contrast_hu)
    return replace(region, contrast_hu=np.asarray(contrast, dtype=np.float32))


def _spread(hu: Floats, shell: Voxels, sigma: list[float], middle_hu: float) -> Floats:
    """Mean over the near voxels of a shell; the middle where none is near."""
    weight = ndimage.gaussian_filter(shell.astype(np.float32), sigma, mode="constant", truncate=3.0)
    level = np.where(shell, hu - middle_hu, 0).astype(np.float32)
    level = ndimage.gaussian_filter(level, sigma, mode="constant", truncate=3.0)
    return np.asarray(middle_hu + level / np.maximum(weight, 1e-3), dtype=np.float32)


def region_box(mask: BoxedMask, blur: Blur, settings: VolumeSettings) -> Box:
    """The box around a lesion that holds its blur and the tissue around."""
    spacing = mask.geometry.spacing_mm
    stretched = _stretched_mm(spacing, blur)
    reach = _reach_mm(blur) + settings.background_mm
    k, j, i = (int(np.ceil(reach / step)) for step in stretched)
    margin: Index3 = (k, j, i)
    return grow_box(mask.box, margin, mask.geometry.shape)


def _reach_mm(blur: Blur) -> float:
    return REACH_SIGMAS * blur.in_plane_mm + REACH_MM


def _stretched_mm(spacing_mm: Float3, blur: Blur) -> Float3:
    """Spacing in which the reach is the same along all axes."""
    across = 0.5 * blur.slice_mm + 0.5 * spacing_mm[0] + SLICE_REACH_MM
    return spacing_mm[0] * _reach_mm(blur) / across, spacing_mm[1], spacing_mm[2]


def _noise(hu: Floats, soft: Voxels, spacing_mm: Float3, blur: Blur, *, fallback_hu: float) -> Noise:
    """Noise from pairs of voxels in the tissue around, far apart and next to each other along rows.

    Under Gaussian grain two voxels at a distance d correlate by exp(-d² / 4s²), and the noise of a sum
    over many voxels is that of independent ones times the root of 4 pi s² over the voxel's area.
    """
    far = _pair_sd_hu(hu, soft, max(2, round(NOISE_LAG_MM / spacing_mm[2])))
    near = _pair_sd_hu(hu, soft, 1)
    overlap = max(1.0, blur.slice_mm / spacing_mm[0])
    if far is None or near is None:
        return Noise(fallback_hu, UNKNOWN_GRAIN * overlap)
    alike = float(np.clip(1 - (near / max(far, 1e-3)) ** 2, 1e-3, 0.97))
    return Noise(far, max(1.0, float(-np.pi / np.log(alike))) * overlap)


def _pair_sd_hu(hu: Floats, soft: Voxels, lag: int) -> float | None:
    """Standard deviation of a voxel by the differences of pairs along rows; None with too few."""
    if hu.shape[2] <= lag:
        return None
    pairs = soft[:, :, lag:] & soft[:, :, :-lag]
    if np.count_nonzero(pairs) < FEWEST_PAIRS:
        return None
    apart = np.abs(hu[:, :, lag:][pairs] - hu[:, :, :-lag][pairs])
    return float(np.median(apart)) * MAD_TO_SD / float(np.sqrt(2))


def _others(
    hu: Floats, own: Voxels, away_mm: Floats, taken: NDArray[np.bool_] | None, spacing_mm: Float3
) -> Voxels:
    """What belongs to bone, to another lesion, or is as bright and apart from the outline."""
    level = BRIGHT_SHARE * (float(np.percentile(hu[own], 90)) - MUSCLE_HU) + MUSCLE_HU
    soft = hu[(away_mm > 0) & (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])]
    noise = float(np.subtract(*np.percentile(soft, [75, 25]))) / 1.35 if soft.size > FEWEST_VOXELS else 0.0
    bright = (hu > max(level, MUSCLE_HU + BRIGHT_NOISE * noise)) & (away_mm > OWN_MM + max(spacing_mm[1:]))
    others = bright if taken is None else bright | (taken & ~own)
    return np.asarray(others)


def _near(others: Voxels, spacing_mm: Float3) -> Voxels:
    """Voxels that others blur into."""
    if not others.any():
        return np.zeros(others.shape, dtype=bool)
    return np.asarray(distance_to_mm(others, spacing_mm) <= BONE_BLUR_MM + max(spacing_mm[1:]))


def _without_neighbours(contrast_hu: Floats, own: Voxels, touched: Voxels) -> Floats:
    """Where another object blurs in, the outline decides: as dense as the rest within it, nothing beyond."""
    if not touched.any():
        return contrast_hu
    clean = own & ~touched
    inside = contrast_hu[clean] if np.count_nonzero(clean) >= 3 else contrast_hu[own]
    pure = float(np.percentile(inside, 70))
    within = np.where(clean.any(), pure, np.minimum(contrast_hu, pure))
    return np.where(touched, np.where(own, within, 0), contrast_hu).astype(np.float32)


def _tissue_hu(hu: Floats, shell: Voxels, spacing_mm: Float3, noise: Noise) -> tuple[Floats | float, float]:
    """Level of the tissue on each side of a lesion, and the standard deviation of its mean."""
    shell = shell & (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])
    count = int(np.count_nonzero(shell))
    if count < FEWEST_VOXELS:
        return MUSCLE_HU, 30.0
    known = hu[shell]
    low, middle, high = np.percentile(known, [5, 50, 95])
    shell &= (hu >= low - (middle - low)) & (hu <= high + (high - middle))
    sigma = [SPREAD_MM / step for step in spacing_mm]
    return _spread(hu, shell, sigma, float(middle)), float(known.std() * np.sqrt(noise.grain_voxels / count))
