"""One set measured and scored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.scan import Scan
from pipeline.workflow import analyse
from tests.accuracy.bones import SkeletonScore, score_skeleton
from tests.accuracy.fate import MimicFate, gather_objects, judge_mimic
from tests.accuracy.lesions import FalseLesion, Hit, describe, false_lesions, score_lesions
from tests.accuracy.phantom import load_phantom
from tests.accuracy.real import (
    PointFate,
    further_lesions,
    judge_points,
    load_example,
    near_metal,
    read_findings,
)
from tests.accuracy.semi import load_semi
from tests.accuracy.sets import DATA, AccuracySet, ExampleSet, PhantomSet, RealSet, SemiSet
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
    wrong: tuple[FalseLesion, ...] = ()  #: of a real scan: further lesions
    mimics: tuple[MimicFate, ...] = ()
    points: tuple[PointFate, ...] = ()
    skeleton: SkeletonScore | None = None
    flags: tuple[str, ...] = field(default=())


def run_set(one: AccuracySet, cache: Path) -> Score:
    """Measure a set and score it."""
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
        hits=score_lesions(truth, analysis.lesions),
        wrong=false_lesions(truth, analysis.lesions, least_mm3=FALSE_MM3),
        mimics=tuple(judge_mimic(mimic, objects, analysis) for mimic in truth.mimics),
        skeleton=score_skeleton(truth.bones, analysis.skeleton),
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
    """The skeleton away from the metal, and the lesions that lie near it."""
    scan, bones = load_example()
    analysis, seconds = _timed(scan)
    metal = near_metal(scan.volume)
    nothing = np.zeros((1, 1, 1), np.uint8)
    truth = Truth(scan, (), nothing, (), nothing)
    near = [lesion for lesion in analysis.lesions if (metal[lesion.mask.box] & lesion.mask.voxels).any()]
    return Score(
        one.name,
        "example",
        "metal",
        analysis.geometry.spacing_mm[0],
        seconds,
        analysis.burden.detection_limit_mm3,
        wrong=tuple(describe(lesion, truth) for lesion in near),
        skeleton=score_skeleton(bones, analysis.skeleton, metal),
        flags=tuple(flag.code for flag in analysis.flags),
    )
