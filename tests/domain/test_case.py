"""Days of a case: counted, moved, hidden."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from pipeline.domain.case import Case, Day, Examination, LabValue, Score, Treatment
from pipeline.errors import InputRefused

FIRST = dt.date(2019, 4, 11)


def day(text: str) -> Day:
    return Day(dt.date.fromisoformat(text))


CASE = Case(
    treatments=(Treatment("a", day("2018-04-11"), day("2019-04-12")), Treatment("b", day("2019-05-11"))),
    examinations=(Examination("radiograph", day("2019-11-11"), "clear"),),
    scores=(Score("CMAS", day("2019-04-01"), 40.0),),
    laboratory=(LabValue("CK", day("2020-03-10"), 90.0, "U/L"),),
)


def days_in(value: Any) -> list[Day]:
    if isinstance(value, Day):
        return [value]
    if isinstance(value, tuple):
        return [one for item in value for one in days_in(item)]
    if is_dataclass(value):
        return [one for field in fields(value) for one in days_in(getattr(value, field.name))]
    return []


def test_days_are_counted_from_the_first_scan() -> None:
    found = [one.days_from_first for one in days_in(CASE.counted_from(FIRST))]
    assert found == [-365, 1, 30, 214, -10, 334]


def test_moved_dates_keep_their_distances() -> None:
    counted = CASE.counted_from(FIRST)
    moved = counted.moved(dt.timedelta(days=-1000))
    for one, other in zip(days_in(counted), days_in(moved), strict=True):
        assert one.date is not None
        assert other == Day(one.date - dt.timedelta(days=1000), one.days_from_first)


def test_no_date_is_left_where_they_are_dropped() -> None:
    counted = CASE.counted_from(FIRST)
    dropped = days_in(counted.without_dates())
    assert dropped == [Day(None, one.days_from_first) for one in days_in(counted)]


def test_a_treatment_that_stops_before_it_starts_cannot_be() -> None:
    with pytest.raises(InputRefused, match="DATES_REVERSED"):
        Treatment("a", day("2019-01-02"), day("2019-01-01"))


@pytest.mark.parametrize(("dose", "unit"), [(1.0, None), (None, "mg")])
def test_a_dose_cannot_be_without_its_unit(dose: float | None, unit: str | None) -> None:
    with pytest.raises(InputRefused, match="BAD_CASE"):
        Treatment("a", day("2019-01-02"), None, dose, unit)
