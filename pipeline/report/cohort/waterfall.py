"""Change of the burden of each patient as bars, from the largest growth to the largest loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.cohort.entries import PatientEntry

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1120.0, 380.0, 58.0, 18.0, 30.0
"""Of the drawing, in its own units."""
LOWEST_PERCENT, HIGHEST_PERCENT = -110.0, 210.0
"""A change above is cut there, with its number beside it."""
MOST_NAMED = 60
"""Patients whose keys have room below their bars."""
KEY_HEIGHT = 96.0
LEAST_LETTERED = 9.0
"""Width of a bar from which letters fit into it."""
WIDEST_BAR, GAP_SHARE = 46.0, 0.22
LINES_PERCENT = (-100, -50, 0, 50, 100, 150, 200)
RULES_PERCENT = (-25, 25)


@dataclass(frozen=True, slots=True)
class Bar:
    """One patient; heights from the top of the drawing."""

    x: float
    width: float
    top: float
    height: float
    whisker: tuple[float, float] | None  #: limits of the change
    style: str  #: down, up, within or unknown
    name: str  #: for people who do not see it
    key: str  #: below the bar; empty where there is no room
    above: str  #: the change, where the bar is cut and has room for it
    link: str | None

    @property
    def line(self) -> float:
        """Width of the line of its limits."""
        return round(min(1.3, self.width / 4), 2)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All bars, and the lines behind them."""

    width: float
    height: float
    left: float
    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, str, str], ...]  #: height, label, style
    key_at: float
    from_none: tuple[PatientEntry, ...]  #: grown from no burden: no share can be told
    none_at_all: int  #: without a lesion on either scan


def draw_waterfall(patients: Sequence[PatientEntry]) -> Waterfall:
    """Bars of all patients with a follow-up."""
    followed = [one for one in patients if one.category]
    amount = {one.number: one.row.get("change_mm3") for one in followed}
    told = [one for one in followed if one.row.get("change_percent") is not None]
    from_none = [one for one in followed if one not in told and (amount[one.number] or 0) > 0]
    none = [one for one in followed if one not in told and amount[one.number] == 0]
    unknown = [one for one in followed if amount[one.number] is None]
    ordered = [*unknown, *sorted(told, key=lambda one: (-one.row["change_percent"], one.key))]
    step = min(WIDEST_BAR, (WIDTH - LEFT) / max(1, len(ordered)))
    named = len(ordered) <= MOST_NAMED
    height = HEIGHT + (KEY_HEIGHT if named else 0)
    bars = tuple(_bar(one, n, step, named=named) for n, one in enumerate(ordered))
    return Waterfall(WIDTH, height, LEFT, bars, _lines(), HEIGHT - BOTTOM + 14, tuple(from_none), len(none))


def _lines() -> tuple[tuple[float, str, str], ...]:
    solid = [
        (_y(one), f"{one:+d} %".replace("-", "−").replace("+0", "0"), "zero" if not one else "grid")
        for one in LINES_PERCENT
    ]
    return (*solid, *((_y(one), "", "rule") for one in RULES_PERCENT))


def _y(percent: float) -> float:
    inside = min(max(percent, LOWEST_PERCENT), HIGHEST_PERCENT)
    share = (HIGHEST_PERCENT - inside) / (HIGHEST_PERCENT - LOWEST_PERCENT)
    return round(TOP + share * (HEIGHT - TOP - BOTTOM), 1)


def _bar(one: PatientEntry, n: int, step: float, *, named: bool) -> Bar:
    x, width = round(LEFT + n * step + step * GAP_SHARE / 2, 2), round(step * (1 - GAP_SHARE), 2)
    percent = one.row.get("change_percent")
    name = f"{one.key}: {one.change}; {one.answer}"
    key = one.key if named else ""
    if percent is None:
        top, bottom = _y(25), _y(-25)
        return Bar(x, width, top, bottom - top, None, "unknown", name, key, "", one.report)
    top, bottom = sorted((_y(percent), _y(0)))
    style = ("down" if percent < 0 else "up") if one.row["beyond_error"] else "within"
    above = f"{percent:+.0f} %" if percent > HIGHEST_PERCENT and width >= LEAST_LETTERED else ""
    return Bar(x, width, top, max(bottom - top, 1.5), _whisker(one), style, name, key, above, one.report)


def _whisker(one: PatientEntry) -> tuple[float, float] | None:
    """The change less and more what two scans of the same calcium differ by."""
    percent, lower, upper = (
        one.row[name] for name in ("change_percent", "limit_lower_mm3", "limit_upper_mm3")
    )
    if None in (percent, lower, upper):
        return None
    change = one.row["change_mm3"]
    base = change / percent * 100 if percent else one.row["first_volume_mm3"]
    if not base:
        return None
    return _y(percent + upper / base * 100), _y(max(-100.0, percent + lower / base * 100))
