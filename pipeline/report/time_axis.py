"""One axis of time for a whole sheet: which days it shows, where they lie, and its ticks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

DAYS_PER_MONTH = 365.2425 / 12
MOST_TICKS = 12
STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
WEEK_STEPS_DAYS = (1, 7)
BESIDE_SHARE = 0.5
"""What lies further outside the scans than this share of the time between them is not on the axis."""
MARGIN_SHARE = 0.03
LEAST_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Days from the first scan along a width in inches."""

    start_days: float
    end_days: float
    width_inches: float
    first_date: dt.date | None  #: of the first scan; None where dates are hidden

    def inches(self, days: float) -> float:
        """From the left end; may lie outside."""
        return (days - self.start_days) / (self.end_days - self.start_days) * self.width_inches

    def holds(self, days: float) -> bool:
        """Whether a day is on the axis."""
        return self.start_days <= days <= self.end_days

    def ticks(self) -> list[tuple[float, str]]:
        """Days with their labels: firsts of months, or months from the first scan without dates."""
        span_months = (self.end_days - self.start_days) / DAYS_PER_MONTH
        if span_months < 2:
            return self._few_days()
        step = next(one for one in STEPS_MONTHS if span_months / one <= MOST_TICKS)
        first = self.first_date
        found = self._months_from_first(step) if first is None else self._calendar(step, first)
        return [(days, label) for days, label in found if self.holds(days)]

    def _few_days(self) -> list[tuple[float, str]]:
        first, last = int(self.start_days) - 1, int(self.end_days) + 1
        step = next(one for one in (*WEEK_STEPS_DAYS, 14) if (last - first) / one <= MOST_TICKS)
        days = [day for day in range(first - first % step, last + 1, step) if self.holds(day)]
        return [(float(day), day_text(day, self.first_date)) for day in days]

    def _months_from_first(self, step: int) -> Iterator[tuple[float, str]]:
        start = int(self.start_days / DAYS_PER_MONTH / step) - 1
        for number in count(start):
            days = number * step * DAYS_PER_MONTH
            if days > self.end_days:
                return
            yield days, _months_text(number * step)

    def _calendar(self, step: int, first: dt.date) -> Iterator[tuple[float, str]]:
        begin = dt.date.fromordinal(max(1, first.toordinal() + int(self.start_days) - 1))
        month = (begin.year * 12 + begin.month - 1) // step * step
        for number in count(max(month, 12), step):
            date = dt.date(number // 12, number % 12 + 1, 1)
            days = (date - first).days
            if days > self.end_days:
                return
            yield float(days), f"{date.year:04d}" if step >= 12 else f"{date.year:04d}-{date.month:02d}"


def time_axis(
    scans_days: Sequence[int],
    other_days: Sequence[int],
    *,
    width_inches: float,
    first_date: dt.date | None,
) -> TimeAxis:
    """The axis that shows all scans, and what lies near them in time.

    Parameters
    ----------
    scans_days : sequence of int
        At least one.
    other_days : sequence of int
        Events; those far outside the scans do not stretch the axis.
    """
    low, high = float(min(scans_days)), float(max(scans_days))
    reach = max((high - low) * BESIDE_SHARE, LEAST_DAYS)
    near = [day for day in other_days if low - reach <= day <= high + reach]
    start, end = min([low, *near]), max([high, *near])
    margin = max((end - start) * MARGIN_SHARE, (LEAST_DAYS - (end - start)) / 2, 1.0)
    return TimeAxis(start - margin, end + margin, width_inches, first_date)


def day_text(days: int, first_date: dt.date | None) -> str:
    """A day as a date, or from the first scan where dates are hidden."""
    if first_date is None:
        return f"day {days}".replace("-", "−")
    return (first_date + dt.timedelta(days=days)).isoformat()


def distance_text(days: int) -> str:
    """Time from the first scan, as one says it: days, months or years."""
    if abs(days) < 60:
        return "1 day" if days == 1 else f"{days} days".replace("-", "−")
    months = round(days / DAYS_PER_MONTH)
    return _months_text(months)


def _months_text(months: int) -> str:
    sign, number = "−" if months < 0 else "", abs(months)
    if number >= 24 and number % 12 == 0:
        return f"{sign}{number // 12} years"
    return f"{sign}1 month" if number == 1 else f"{sign}{number} months"
