"""Words of the timeline. They say what was when, and never that one thing brought about another."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from pipeline.domain.analysis import Burden
from pipeline.domain.case import Day, Examination, Treatment
from pipeline.domain.change import Comparison
from pipeline.domain.wording import interval_text, volume_text
from pipeline.report.canvas import FONT
from pipeline.report.time_axis import TimeAxis, day_text, distance_text
from pipeline.report.wording import counted

DOT = "  ·  "


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    return FT2Font(findfont(FontProperties(family=FONT)))


def drawable(words: str) -> str:
    """Words of the user with a question mark for each sign that the font of the pictures does not have."""
    return "".join(c if _font().get_char_index(ord(c)) else "?" for c in words)


def number_text(value: float, *, digits: int = 10) -> str:
    """A value as it was written, up to a number of significant digits, with a real minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def label_of(day: Day, first_date: dt.date | None) -> str:
    """A day of the case as its date, or from the first scan where dates are hidden."""
    return day_text(days_of(day), first_date)


def days_of(day: Day) -> int:
    """From the first scan.

    Raises
    ------
    ValueError
        For a case that was not laid beside scans.
    """
    if day.days_from_first is None:
        raise ValueError("the days of the case were not counted from the first scan")
    return day.days_from_first


def scan_lines(comparison: Comparison, n: int, first_date: dt.date | None) -> tuple[str, ...]:
    """Date, distance, burden, and the category of the answer for a later date."""
    days = comparison.time_points[n].days_from_first or 0
    found = [one.category for one in comparison.responses if one.date_index == n]
    return (
        f"t{n}  {day_text(days, first_date)}",
        "first scan" if n == 0 else f"after {distance_text(days)}",
        _burden_text(comparison.analyses[n].burden),
        found[0].replace("_", " ") if found else "",
    )


def _burden_text(burden: Burden) -> str:
    """The sum with its limits; of nothing, what would have been seen."""
    if burden.lesion_count or burden.detection_limit_mm3 is None:
        return interval_text(burden.volume_mm3)
    return f"none, seen from {volume_text(burden.detection_limit_mm3)}"


def why_marked(comparison: Comparison, n: int) -> str:
    """Why a scan cannot be fully compared with the first or the one before; empty where it can."""
    gaps = sum(not track.evaluable[n] for track in comparison.tracks)
    parts = [_technique(comparison, n), f"{counted(gaps, 'place')} could not be judged" if gaps else ""]
    return ", ".join(part for part in parts if part)


def _technique(comparison: Comparison, n: int) -> str:
    """What makes the amount of change unknown."""
    now = comparison.analyses[n].scan.acquisition
    for m in sorted({0, max(n - 1, 0)} - {n}):
        before = comparison.analyses[m].scan.acquisition
        if None not in (before.kvp, now.kvp) and before.kvp != now.kvp:
            return f"{now.kvp:g} kVp, t{m} {before.kvp:g} kVp"
        if bool(before.contrast_agent) != bool(now.contrast_agent):
            with_it, without = (n, m) if now.contrast_agent else (m, n)
            return f"contrast agent at t{with_it}, none at t{without}"
    return "" if amount_is_known(comparison, n) else "amount of change not known"


def amount_is_known(comparison: Comparison, n: int) -> bool:
    """Whether the burden of a scan can be subtracted from that of the scan before."""
    return None not in [
        one.change_mm3 for one in comparison.burden_changes if (one.from_index, one.to_index) == (n - 1, n)
    ]


def treatment_text(one: Treatment, axis: TimeAxis) -> str:
    """Those of its days that the bar cannot show, dose, route and interval."""
    dose = "" if one.dose is None else f"{number_text(one.dose)} {one.unit}"
    start, stop = days_of(one.start), None if one.stop is None else days_of(one.stop)
    since = f"from {label_of(one.start, axis.first_date)}" if start < 0 or start > axis.end_days else ""
    off = stop is not None and not axis.holds(stop)
    until = f"to {day_text(stop, axis.first_date)}" if off and stop is not None else ""
    days = " ".join(part for part in (since, until) if part)
    return drawable(DOT.join(part for part in (days, dose, one.route, one.interval) if part))


def examination_text(one: Examination, first_date: dt.date | None) -> str:
    """What was done when, and what it showed."""
    return drawable(f"{one.name} {label_of(one.day, first_date)}: {one.finding}")


def outside_text(days: list[int], axis: TimeAxis) -> str:
    """How many days lie before and after what the axis shows; may be empty."""
    earlier = sum(day < axis.start_days for day in days)
    later = sum(day > axis.end_days for day in days)
    parts = [f"{earlier} earlier" if earlier else "", f"{later} later" if later else ""]
    return ", ".join(part for part in parts if part)
