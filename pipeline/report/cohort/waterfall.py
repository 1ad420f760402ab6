"""Change of the burden of each patient as bars, from the largest growth to the largest loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.report.cohort.entries import PatientEntry

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1120.0, 380.0, 58.0, 18.0, 30.0
"""Of the drawing, in its own units."""
LOWEST_PERCENT = -110.0
TOPS_PERCENT = (60.0, 110.0, 210.0)
"""Where the drawing ends: the least that holds all. A change above the last is cut there, with its number."""
MOST_NAMED = 60
"""Patients whose keys have room below their bars."""
LONGEST_KEY, LETTER_HEIGHT, KEY_MARGIN = 14, 7.0, 4.0
"""Letters of a key that are shown, and the room of one."""
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
    none_at_all: int  #: without a lesion that both scans show


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
    letters = max((min(len(one.key), LONGEST_KEY) for one in ordered), default=0)
    height = HEIGHT + (KEY_MARGIN + LETTER_HEIGHT * letters - BOTTOM / 2 if named else 0)
    largest = max(
        ((_limits_percent(one) or (0.0, one.row["change_percent"]))[1] for one in told), default=0.0
    )
    scale = _Scale(next((top for top in TOPS_PERCENT if largest <= top), TOPS_PERCENT[-1]))
    bars = tuple(_bar(one, scale, n, step, named=named) for n, one in enumerate(ordered))
    lines = tuple(_lines(scale))
    return Waterfall(WIDTH, height, LEFT, bars, lines, HEIGHT - BOTTOM + 14, tuple(from_none), len(none))


@dataclass(frozen=True, slots=True)
class _Scale:
    highest: float  #: percent

    def y(self, percent: float) -> float:
        inside = min(max(percent, LOWEST_PERCENT), self.highest)
        share = (self.highest - inside) / (self.highest - LOWEST_PERCENT)
        return round(TOP + share * (HEIGHT - TOP - BOTTOM), 1)


def _lines(scale: _Scale) -> Iterator[tuple[float, str, str]]:
    for one in LINES_PERCENT:
        if one < scale.highest:
            label = f"{one:+d} %".replace("-", "−") if one else "0 %"
            yield scale.y(one), label, "grid" if one else "zero"
    for one in RULES_PERCENT:
        yield scale.y(one), "", "rule"


def _bar(one: PatientEntry, scale: _Scale, n: int, step: float, *, named: bool) -> Bar:
    x, width = round(LEFT + n * step + step * GAP_SHARE / 2, 2), round(step * (1 - GAP_SHARE), 2)
    percent = one.row.get("change_percent")
    name = f"{one.key}: {one.change}; {one.answer}"
    key = one.key if named else ""
    if percent is None:
        top, bottom = scale.y(25), scale.y(-25)
        return Bar(x, width, top, bottom - top, None, "unknown", name, key, "", one.report)
    top, bottom = sorted((scale.y(percent), scale.y(0)))
    style = ("down" if percent < 0 else "up") if one.row["beyond_error"] else "within"
    above = f"{percent:+.0f} %" if percent > scale.highest and width >= LEAST_LETTERED else ""
    return Bar(
        x, width, top, max(bottom - top, 1.5), _whisker(one, scale), style, name, key, above, one.report
    )


def _whisker(one: PatientEntry, scale: _Scale) -> tuple[float, float] | None:
    limits = _limits_percent(one)
    return None if limits is None else (scale.y(limits[1]), scale.y(max(-100.0, limits[0])))


def _limits_percent(one: PatientEntry) -> tuple[float, float] | None:
    """The change less and more what two scans of the same calcium differ by."""
    percent, lower, upper = (
        one.row[name] for name in ("change_percent", "limit_lower_mm3", "limit_upper_mm3")
    )
    if None in (percent, lower, upper):
        return None
    base = one.row["change_mm3"] / percent * 100 if percent else one.row["first_volume_mm3"]
    return (percent + lower / base * 100, percent + upper / base * 100) if base else None
