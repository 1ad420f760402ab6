"""What is known of a patient's course beside the scans: treatments, examinations, scores, laboratory values.

Things stand side by side on one axis of time. Nothing here says that one of them brought about another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.errors import InputRefused


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the course, by its date and from the first scan; either may be unknown, as in `TimePoint`."""

    date: dt.date | None
    days_from_first: int | None = None  #: negative before the first scan

    def counted_from(self, first: dt.date) -> Day:
        """The same day with its distance from the first scan.

        A day without a date stays as it is.
        """
        return self if self.date is None else replace(self, days_from_first=(self.date - first).days)

    def moved(self, offset: dt.timedelta) -> Day:
        """The day under a date moved by an offset; its distance from the first scan stays."""
        return self if self.date is None else replace(self, date=self.date + offset)

    def without_date(self) -> Day:
        """The day by its distance from the first scan alone."""
        return replace(self, date=None)


@dataclass(frozen=True, slots=True)
class Treatment:
    """Something that was given over a time.

    Raises
    ------
    InputRefused
        DATES_REVERSED, or BAD_CASE for a dose without unit.
    """

    name: str
    start: Day
    stop: Day | None = None  #: the last day; None where no end is known
    dose: float | None = None
    unit: str | None = None  #: of the dose
    route: str | None = None
    interval: str | None = None

    def __post_init__(self) -> None:
        _check_order(self.start, self.stop)
        if (self.dose is None) != (self.unit is None):
            raise InputRefused("BAD_CASE", "expected a dose with its unit, found one of them")


@dataclass(frozen=True, slots=True)
class Examination:
    """Another examination than the scans, and what it showed."""

    name: str
    day: Day
    finding: str


@dataclass(frozen=True, slots=True)
class Score:
    """A clinical score on a day."""

    name: str
    day: Day
    value: float
    bounds: tuple[float, float] | None = None  #: lowest and highest value that the score can have


@dataclass(frozen=True, slots=True)
class LabValue:
    """A laboratory value on a day."""

    name: str
    day: Day
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Case:
    """All of it, each list in order of time as far as dates are known. Empty where nothing was told."""

    treatments: tuple[Treatment, ...] = ()
    examinations: tuple[Examination, ...] = ()
    scores: tuple[Score, ...] = ()
    laboratory: tuple[LabValue, ...] = ()

    def counted_from(self, first: dt.date) -> Case:
        """With the distance of every day from the first scan."""
        return self._with_days(lambda day: day.counted_from(first))

    def moved(self, offset: dt.timedelta) -> Case:
        """With every date moved by one offset."""
        return self._with_days(lambda day: day.moved(offset))

    def without_dates(self) -> Case:
        """Without dates; distances from the first scan stay."""
        return self._with_days(Day.without_date)

    def _with_days(self, change: Callable[[Day], Day]) -> Case:
        return Case(
            treatments=tuple(
                replace(one, start=change(one.start), stop=None if one.stop is None else change(one.stop))
                for one in self.treatments
            ),
            examinations=tuple(replace(one, day=change(one.day)) for one in self.examinations),
            scores=tuple(replace(one, day=change(one.day)) for one in self.scores),
            laboratory=tuple(replace(one, day=change(one.day)) for one in self.laboratory),
        )


NO_CASE = Case()
"""Nothing was told."""


def _check_order(start: Day, stop: Day | None) -> None:
    """Refuse an end before the beginning, where both dates are known."""
    if stop is None or start.date is None or stop.date is None:
        return
    if stop.date < start.date:
        raise InputRefused("DATES_REVERSED", "expected a treatment to stop after its start")
