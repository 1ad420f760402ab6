"""A case file to what it tells. Keys and their meaning: ``docs/case.md``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.case_file.fields import (
    FINDING_LENGTH,
    UNIT_LENGTH,
    Entry,
    bounds,
    date,
    entries,
    entry,
    number,
    some_words,
    words,
)
from pipeline.case_file.tree import Listing, Mapping, Text, read_tree, refuse
from pipeline.domain.case import NO_CASE, Case, Day, Examination, LabValue, Score, Treatment

FREE = ("name", "unit", "route", "interval", "finding")
"""Keys whose values are words."""
LISTS = ("scans", "treatments", "examinations", "scores", "laboratory")
Dated = TypeVar("Dated", Examination, Score, LabValue)


@dataclass(frozen=True, slots=True)
class ScanDate:
    """When a scan was made, as the file has it."""

    date: dt.date
    line: int


@dataclass(frozen=True, slots=True)
class Written:
    """A text of the file, and where it stands."""

    text: str
    line: int
    where: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All that a case file tells."""

    case: Case = NO_CASE
    scans: tuple[ScanDate, ...] = ()  #: empty where the file does not list them
    texts: tuple[Written, ...] = ()  #: whatever a person wrote in their own words


def read_case(file: Path) -> CaseFile:
    """Read a case file; its dates are not yet counted from the first scan.

    Raises
    ------
    InputRefused
        BAD_CASE, BAD_DATE or DATES_REVERSED with line and key; NOT_FOUND, UNREADABLE, RESOURCE_LIMIT.
    """
    tree = read_tree(file)
    if tree is None:
        raise refuse(None, "", f"it is empty; expected one of {', '.join(LISTS)}")
    root = entry(tree, "", LISTS)
    scores = entries(root, "scores", ("name", "date", "value", "range"))
    laboratory = entries(root, "laboratory", ("name", "date", "value", "unit"))
    case = Case(
        treatments=_treatments(root),
        examinations=_in_order([_examination(one) for one in _examinations(root)]),
        scores=_in_order(_each(scores, _score, "range", lambda one: one.bounds)),
        laboratory=_in_order(_each(laboratory, _lab_value, "unit", lambda one: one.unit)),
    )
    return CaseFile(case, _scans(root), tuple(_texts(root)))


def _texts(root: Entry) -> Iterator[Written]:
    for key, listing in root.mapping.items.items():
        for n, one in enumerate(listing.items if isinstance(listing, Listing) else ()):
            items = one.items.items() if isinstance(one, Mapping) else ()
            for name, value in items:
                if name in FREE and isinstance(value, Text):
                    yield Written(value.text, value.line, f"{key}[{n}].{name}")


def _scans(root: Entry) -> tuple[ScanDate, ...]:
    """Dates of the scans, which must rise."""
    found: list[ScanDate] = []
    for one in entries(root, "scans", ("date",)):
        scan = ScanDate(date(one, "date"), one.line("date"))
        if found and scan.date < found[-1].date:
            reason = "this scan is dated before the one above it"
            raise refuse(scan.line, one.path("date"), reason, code="DATES_REVERSED")
        found.append(scan)
    return tuple(found)


def _treatments(root: Entry) -> tuple[Treatment, ...]:
    known = ("name", "start", "stop", "dose", "unit", "route", "interval")
    found = [_treatment(one) for one in entries(root, "treatments", known)]
    return tuple(sorted(found, key=lambda one: one.start.date or dt.date.min))


def _treatment(one: Entry) -> Treatment:
    start = date(one, "start")
    stop = None if one.get("stop") is None else date(one, "stop")
    if stop is not None and stop < start:
        raise refuse(one.line("stop"), one.path("stop"), "it is before the start", code="DATES_REVERSED")
    dose = None if one.get("dose") is None else number(one, "dose")
    unit = some_words(one, "unit", UNIT_LENGTH)
    if dose is not None and dose <= 0:
        raise refuse(one.line("dose"), one.path("dose"), "expected more than 0")
    for key, value, other in (("unit", unit, "dose"), ("dose", dose, "unit")):
        if value is None and one.get(other) is not None:
            raise refuse(one.line(other), one.path(key), f"it is missing beside {other}")
    return Treatment(
        name=words(one, "name"),
        start=Day(start),
        stop=None if stop is None else Day(stop),
        dose=dose,
        unit=unit,
        route=some_words(one, "route"),
        interval=some_words(one, "interval"),
    )


def _examinations(root: Entry) -> list[Entry]:
    return entries(root, "examinations", ("name", "date", "finding"))


def _examination(one: Entry) -> Examination:
    return Examination(words(one, "name"), Day(date(one, "date")), words(one, "finding", FINDING_LENGTH))


def _score(one: Entry) -> Score:
    value, limits = number(one, "value"), bounds(one, "range")
    if limits is not None and not limits[0] <= value <= limits[1]:
        reason = f"expected {limits[0]:g} to {limits[1]:g}, as the range says, found {value:g}"
        raise refuse(one.line("value"), one.path("value"), reason)
    return Score(words(one, "name"), Day(date(one, "date")), value, limits)


def _lab_value(one: Entry) -> LabValue:
    return LabValue(
        words(one, "name"), Day(date(one, "date")), number(one, "value"), words(one, "unit", UNIT_LENGTH)
    )


def _each(
    found: Sequence[Entry], make: Callable[[Entry], Dated], key: str, scale: Callable[[Dated], object]
) -> list[Dated]:
    """Values of which those of one name are on one scale, and one of a name on a day."""
    made: list[Dated] = []
    first: dict[str, tuple[object, int]] = {}
    days: dict[tuple[str, dt.date | None], int] = {}
    for one in found:
        value = make(one)
        wanted, line = first.setdefault(value.name, (scale(value), one.mapping.line))
        if scale(value) != wanted:
            reason = f"it is not that of the same name in line {line}"
            raise refuse(one.line(key), one.path(key), reason)
        twin = (value.name, value.day.date)
        if twin in days:
            reason = f"line {days[twin]} has a value of this name and day already"
            raise refuse(one.line("date"), one.path("date"), reason)
        days[twin] = one.mapping.line
        made.append(value)
    return made


def _in_order(found: list[Dated]) -> tuple[Dated, ...]:
    """By date; those of one day as in the file."""
    return tuple(sorted(found, key=lambda one: one.day.date or dt.date.min))
