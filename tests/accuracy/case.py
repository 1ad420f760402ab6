"""One set measured and scored."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.scan import Scan
from pipeline.workflow import analyse
from tests.accuracy.bones import SkeletonScore, score_skeleton
from tests.accuracy.example import example_lesions, load_example
from tests.accuracy.fate import MimicFate, gather_objects, judge_mimic
from tests.accuracy.lesions import FalseLesion, Hit, false_lesions, score_lesions
from tests.accuracy.phantom import load_phantom
from tests.accuracy.real import PointFate, further_lesions, judge_points, read_findings
from tests.accuracy.semi import load_semi
from tests.accuracy.sets import DATA, AccuracySet, ExampleSet, PhantomSet, RealSet, SemiSet
from tests.accuracy.sites import SiteFate, judge_sites
from tests.accuracy.truth import Truth

FALSE_MM3 = 10.0
"""False lesions count from here on."""


@dataclass(frozen=True)
class Score:
    """All figures of one set."""

    name: str
    source: str  #: semi-synthetic, phantom, real or example
    case: str
    slice_mm: float
    seconds: float
    detection_limit_mm3: float | None
    hits: tuple[Hit, ...] = ()
    wrong: tuple[FalseLesion, ...] = ()  #: of a real scan: further lesions; of the example: all
    mimics: tuple[MimicFate, ...] = ()
    points: tuple[PointFate, ...] = ()
    skeleton: SkeletonScore | None = None
    sites: tuple[SiteFate, ...] = ()
    flags: tuple[str, ...] = ()
    error: str | None = None  #: why it could not be measured


def run_set(one: AccuracySet, cache: Path) -> Score:
    """Measure a set and score it; an analysis that breaks is a score of its own."""
    try:
        return _score(one, cache)
    except Exception as error:  # whatever breaks, the other sets are measured
        traceback.print_exc()
        return Score(one.name, "broken", "broken", 0.0, 0.0, None, error=repr(error))


def _score(one: AccuracySet, cache: Path) -> Score:
    if isinstance(one, RealSet):
        return _score_real(one)
    if isinstance(one, ExampleSet):
        return _score_example(one)
    truth = load_semi(one, cache) if isinstance(one, SemiSet) else load_phantom(one, cache)
    return _score_truth(one, truth)


def _timed(scan: Scan) -> tuple[Analysis, float]:
    start = time.perf_counter()
    analysis = analyse(scan)
    return analysis, time.perf_counter() - start


def _score_truth(one: SemiSet | PhantomSet, truth: Truth) -> Score:
    analysis, seconds = _timed(truth.scan)
    objects = gather_objects(analysis)
    return Score(
        one.name,
        "semi-synthetic" if isinstance(one, SemiSet) else "phantom",
        one.case if isinstance(one, SemiSet) else _phantom_case(one),
        truth.scan.volume.geometry.spacing_mm[0],
        seconds,
        analysis.burden.detection_limit_mm3,
        hits=score_lesions(truth, analysis.lesions, objects),
        wrong=false_lesions(truth, analysis.lesions, least_mm3=FALSE_MM3),
        mimics=tuple(judge_mimic(mimic, objects, analysis) for mimic in truth.mimics),
        skeleton=score_skeleton(truth.bones, analysis.skeleton),
        sites=judge_sites(truth, analysis.lesions),
        flags=tuple(flag.code for flag in analysis.flags),
    )


def _phantom_case(one: PhantomSet) -> str:
    return "mimics" if one.mimics else ("seed" if one.lesions else "clean")


def _score_real(one: RealSet) -> Score:
    findings = read_findings(one.name)
    analysis, seconds = _timed(read_scan(DATA / "real_ct" / one.name))
    return Score(
        one.name,
        "real",
        "real",
        analysis.geometry.spacing_mm[0],
        seconds,
        analysis.burden.detection_limit_mm3,
        wrong=further_lesions(findings, analysis),
        points=judge_points(findings, analysis),
        flags=tuple(flag.code for flag in analysis.flags),
    )


def _score_example(one: ExampleSet) -> Score:
    """The skeleton away from the metal, and all lesions."""
    example = load_example()
    analysis, seconds = _timed(example.scan)
    return Score(
        one.name,
        "example",
        "metal",
        analysis.geometry.spacing_mm[0],
        seconds,
        analysis.burden.detection_limit_mm3,
        wrong=example_lesions(example, analysis),
        skeleton=score_skeleton(example.bones, analysis.skeleton, example.near_metal),
        flags=tuple(flag.code for flag in analysis.flags),
    )
