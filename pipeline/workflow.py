"""From a scan to its analysis, and from analyses to a comparison: composition only."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.config import Settings
from pipeline.domain.analysis import Analysis, Burden, Threshold
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.change import Comparison, Registration, TimePoint
from pipeline.domain.geometry import Box, Geometry, RigidTransform, grow_box
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate, Excluded, Interval, Lesion
from pipeline.domain.scan import Scan
from pipeline.errors import UsageError
from pipeline.steps import quality
from pipeline.steps.blood import find_blood_pool
from pipeline.steps.body import segment_body
from pipeline.steps.candidates import Bright, Specks, find_bright, gather_candidates
from pipeline.steps.contrast import tell_contrast
from pipeline.steps.density import measure_density
from pipeline.steps.grid import bounding_box, embed_labels, embed_mask
from pipeline.steps.guest import question_on_bone, skeleton_from
from pipeline.steps.match import Date, Technique, match_lesions
from pipeline.steps.metal import bones_beside_metal, find_metal, hide_metal, list_metal
from pipeline.steps.mimics import classify_candidates
from pipeline.steps.naming.fit import fit_atlas
from pipeline.steps.naming.label import label_bones
from pipeline.steps.organs import question_organs
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import look_around
from pipeline.steps.register import register_skeletons
from pipeline.steps.release import release_contrast
from pipeline.steps.respond import burden_change, classify_response, follow_track
from pipeline.steps.sheets import find_skin_sheets, hide_sheets, split_sheets
from pipeline.steps.site import locate, midline_x_mm
from pipeline.steps.size import measure_size, surface_mm2
from pipeline.steps.skeleton import Skeleton, segment_skeleton
from pipeline.steps.smooth import smooth_volume
from pipeline.steps.spots import tell_spots
from pipeline.steps.stones import tell_stones
from pipeline.steps.streaks import question_density, question_streaks, spoilt_by_metal
from pipeline.steps.swallowed import release_swallowed
from pipeline.steps.threshold import adapt_to_contrast, calcium_factor, choose_threshold
from pipeline.steps.vessels import tell_vessels
from pipeline.steps.view import View

STAGES = ("body", "skeleton", "lesions", "measures")
"""The stages of `analyse`, in order."""
COMPARE_STAGES = ("registration", "tracks")
"""The stages of `compare`, in order."""
OnStage = Callable[[str], None]
"""Told the name of each stage as it begins."""


def _silent(_: str) -> None:
    """Nobody listens."""


def analyse(
    scan: Scan,
    settings: Settings | None = None,
    *,
    anatomy: Anatomy | None = None,
    on_stage: OnStage = _silent,
) -> Analysis:
    """Find and measure every soft-tissue calcification of a scan.

    Parameters
    ----------
    scan : Scan
        In HU, axes nearest to head, back, left.
    settings : Settings, optional
        The defaults if not given.
    anatomy : Anatomy, optional
        Bones and organs on the scan's grid, in place of the built-in skeleton.
    on_stage : callable
        Told the name of each stage as it begins.

    Raises
    ------
    InputRefused
        EMPTY_SCAN where there is no patient in the picture.
    """
    settings = settings or Settings()
    on_stage(STAGES[0])
    body = segment_body(scan.volume, settings.body)
    quality.require_body(body)
    found = _find(scan, body, settings, anatomy=anatomy, on_stage=on_stage)
    skeleton, threshold = found.skeleton, found.threshold
    coverage = quality.describe_coverage(body, skeleton)
    on_stage(STAGES[3])
    middle = midline_x_mm(body, in_plane_truncated=coverage.in_plane_truncated)
    settings_sha256 = settings.sha256()
    seed = f"{scan.acquisition.input_sha256}/{settings_sha256}"
    if anatomy is not None:
        seed = f"{seed}/{anatomy.sha256()}"
    lesions = _measure(found.candidates, scan.volume, skeleton, middle, seed)
    limit_mm3 = quality.detection_limit_mm3(
        scan.volume.geometry,
        threshold,
        found.noise_hu,
        noise_factor=settings.candidates.noise_factor,
        settings=settings.mimics,
    )
    excluded = _excluded(found.candidates)
    raised = (
        *quality.quality_flags(scan, coverage, found.noise_hu),
        *quality.anatomy_flags(anatomy),
        *quality.metal_flags(excluded),
        *quality.contrast_flags(scan, threshold),
        *quality.speck_flags(found.specks, settings.candidates),
    )
    return Analysis(
        scan=scan,
        settings_sha256=settings_sha256,
        flags=(*scan.flags, *raised),
        noise_hu=found.noise_hu,
        coverage=coverage,
        threshold=threshold,
        skeleton=skeleton,
        lesions=lesions,
        excluded=excluded,
        burden=_burden(lesions, limit_mm3),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """What was found in a scan, on its whole grid."""

    candidates: tuple[Candidate, ...]
    skeleton: LabelMap
    threshold: Threshold
    noise_hu: float | None
    specks: Specks


def _find(
    scan: Scan,
    body: Mask,
    settings: Settings,
    *,
    anatomy: Anatomy | None,
    on_stage: OnStage,
) -> _Found:
    """Everything bright that is not bone, told what it is; the bones; the threshold and the noise.

    Works on the box of the body alone and carries the answer back to the whole grid. The box is a
    voxel wider than the body, so that only what is cut by the scan touches its faces.
    """
    found = bounding_box(body.voxels)
    if found is None:
        raise ValueError("an empty body has no box")
    box = grow_box(found, (1, 1, 1), body.geometry.shape)
    inner, factor = scan.volume.crop(box), calcium_factor(scan.acquisition.kvp)
    inner_body = Mask(body.voxels[box], inner.geometry)
    metal = find_metal(inner, settings.metal, factor=factor)
    smooth = smooth_volume(hide_metal(inner, metal), sigma_mm=settings.candidates.smoothing_mm)
    on_stage(STAGES[1])
    threshold = choose_threshold(scan.acquisition, settings.candidates)
    bone_hu = min(settings.skeleton.bone_hu, threshold.edge_hu)
    guest = anatomy.crop(box) if anatomy is not None else None
    named = guest is not None and bool((guest.bones.values > 0).any())
    sheets = find_skin_sheets(smooth, inner_body, settings.sheets, bright_hu=bone_hu)
    bare = hide_sheets(smooth, sheets)
    skeleton = _skeleton(bare, inner_body, guest, settings, bone_hu)
    skeleton = replace(skeleton, labels=bones_beside_metal(skeleton.labels, metal))
    around = look_around(bare, inner_body, skeleton, scan.acquisition)
    if not named:  # what a map names bone is bone
        skeleton = release_contrast(skeleton, around, settings.contrast)
    fit = fit_atlas(skeleton.solid, smooth.geometry) if not named else None
    pelvis = Pelvis(fit) if fit is not None else None
    if pelvis is not None:
        skeleton = release_swallowed(skeleton, pelvis, bare, settings.contrast)
    around = replace(around.without(skeleton.solid), pelvis=pelvis)
    bones = skeleton.labels
    if not named:
        bones = label_bones(skeleton, fit, bare, inner_body, settings.skeleton)
        bones = bones_beside_metal(bones, metal)
    on_stage(STAGES[2])
    blood = find_blood_pool(bare, inner_body, skeleton)
    threshold = adapt_to_contrast(threshold, blood, scan.acquisition, settings.candidates)
    bright = find_bright(smooth, inner_body, skeleton, threshold, settings.candidates)
    candidates, specks = gather_candidates(smooth, bright, threshold, settings.candidates)
    on_skin, candidates = split_sheets(candidates, sheets)
    around = replace(around, noise_hu=_median_noise_hu(bright) or 0.0)
    candidates = tell_contrast(candidates, around, settings.contrast)
    candidates = classify_candidates(candidates, skeleton, settings.mimics)
    candidates = tell_vessels(candidates, around, settings.vessels)
    candidates = tell_spots(candidates, around, settings.spots)
    candidates = tell_stones(candidates, around, settings.stones)
    candidates = question_density(candidates, settings.metal, factor=factor)
    candidates = question_streaks(candidates, inner, inner_body, metal, settings.metal)
    if guest is not None:
        candidates = question_organs(candidates, guest.organs, settings.anatomy)
        candidates = question_on_bone(candidates, skeleton, settings.anatomy)
    candidates = (*on_skin, *candidates, *list_metal(inner, metal))
    return _Found(
        _embedded(candidates, box, body.geometry),
        embed_labels(bones, box, body.geometry),
        threshold,
        _median_noise_hu(bright),
        specks,
    )


def _median_noise_hu(bright: Bright) -> float | None:
    noise = bright.noise_hu[np.isfinite(bright.noise_hu)]
    return float(np.median(noise)) if noise.size else None


def _skeleton(
    smooth: CTVolume, body: Mask, guest: Anatomy | None, settings: Settings, bone_hu: float
) -> Skeleton:
    """Bones as the anatomy at hand names them, else as the built-in search finds them."""
    if guest is None or not (guest.bones.values > 0).any():
        return segment_skeleton(smooth, body, settings.skeleton, settings.parting, bone_hu=bone_hu)
    sections = (settings.anatomy, settings.skeleton, settings.parting)
    return skeleton_from(guest.bones, smooth, body, sections, bone_hu=bone_hu)


def _embedded(candidates: Sequence[Candidate], box: Box, geometry: Geometry) -> tuple[Candidate, ...]:
    return tuple(one.on_grid(embed_mask(one.mask, box, geometry)) for one in candidates)


def compare(
    analyses: Sequence[Analysis], settings: Settings | None = None, *, on_stage: OnStage = _silent
) -> Comparison:
    """Follow every lesion over two or more scans of one patient, in the order given.

    Parameters
    ----------
    analyses : sequence of Analysis
        In order of date.

    Raises
    ------
    UsageError
        With fewer than two.
    """
    if len(analyses) < 2:
        raise UsageError("a comparison needs at least two scans")
    settings = settings or Settings()
    on_stage(COMPARE_STAGES[0])
    registrations = _register_all(analyses, settings)
    on_stage(COMPARE_STAGES[1])
    dates = [_date(n, one, registrations, settings) for n, one in enumerate(analyses)]
    matched = match_lesions(dates, settings.match)
    tracks = tuple(
        follow_track(number, places, dates, settings.respond) for number, places in enumerate(matched, 1)
    )
    burdens = [one.burden for one in analyses]
    techniques = [date.technique for date in dates]
    later = range(1, len(analyses))
    return Comparison(
        analyses=tuple(analyses),
        time_points=_time_points(analyses),
        registrations=registrations,
        tracks=tracks,
        burden_changes=tuple(burden_change(n - 1, n, burdens, settings.respond, techniques) for n in later),
        responses=tuple(classify_response(n, tracks, burdens, settings.respond, techniques) for n in later),
    )


def _register_all(analyses: Sequence[Analysis], settings: Settings) -> tuple[Registration, ...]:
    """The first scan's skeleton laid on that of every later one, where both show bone."""
    found = []
    for n, one in enumerate(analyses[1:], start=1):
        fit = register_skeletons(analyses[0].skeleton, one.skeleton, settings.register_bones)
        if fit is not None:
            found.append(Registration(0, n, "skeleton", fit.transform, fit.residual_mm, fit.accepted))
    return tuple(found)


