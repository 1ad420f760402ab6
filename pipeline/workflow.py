"""From a scan to its analysis, and from analyses to a comparison: composition only."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pipeline.config import Settings
from pipeline.domain.analysis import Analysis, Coverage
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.change import Comparison, Registration, TimePoint
from pipeline.domain.geometry import RigidTransform
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate, Density, Excluded, Lesion, Site, Size
from pipeline.domain.scan import Scan
from pipeline.errors import UsageError
from pipeline.finding import Found, find
from pipeline.stages import COMPARE_STAGES, STAGES, OnStage, silent
from pipeline.steps import quality
from pipeline.steps.body import segment_body
from pipeline.steps.burden import add_up_burden
from pipeline.steps.calcium import agatston_score, calcium_mass_mg
from pipeline.steps.density import measure_density
from pipeline.steps.match import Date, Technique, match_lesions
from pipeline.steps.register import register_skeletons
from pipeline.steps.respond import burden_change, classify_response, follow_track
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.layers import Tissue
from pipeline.steps.sites.locate import Ground, locate_lesions
from pipeline.steps.sites.ossified import is_possibly_ossified
from pipeline.steps.sites.skin import Skin
from pipeline.steps.size import measure_size
from pipeline.steps.streaks import spoilt_by_metal
from pipeline.steps.view import View
from pipeline.steps.volumes.edge import estimate_blur
from pipeline.steps.volumes.measure import Scene, measure_volumes
from pipeline.steps.volumes.optics import Blur


def analyse(
    scan: Scan,
    settings: Settings | None = None,
    *,
    anatomy: Anatomy | None = None,
    on_stage: OnStage = silent,
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
    with ThreadPoolExecutor(max_workers=1) as beside:
        found = find(scan, body, settings, anatomy=anatomy, beside=beside, on_stage=on_stage)
        on_stage(STAGES[3])
        blur = estimate_blur(scan.volume, body, scan.acquisition.slice_thickness_mm, settings.volumes)
        measured = _measure(found.candidates, scan.volume, blur)
        skeleton, threshold = found.skeleton.result(), found.threshold
    masks = tuple(one.candidate.mask for one in measured)
    scene = Scene(scan.volume, skeleton.values, masks, blur, found.noise_hu or 0.0)
    measured = _with_volumes(measured, scene, settings)
    coverage = quality.describe_coverage(body, skeleton)
    settings_sha256 = settings.sha256()
    seed = f"{scan.acquisition.input_sha256}/{settings_sha256}"
    if anatomy is not None:
        seed = f"{seed}/{anatomy.sha256()}"
    organs = anatomy.organs if anatomy is not None else None
    ground = _ground(scan.volume, body, found, organs, coverage)
    sites = locate_lesions([one.candidate.mask for one in measured], ground)
    lesions = tuple(
        _lesion(one, site, number, seed, scan)
        for number, (one, site) in enumerate(zip(measured, sites, strict=True), start=1)
    )
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
        *quality.site_flags(lesions),
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
        burden=add_up_burden(lesions, limit_mm3, scan),
    )


def compare(
    analyses: Sequence[Analysis], settings: Settings | None = None, *, on_stage: OnStage = silent
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


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """A lesion before it is told where it lies."""

    candidate: Candidate
    size: Size
    density: Density
    possibly_ossified: bool


def _measure(candidates: Sequence[Candidate], volume: CTVolume, blur: Blur) -> list[_Measured]:
    """All that needs no bones."""
    chosen = [one for one in candidates if one.kind == "lesion"]
    return [
        _Measured(
            one,
            measure_size(one.mask),
            measure_density(volume, one.mask, blur),
            is_possibly_ossified(one.mask, volume),
        )
        for one in chosen
    ]


def _ground(
    volume: CTVolume, body: Mask, found: Found, organs: LabelMap | None, coverage: Coverage
) -> Ground:
    """What lesions are located on."""
    skeleton = found.skeleton.result()
    return Ground(
        tissue=Tissue(volume, skeleton, Skin.of(body, volume)),
        body=body,
        skeleton=skeleton,
        frame=ReferenceFrame(found.fit) if found.fit is not None else None,
        organs=organs,
        in_plane_truncated=coverage.in_plane_truncated,
    )


def _with_volumes(measured: Sequence[_Measured], scene: Scene, settings: Settings) -> list[_Measured]:
    """The same with their corrected volumes, by falling volume."""
    found = [
        replace(one, size=replace(one.size, volume_mm3=estimate.volume_mm3, estimate=estimate))
        for one, estimate in zip(measured, measure_volumes(scene, settings.volumes), strict=True)
    ]
    return sorted(found, key=lambda one: -one.size.volume_mm3.value)


def _lesion(measured: _Measured, site: Site, number: int, seed: str, scan: Scan) -> Lesion:
    candidate, how = measured.candidate, scan.acquisition
    return Lesion(
        id=number,
        tracking_uid=tracking_uid(seed, number),
        mask=candidate.mask,
        status=candidate.status,
        why_indeterminate=candidate.reason or None,
        fragment_count=candidate.fragment_count,
        edge_hu=candidate.edge_hu,
        size=measured.size,
        density=measured.density,
        site=site,
        bone_contact=site.bone_distance_mm == 0.0,
        touches_edge=candidate.mask.touches_edge,
        possibly_ossified=measured.possibly_ossified,
        calcium_mass_mg=calcium_mass_mg(measured.size.estimate, how.kvp),
        agatston_score=agatston_score(scan.volume, candidate.mask, how),
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
