"""What the other dates teach about a track on each date. Numbers of a scan never depend on another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.domain.change import Annotation
from pipeline.steps.match import Date, Place


def is_indeterminate(place: Place) -> bool:
    """Whether lesions are there and none of them is definite."""
    return bool(place.lesions) and all(one.status == "indeterminate" for one in place.lesions)


def annotate(
    places: Sequence[Place], evaluable: Sequence[bool], dates: Sequence[Date]
) -> tuple[Annotation, ...]:
    """All that is to be said of one track, in order of date."""
    found = [
        _of_lesions(n, places, evaluable, dates) if place.lesions else _of_absence(n, places, evaluable)
        for n, place in enumerate(places)
    ]
    return tuple(one for some in found for one in some)


def _of_lesions(
    n: int, places: Sequence[Place], evaluable: Sequence[bool], dates: Sequence[Date]
) -> list[Annotation]:
    """That none of the lesions is definite, and that what appeared may be growth."""
    found = []
    if is_indeterminate(places[n]):
        why = "; ".join(dict.fromkeys(one.why_indeterminate or "no reason" for one in places[n].lesions))
        found.append(Annotation(n, "indeterminate_there", f"indeterminate there: {why}"))
    if places[n].short_of:
        words = "the edge of the scan cuts it: another date shows more of its place"
        found.append(Annotation(n, "cut_by_the_edge", words))
    centre = _new_centre(n, places, evaluable, dates)
    if centre is not None:
        words = f"appeared at the {centre}, where bone ossifies by itself at this age: may be growth"
        found.append(Annotation(n, "may_be_growth", words))
    return found


def _new_centre(
    n: int, places: Sequence[Place], evaluable: Sequence[bool], dates: Sequence[Date]
) -> str | None:
    """The growth centre that all lesions of a track may be, on the first date that shows any."""
    earlier = range(n)
    if not n or any(places[m].lesions for m in earlier) or not any(evaluable[m] for m in earlier):
        return None
    points = np.concatenate([one.mask.points_lps_mm() for one in places[n].lesions])
    return dates[n].growing.centre_at(points)


def _of_absence(n: int, places: Sequence[Place], evaluable: Sequence[bool]) -> list[Annotation]:
    """What is there in place of a lesion; nothing where that is not shown."""
    hidden, seen_before = places[n].hidden, any(place.lesions for place in places[:n])
    if hidden is not None and hidden.bone:
        if seen_before:
            return [Annotation(n, "now_part_of_the_bone", "now part of the bone")]
        return [Annotation(n, "was_part_of_the_bone", "part of the bone on this earlier date")]
    if hidden is not None and hidden.excluded is not None:
        kind, number = hidden.excluded.kind.replace("_", " "), hidden.excluded.id
        words = f"left out there as {kind} (excluded {number})"
        return [Annotation(n, "excluded_there", words, number)]
    if not evaluable[n]:
        return []
    if seen_before:
        return [Annotation(n, "no_longer_there", "no longer there, and the place is shown")]
    if n:
        return [Annotation(n, "not_there_yet", "not there yet, and the place is shown")]
    return [Annotation(n, "not_there_at_baseline", "not there at baseline, and the place is shown")]
