"""How all lesions together changed between two dates, over what both scans show.

Lesions that one of the scans could not show say nothing of the change, and count on neither date. A lesion
that is definite on one date counts on both: what becomes fainter has not gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import RespondSettings
from pipeline.domain.change import BurdenChange
from pipeline.domain.lesion import Interval, Lesion
from pipeline.steps.match import Date
from pipeline.steps.response.rescan import border_shift_mm, rescan_limit_mm3
from pipeline.steps.response.tracks import Followed, volume_of
from pipeline.steps.size import surface_mm2


def burden_change(
    start: int, end: int, followed: Sequence[Followed], dates: Sequence[Date], settings: RespondSettings
) -> BurdenChange:
    """Change of the burden; without an amount where the technique changed."""
    one, other = dates[start].technique, dates[end].technique
    if one.why_not_comparable(other) is not None:
        return BurdenChange(start, end, None, None, None, None)
    counted = [each for each in followed if _counts(each, start, end)]
    before, after = (_lesions_on(n, counted) for n in (start, end))
    surface = max(_surface_mm2(before), _surface_mm2(after))
    shift_mm = border_shift_mm(one, other, settings)
    return change_between(start, end, volume_of(before), volume_of(after), settings, surface * shift_mm)


def _counts(each: Followed, start: int, end: int) -> bool:
    """Whether both scans show the place of a track, one of them a definite lesion, and growth is no cause."""
    track = each.track
    definite = any(track.lesion_ids[n] and n not in track.indeterminate_at for n in (start, end))
    comparable = not track.may_be_growth and (start, end) not in track.cut_between
    return definite and comparable and track.evaluable[start] and track.evaluable[end]


def _lesions_on(n: int, counted: Sequence[Followed]) -> list[Lesion]:
    """All lesions of a date by size: in whatever order the tracks came, their sum has the same last digit."""
    lesions = [lesion for each in counted for lesion in each.places[n].lesions]
    return sorted(lesions, key=lambda one: (one.size.volume_mm3.value, one.id))


def _surface_mm2(lesions: Sequence[Lesion]) -> float:
    return sum(surface_mm2(lesion.mask) for lesion in lesions)


def change_between(
    start: int, end: int, old: Interval, new: Interval, settings: RespondSettings, border_mm3: float = 0.0
) -> BurdenChange:
    """Change from one volume to another and its limits of no change.

    Parameters
    ----------
    border_mm3 : float
        By which the limits are wider, where the border may have moved by technique alone.
    """
    half = rescan_limit_mm3(old, new, settings) + border_mm3
    change = new.value - old.value
    percent = 100 * change / old.value if old.value > 0 else None
    return BurdenChange(start, end, change, percent, (-half, half), abs(change) > half)