def _date(n: int, analysis: Analysis, registrations: Sequence[Registration], settings: Settings) -> Date:
    how = analysis.scan.acquisition
    metal = [one.mask for one in analysis.excluded if one.kind == "metal"]
    spoilt = spoilt_by_metal(metal, settings.metal)
    way = {one.to_index: one.transform for one in registrations if one.accepted}
    return Date(
        lesions=analysis.lesions,
        geometry=analysis.geometry,
        from_first=RigidTransform.identity() if n == 0 else way.get(n),
        detection_limit_mm3=analysis.burden.detection_limit_mm3,
        technique=Technique(how.kvp, how.contrast_agent, how.kernel, how.slice_thickness_mm),
        view=View(analysis.scan.volume, analysis.skeleton, analysis.excluded, spoilt),
    )


def _time_points(analyses: Sequence[Analysis]) -> tuple[TimePoint, ...]:
    dates = [one.scan.acquisition.study_date for one in analyses]
    first = dates[0]
    return tuple(
        TimePoint(n, date, (date - first).days if date is not None and first is not None else None)
        for n, date in enumerate(dates)
    )


def tracking_uid(seed: str, number: int) -> str:
    """A DICOM UID that is the same for the same lesion of the same scan and settings."""
    name = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


def _measure(
    candidates: Sequence[Candidate],
    volume: CTVolume,
    skeleton: LabelMap,
    middle_x_mm: float | None,
    seed: str,
) -> tuple[Lesion, ...]:
    chosen = [one for one in candidates if one.kind == "lesion"]
    return tuple(
        _lesion(number, one, volume, skeleton, middle_x_mm, tracking_uid(seed, number))
        for number, one in enumerate(chosen, start=1)
    )


