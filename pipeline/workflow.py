"""From a scan to its analysis, and from analyses to a comparison: composition only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations
from statistics import median
from typing import TypedDict

from pipeline.config import Settings
from pipeline.correcting import Correction, correct_lesions
from pipeline.domain.analysis import Analysis
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.change import Comparison, Registration, TimePoint
from pipeline.domain.outlines import Outlines
from pipeline.domain.scan import Scan
from pipeline.errors import UsageError
from pipeline.finding import Found, find
from pipeline.measuring import list_excluded, measure_lesions
from pipeline.recall import Recall, afresh
from pipeline.stages import COMPARE_STAGES, STAGES, OnStage, silent
from pipeline.steps import quality
from pipeline.steps.apophyses import Growing
from pipeline.steps.body import segment_body
from pipeline.steps.burden import add_up_burden
from pipeline.steps.match import Date, Technique, Ways, match_lesions
from pipeline.steps.registration.bone import Fit
from pipeline.steps.registration.bones import WHOLE, ShownBones, register_bones
from pipeline.steps.registration.travel import Passage
from pipeline.steps.response.burden import burden_change
from pipeline.steps.response.thresholds import common_threshold
from pipeline.steps.response.tracks import follow
from pipeline.steps.response.verdict import respond
from pipeline.steps.streaks import spoilt_by_metal
from pipeline.steps.threshold import calcium_factor
from pipeline.steps.view import View

GROWN = 1.005
"""Bones this much larger have grown: scans of the same bones differ by at most 0.3 %."""


def analyse(
    scan: Scan,
    settings: Settings | None = None,
    *,
    anatomy: Anatomy | None = None,
    outlines: Outlines | None = None,
    on_stage: OnStage = silent,
    recall: Recall = afresh,
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
    outlines : Outlines, optional
        Lesions as a human drew them, on the scan's grid, in place of those that are found. Bones and what is
        left out stay those that are found; an outline that equals a found one changes nothing.
    on_stage : callable
        Told the name of each stage as it begins.
    recall : Recall
        How the long steps are called: a `Memory` knows what it worked out before for this very scan.

    Raises
    ------
    InputRefused
        EMPTY_SCAN where there is no patient in the picture.
    """
    settings = settings or Settings()
    on_stage(STAGES[0])
    body = recall(segment_body, scan.volume, settings.body)
    quality.require_body(body)
    settings_sha256 = settings.sha256()
    seed = _seed(scan, settings_sha256, anatomy)
    with ThreadPoolExecutor(max_workers=1) as beside:
        doing: _Doing = {"anatomy": anatomy, "beside": beside, "recall": recall}
        found = find(scan, body, settings, **doing, on_stage=on_stage)
        on_stage(STAGES[3])
        measure = partial(measure_lesions, scan, body, settings=settings, seed=seed, **doing)
        lesions, coverage = measure(found)
        result = Correction(lesions, coverage, found.skeleton.result())
        if outlines is not None:
            result = correct_lesions(result, found, outlines, scan, measure)
    limit_mm3 = _detection_limit_mm3(scan, found, settings)
    excluded = list_excluded(found.candidates)
    raised = (
        *quality.quality_flags(scan, result.coverage, found.noise_hu),
        *quality.anatomy_flags(anatomy),
        *quality.metal_flags(excluded),
        *quality.contrast_flags(scan, found.threshold),
        *quality.site_flags(result.lesions),
        *quality.speck_flags(found.specks, settings.candidates),
        *quality.edit_flags(result.edits),
    )
    return Analysis(
        scan=scan,
        settings_sha256=settings_sha256,
        flags=(*scan.flags, *raised),
        noise_hu=found.noise_hu,
        coverage=result.coverage,
        threshold=found.threshold,
        skeleton=result.skeleton,
        lesions=result.lesions,
        excluded=excluded,
        burden=add_up_burden(result.lesions, limit_mm3, scan, enhanced=found.threshold.enhanced),
        landmarks_mm=found.fit.landmarks_mm if found.fit is not None else {},
        edits=result.edits,
    )


class _Doing(TypedDict):
    """What finding and measuring are given alike."""

    anatomy: Anatomy | None
    beside: ThreadPoolExecutor
    recall: Recall


