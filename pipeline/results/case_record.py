"""What happened around the scans, as plain values by the names of the contract."""

from __future__ import annotations

from typing import Any

from pipeline.domain.case import Case, Day, Treatment

Plain = dict[str, Any]


def case_record(case: Case) -> Plain:
    """The ``case`` of ``comparison.json``; lists are empty where nothing was told."""
    return {
        "treatments": [_treatment(one) for one in case.treatments],
        "examinations": [
            {"name": one.name, **_day(one.day), "finding": one.finding} for one in case.examinations
        ],
        "scores": [
            {"name": one.name, **_day(one.day), "value": one.value, "range": one.bounds and list(one.bounds)}
            for one in case.scores
        ],
        "laboratory": [
            {"name": one.name, **_day(one.day), "value": one.value, "unit": one.unit}
            for one in case.laboratory
        ],
    }


def _treatment(one: Treatment) -> Plain:
    return {
        "name": one.name,
        "start": _day(one.start),
        "stop": None if one.stop is None else _day(one.stop),
        "dose": one.dose,
        "unit": one.unit,
        "route": one.route,
        "interval": one.interval,
    }


def _day(day: Day) -> Plain:
    return {
        "date": None if day.date is None else day.date.isoformat(),
        "days_from_first": day.days_from_first,
    }