def _lesion(
    number: int,
    candidate: Candidate,
    volume: CTVolume,
    skeleton: LabelMap,
    middle_x_mm: float | None,
    uid: str,
) -> Lesion:
    site = locate(candidate.mask, skeleton, midline_x_mm=middle_x_mm)
    return Lesion(
        id=number,
        tracking_uid=uid,
        mask=candidate.mask,
        status=candidate.status,
        why_indeterminate=candidate.reason or None,
        fragment_count=candidate.fragment_count,
        edge_hu=candidate.edge_hu,
        size=measure_size(candidate.mask),
        density=measure_density(volume, candidate.mask),
        site=site,
        bone_contact=site.bone_distance_mm == 0.0,
        touches_edge=candidate.mask.touches_edge,
    )


def _excluded(candidates: Sequence[Candidate]) -> tuple[Excluded, ...]:
    rejected = [one for one in candidates if one.kind != "lesion"]
    return tuple(_as_excluded(number, one) for number, one in enumerate(rejected, start=1))


def _as_excluded(number: int, candidate: Candidate) -> Excluded:
    if candidate.kind == "lesion":
        raise ValueError("a lesion is not excluded")
    x, y, z = candidate.mask.points_lps_mm().mean(0)
    return Excluded(
        id=number,
        mask=candidate.mask,
        kind=candidate.kind,
        reason=candidate.reason,
        volume_mm3=candidate.mask.volume_mm3,
        centroid_lps_mm=(float(x), float(y), float(z)),
        peak_hu=candidate.peak_hu,
    )


def _burden(lesions: Sequence[Lesion], detection_limit_mm3: float | None) -> Burden:
    definite = [one for one in lesions if one.status == "definite"]
    unsure = [one for one in lesions if one.status == "indeterminate"]
    return Burden(
        lesion_count=len(definite),
        volume_mm3=Interval(sum(one.size.volume_mm3.value for one in definite)),
        voxel_volume_mm3=sum(one.size.voxel_volume_mm3 for one in definite),
        indeterminate_volume_mm3=sum(one.size.volume_mm3.value for one in unsure),
        detection_limit_mm3=detection_limit_mm3,
        surface_mm2=sum(surface_mm2(one.mask) for one in definite),
    )
