"""Whether a scan is fit to be measured, and what to beware of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config import CandidateSettings, MimicSettings
from pipeline.domain.analysis import Coverage, Threshold
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, LabelMap, Mask
from pipeline.domain.lesion import Excluded, Lesion
from pipeline.domain.outlines import Edit
from pipeline.domain.scan import QualityFlag, Scan
from pipeline.errors import InputRefused
from pipeline.steps.candidates import Specks

OTHER_BONE = "other_bone"
THICK_SLICE_MM = 4.0
FAINT_CALCIUM_HU = 300.0
"""Plateau of the faintest deposit that the detection limit is stated for."""
TISSUE_HU = 60.0
BLUR_FWHM_MM = 1.5
"""Full width at half maximum of the in-plane point spread of soft-tissue kernels."""
TRUNCATED_FRACTION = 0.02
"""Share of the picture's side faces that must be body for the body to run out of the picture."""

MUCH_METAL_MM3 = 1000.0
"""As much as a screw; clips and coils are smaller."""


def describe_coverage(body: Mask, skeleton: LabelMap) -> Coverage:
    """What the scan shows and what it cuts off."""
    z_mm = body.geometry.bounds_lps_mm()[:, 2]
    shown, cut = _values_shown(skeleton), _values_on_faces(skeleton)
    return Coverage(
        z_range_mm=(float(z_mm[0]), float(z_mm[1])),
        bones_complete=tuple(skeleton.names[value] for value in shown if value not in cut),
        bones_cut=tuple(skeleton.names[value] for value in shown if value in cut),
        in_plane_truncated=_is_truncated(body.voxels),
    )


def _values_shown(skeleton: LabelMap) -> list[int]:
    """Values of the bones that a skeleton shows, rising."""
    some = set(np.unique(skeleton.values[::4, ::4, ::4]).tolist())
    return [value for value in sorted(skeleton.names) if value in some or (skeleton.values == value).any()]


def _values_on_faces(skeleton: LabelMap) -> set[int]:
    """Values on the outermost layers: bones that the edge of the scan cuts."""
    faces = [np.unique(skeleton.values.take(end, axis=axis)) for axis in range(3) for end in (0, -1)]
    return {int(value) for value in np.concatenate(faces)}


def _is_truncated(body: NDArray[np.bool_]) -> bool:
    faces = [body.take(end, axis=axis) for axis in (1, 2) for end in (0, -1)]
    return any(np.count_nonzero(face) > TRUNCATED_FRACTION * face.size for face in faces)


def quality_flags(scan: Scan, coverage: Coverage, noise_hu: float | None) -> tuple[QualityFlag, ...]:
    """What a reader of the numbers should know, beyond what the reader of the files found."""
    flags = []
    thickness = scan.acquisition.slice_thickness_mm or scan.volume.geometry.spacing_mm[0]
    if thickness > THICK_SLICE_MM:
        flags.append(
            QualityFlag("THICK_SLICE", "warning", f"{thickness:g} mm slices: small deposits are lost in them")
        )
    if coverage.in_plane_truncated:
        flags.append(
            QualityFlag("IN_PLANE_TRUNCATED", "warning", "the body runs out of the picture sideways")
        )
    if not set(coverage.bones_complete + coverage.bones_cut) - {OTHER_BONE}:
        flags.append(
            QualityFlag("ANATOMY_UNKNOWN", "warning", "no pelvis was recognised: bones have no names")
        )
    if noise_hu is None:
        flags.append(
            QualityFlag("NOISE_UNKNOWN", "warning", "no soft tissue to estimate the noise from was found")
        )
    return tuple(flags)


def anatomy_flags(anatomy: Anatomy | None) -> tuple[QualityFlag, ...]:
    """That the bones come from a label map that was handed in, and what of it is not used."""
    if anatomy is None:
        return ()
    bones = len(anatomy.bones.present())
    message = f"{bones} bones and {len(anatomy.organs.names)} other structures from a label map handed in"
    if anatomy.unnamed:
        message += f"; {anatomy.unnamed} labels without a name are not used"
    return (QualityFlag("ANATOMY_GIVEN", "info", message),)