def _seed(scan: Scan, settings_sha256: str, anatomy: Anatomy | None) -> str:
    """All that decides which lesion is which, as a text."""
    own = f"{scan.acquisition.input_sha256}/{settings_sha256}"
    return own if anatomy is None else f"{own}/{anatomy.sha256()}"


def _detection_limit_mm3(scan: Scan, found: Found, settings: Settings) -> float | None:
    return quality.detection_limit_mm3(
        scan.volume.geometry,
        found.threshold,
        found.noise_hu,
        noise_factor=settings.candidates.noise_factor,
        settings=settings.mimics,
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
    shown = [ShownBones(one.skeleton, one.landmarks_mm) for one in analyses]
    fits = {
        (m, n): register_bones(shown[m], shown[n], settings.register_bones)
        for m, n in combinations(range(len(shown)), 2)
    }
    on_stage(COMPARE_STAGES[1])
    grown = [_has_grown(n, fits) for n in range(len(analyses))]
    dates = [_date(one, settings, grown=bigger) for one, bigger in zip(analyses, grown, strict=True)]
    matched = match_lesions(dates, _ways(shown, fits), settings.match)
    followed = follow(matched, dates, settings.respond)
    changes = {
        (m, n): burden_change(m, n, followed, dates, settings.respond)
        for m, n in combinations(range(len(dates)), 2)
    }
    later = range(1, len(analyses))
    return Comparison(
        analyses=tuple(analyses),
        time_points=_time_points(analyses),
        registrations=tuple(
            Registration(m, n, bone, fit.transform, fit.residual_mm, fit.accepted)
            for (m, n), found in fits.items()
            for bone, fit in found.items()
        ),
        tracks=tuple(one.track for one in followed),
        burden_changes=(
            *(changes[n - 1, n] for n in later),
            *(changes[0, n] for n in later if n > 1),
        ),
        responses=tuple(respond(n, followed, changes, settings.respond) for n in later),
        threshold=common_threshold(
            [one.threshold for one in analyses], [one.calcium_factor for one in dates]
        ),
    )


def _ways(shown: Sequence[ShownBones], fits: Mapping[tuple[int, int], Mapping[str, Fit]]) -> Ways:
    """The way of places from each scan to each other one."""
    there = {(m, n): Passage.of(shown[m].surfaces, found, WHOLE) for (m, n), found in fits.items()}
    back = {
        (n, m): Passage.of(shown[n].surfaces, {name: fit.inverse() for name, fit in found.items()}, WHOLE)
        for (m, n), found in fits.items()
    }
    return there | back


def _has_grown(n: int, fits: Mapping[tuple[int, int], Mapping[str, Fit]]) -> bool:
    """Whether the bones of a scan are larger than on an earlier one."""
    sizes = [
        fit.transform.scale
        for (_, end), found in fits.items()
        for fit in found.values()
        if end == n and fit.accepted
    ]
    return bool(sizes) and median(sizes) > GROWN


def _date(analysis: Analysis, settings: Settings, *, grown: bool) -> Date:
    how = analysis.scan.acquisition
    metal = [one.mask for one in analysis.excluded if one.kind == "metal"]
    spoilt = spoilt_by_metal(metal, settings.metal)
    threshold, height_mm = analysis.threshold, analysis.threshold.faint_below_mm
    return Date(
        lesions=analysis.lesions,
        geometry=analysis.geometry,
        detection_limit_mm3=analysis.burden.detection_limit_mm3,
        technique=Technique(how.kvp, how.contrast_agent, how.kernel, how.slice_thickness_mm),
        least_peak_hu=threshold.least_seed_hu,
        least_peak_above=None if height_mm is None else (height_mm, threshold.seed_hu),
        calcium_factor=calcium_factor(how.kvp),
        growing=Growing(analysis.landmarks_mm, how.age_years, grown),
        view=View(analysis.scan.volume, analysis.skeleton, analysis.excluded, spoilt),
    )


def _time_points(analyses: Sequence[Analysis]) -> tuple[TimePoint, ...]:
    dates = [one.scan.acquisition.study_date for one in analyses]
    first = dates[0]
    return tuple(
        TimePoint(n, date, (date - first).days if date is not None and first is not None else None)
        for n, date in enumerate(dates)
    )
