"""Comparisons of known volumes on known days, with a case beside them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.domain.analysis import Analysis, Burden
from pipeline.domain.case import NO_CASE, Case, Day, Examination, LabValue, Score, Treatment
from pipeline.domain.change import BurdenChange, Category, Comparison, Criteria, Response, TimePoint
from pipeline.domain.lesion import Interval
from tests.builders import SAME_THRESHOLD, Seen, a_track
from tests.report.balls import RIGHT_LPS_MM, analysis_of

FIRST = dt.date(2019, 4, 11)


@dataclass(frozen=True)
class Shown:
    """One scan of a course."""

    days: int
    volume_mm3: float
    unsure_mm3: float = 0.0
    kvp: float = 120.0
    contrast: bool | None = None
    category: Category = "stable"
    evaluable: bool = True

    @property
    def limits(self) -> Interval:
        return Interval(self.volume_mm3, 0.9 * self.volume_mm3, 1.2 * self.volume_mm3)


def day(days: int) -> Day:
    """A day by its distance from the first scan."""
    return Day(FIRST + dt.timedelta(days=days), days)


def course(*scans: Shown, case: Case = NO_CASE) -> Comparison:
    usual = analysis_of((RIGHT_LPS_MM, 3.0))
    later = list(enumerate(scans))[1:]
    comparable = [one.kvp == scans[n - 1].kvp and one.contrast == scans[n - 1].contrast for n, one in later]
    return Comparison(
        analyses=tuple(_analysis(usual, one) for one in scans),
        time_points=tuple(TimePoint(n, day(one.days).date, one.days) for n, one in enumerate(scans)),
        registrations=(),
        tracks=(a_track(*(Seen((1,), evaluable=one.evaluable) for one in scans)),),
        burden_changes=tuple(
            BurdenChange(
                n - 1, n, one.volume_mm3 - scans[n - 1].volume_mm3 if same else None, None, None, None
            )
            for (n, one), same in zip(later, comparable, strict=True)
        ),
        responses=tuple(
            Response(n, one.category, Criteria(one.category, None, one.category), "baseline", ("a reason",))
            for n, one in later
        ),
        threshold=SAME_THRESHOLD,
        case=case,
    )


def _analysis(usual: Analysis, one: Shown) -> Analysis:
    count = int(one.volume_mm3 > 0)
    how = replace(usual.scan.acquisition, kvp=one.kvp, contrast_agent=one.contrast)
    return replace(
        usual,
        scan=replace(usual.scan, acquisition=how),
        burden=Burden(count, one.limits, one.volume_mm3, one.unsure_mm3, 5.0),
    )


REFERENCE = Case(
    treatments=(Treatment("alendronate", day(0), None, 10.0, "mg", None, "daily"),),
    examinations=(Examination("radiograph", day(214), "clear"),),
)


def reference() -> Comparison:
    """The published case."""
    scans = Shown(0, 19_000.0), Shown(334, 0.0, category="complete_resolution")
    return course(*scans, case=REFERENCE)


def _values(names: Sequence[tuple[str, float, float]]) -> tuple[LabValue, ...]:
    """Ten of each name, every half year, going up and down."""
    return tuple(
        LabValue(name, day(-100 + 190 * n + 7 * row), round(low + (high - low) * (7 * n % 10) / 9, 1), "U/L")
        for row, (name, low, high) in enumerate(names)
        for n in range(10)
    )


def dense() -> Comparison:
    """Six scans in five years, twelve treatments, forty laboratory values, scores, examinations."""
    steps = [
        ("prednisolone", -300, 60, 30.0),
        ("prednisolone", 61, 200, 15.0),
        ("prednisolone", 201, None, 5.0),
    ]
    others = [
        (f"drug {n} of a long name, as supplement", -700 + 170 * n, -300 + 170 * n if n % 3 else None, 7.5)
        for n in range(9)
    ]
    treatments = tuple(
        Treatment(
            name, day(start), None if stop is None else day(stop), dose, "mg/kg", "intravenous", "weekly"
        )
        for name, start, stop, dose in (*steps, *others, ("abatacept", -1500, -1000, 10.0))
    )
    case = Case(
        treatments=treatments,
        examinations=tuple(
            Examination("radiograph", day(days), "calcification in the right thigh, unchanged")
            for days in (-3000, 30, 35, 400, 410, 1000, 1790)
        ),
        scores=tuple(Score("CMAS", day(150 * n), float(52 - 3 * n), (0.0, 52.0)) for n in range(12)),
        laboratory=_values([("CK", 60, 900), ("LDH", 150, 500), ("ESR", 4, 50), ("CRP", 1, 9)]),
    )
    return course(
        Shown(0, 19_000.0, unsure_mm3=300.0),
        Shown(120, 15_000.0),
        Shown(140, 14_800.0),
        Shown(700, 9_000.0, unsure_mm3=900.0, kvp=100.0, category="not_evaluable", evaluable=False),
        Shown(1200, 12_000.0, kvp=100.0, category="progression"),
        Shown(1800, 2_100.0, kvp=100.0, category="partial_response"),
        case=case,
    )


def many_scans() -> Comparison:
    """More than there is room for side by side."""
    return course(*(Shown(90 * n + 5 * (n % 2), 1000.0 - 50 * n) for n in range(12)))