def metal_flags(excluded: Sequence[Excluded]) -> tuple[QualityFlag, ...]:
    """How much metal there is and in which slices; none where there is no metal."""
    metal = [one for one in excluded if one.kind == "metal"]
    if not metal:
        return ()
    volume_mm3 = sum(one.volume_mm3 for one in metal)
    ends_mm = [_z_range_mm(one.mask) for one in metal]
    low, high = min(end[0] for end in ends_mm), max(end[1] for end in ends_mm)
    message = (
        f"{len(metal)} {'piece' if len(metal) == 1 else 'pieces'} of metal, {volume_mm3 / 1000:.2g} mL, "
        f"from z = {low:.0f} to {high:.0f} mm: what lies in its streaks is indeterminate"
    )
    return (QualityFlag("METAL", "serious" if volume_mm3 >= MUCH_METAL_MM3 else "warning", message),)


def contrast_flags(scan: Scan, threshold: Threshold) -> tuple[QualityFlag, ...]:
    """That contrast medium seems to be in the vessels where the files do not say so."""
    if not threshold.enhanced or scan.acquisition.contrast_agent:
        return ()
    return (
        QualityFlag("CONTRAST", "warning", "even bright tubes on both sides: contrast medium, not declared"),
    )


def site_flags(lesions: Sequence[Lesion]) -> tuple[QualityFlag, ...]:
    """How many lesions have no region, since no landmarks around them are known; none where all have one."""
    unknown = sum(one.site.region is None for one in lesions)
    if not unknown:
        return ()
    message = f"{unknown} of {len(lesions)} lesions without a region: no landmarks are known where they lie"
    return (QualityFlag("REGION_UNKNOWN", "info", message),)


def speck_flags(specks: Specks, settings: CandidateSettings) -> tuple[QualityFlag, ...]:
    """How much was too small to be listed one by one; none where there is nothing."""
    if not specks.count:
        return ()
    message = (
        f"{specks.count} bright specks below {settings.smallest_mm3:g} mm³, {specks.volume_mm3:.0f} mm³ "
        "together, are not listed one by one"
    )
    return (QualityFlag("SPECKS", "info", message),)


def edit_flags(edits: Sequence[Edit]) -> tuple[QualityFlag, ...]:
    """What a human changed of the outlines; none where nothing was changed."""
    if not edits:
        return ()
    counted = Counter(one.what for one in edits)
    words = ", ".join(f"{count} {what}" for what, count in sorted(counted.items()))
    return (QualityFlag("LESIONS_EDITED", "info", f"outlines of lesions were changed by a human: {words}"),)


def _z_range_mm(mask: BoxedMask) -> tuple[float, float]:
    z_mm = mask.points_lps_mm()[:, 2]
    return float(z_mm.min()), float(z_mm.max())


def require_body(body: Mask) -> None:
    """Refuse a scan that shows air alone.

    Raises
    ------
    InputRefused
        EMPTY_SCAN.
    """
    if not body.voxels.any():
        raise InputRefused("EMPTY_SCAN", "expected a patient, found nothing denser than air")


def detection_limit_mm3(
    geometry: Geometry,
    threshold: Threshold,
    noise_hu: float | None,
    *,
    noise_factor: float,
    settings: MimicSettings,
) -> float | None:
    """Volume of a faint deposit (300 HU) that is just seen, by blur, voxel size and noise.

    A deposit smaller than the volume over which a point is spread is dimmed by the ratio of the
    two; it is seen while its peak stays above the seed threshold and above the noise.

    Returns
    -------
    float or None
        None where the noise is unknown or a deposit that faint is never seen.
    """
    if noise_hu is None:
        return None
    needed_hu = max(threshold.seed_hu, TISSUE_HU + noise_factor * noise_hu)
    if needed_hu >= FAINT_CALCIUM_HU:
        return None
    k, j, i = geometry.spacing_mm
    spread_mm3 = float(k * np.hypot(j, BLUR_FWHM_MM) * np.hypot(i, BLUR_FWHM_MM))
    contrast = (needed_hu - TISSUE_HU) / (FAINT_CALCIUM_HU - TISSUE_HU)
    return max(settings.smallest_lesion_mm3, contrast * spread_mm3)
