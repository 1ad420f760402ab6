"""What became of each lesion from scan to scan, against measurement error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.config import RespondSettings
from pipeline.domain.change import Step, Topology, Track, TrackKind
from pipeline.domain.lesion import Interval, Lesion
from pipeline.steps.match import Date, Place
from pipeline.steps.response.annotate import annotate, is_indeterminate
from pipeline.steps.response.rescan import border_shift_mm, rescan_limit_mm3
from pipeline.steps.size import surface_mm2
from pipeline.steps.volumes.limits import burden_interval

CUT = "one of the scans ends in the lesion: how much it changed is not known"
MORE_THAN_SHOWN = "beyond the rescan limits by what both scans show; one of them ends in the lesion"


@dataclass(frozen=True, eq=False, slots=True)
class Followed:
    """A track with its lesions on each date."""

    track: Track
    places: tuple[Place, ...]


def follow(
    matched: Sequence[tuple[Place, ...]], dates: Sequence[Date], settings: RespondSettings
) -> tuple[Followed, ...]:
    """All tracks, numbered from 1."""
    return tuple(
        Followed(follow_track(number, places, dates, settings), places)
        for number, places in enumerate(matched, start=1)
    )


def follow_track(
    number: int, places: Sequence[Place], dates: Sequence[Date], settings: RespondSettings
) -> Track:
    """One track with its steps between neighbouring dates and its kind from first to last."""
    evaluable = tuple(_evaluable(n, places, dates) for n in range(len(places)))

    def step(start: int, end: int) -> Step:
        one, other = dates[start].technique, dates[end].technique
        why_not = one.why_not_comparable(other)
        limits = _Limits(settings, border_shift_mm(one, other, settings))
        found = _as_far_as_shown(_step(start, end, places, evaluable, limits), places)
        return found if why_not is None else _without_amount(found, why_not)

    steps = tuple(step(n, n + 1) for n in range(len(places) - 1))
    shown = zip(places, evaluable, strict=True)
    volumes = tuple(volume_of(place.lesions) if ok else None for place, ok in shown)
    first_seen = next(place for place in places if place.lesions)
    return Track(
        track_id=number,
        tracking_uid=first_seen.lesions[0].tracking_uid,
        lesion_ids=tuple(tuple(lesion.id for lesion in place.lesions) for place in places),
        position_lps_mm=tuple(place.position_lps_mm for place in places),
        evaluable=evaluable,
        detection_limit_mm3=tuple(date.detection_limit_mm3 for date in dates),
        volume_mm3=volumes,
        kind=step(0, len(places) - 1).kind,
        steps=steps,
        indeterminate_at=tuple(n for n, place in enumerate(places) if is_indeterminate(place)),
        annotations=annotate(places, evaluable, dates),
        cut_between=frozenset(
            (min(m, n), max(m, n)) for n, place in enumerate(places) for m in place.short_of
        ),
    )


def _evaluable(n: int, places: Sequence[Place], dates: Sequence[Date]) -> bool:
    """Whether scan `n` shows the track's place and would show a lesion of its size there."""
    if places[n].lesions:
        return True
    limit = dates[n].detection_limit_mm3
    smallest = min(volume_of(place.lesions).value for place in places if place.lesions)
    return places[n].hidden is None and limit is not None and limit <= smallest


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of no change between two dates."""

    settings: RespondSettings
    shift_mm: float

    def half_mm3(self, old: Interval, new: Interval, surface_mm2: float) -> float:
        return rescan_limit_mm3(old, new, self.settings, surface_mm2=surface_mm2, shift_mm=self.shift_mm)

    def note(self, topology: Topology) -> str:
        """That they are wider than usual, where an amount is judged."""
        judged = self.shift_mm > 0 and topology in ("one_to_one", "merged", "split")
        return ", wider for another kernel or slice thickness" if judged else ""


def _surface_mm2(place: Place) -> float:
    return sum(surface_mm2(lesion.mask) for lesion in place.lesions)


def volume_of(lesions: Sequence[Lesion]) -> Interval:
    """The sum of some lesions' volumes with its limits, as far as those are known."""
    known = [one.size.estimate for one in lesions if one.size.estimate is not None]
    if len(known) < len(lesions):
        return Interval(sum(one.size.volume_mm3.value for one in lesions))
    return burden_interval(known)


def _topology(before: Sequence[Lesion], after: Sequence[Lesion]) -> Topology:
    if not before:
        return "new" if after else "absent"
    if not after:
        return "gone"
    if len(before) == len(after):
        return "one_to_one"
    return "merged" if len(before) > len(after) else "split"


def _step(start: int, end: int, places: Sequence[Place], evaluable: Sequence[bool], limits: _Limits) -> Step:
    before, after = places[start], places[end]
    topology = _topology(before.lesions, after.lesions)
    if not (evaluable[start] and evaluable[end]):
        return Step(start, end, topology, "not_evaluable", None, None, None, None, _gap_reason(before, after))
    old, new = volume_of(before.lesions), volume_of(after.lesions)
    half = limits.half_mm3(old, new, max(_surface_mm2(before), _surface_mm2(after)))
    change = new.value - old.value
    beyond = abs(change) > half
    return Step(
        from_index=start,
        to_index=end,
        topology=topology,
        kind=_kind(topology, change, beyond=beyond),
        change_mm3=change,
        change_percent=100 * change / old.value if old.value > 0 else None,
        limits_mm3=(-half, half),
        beyond_error=beyond,
        reason=_change_reason(topology, change, half) + limits.note(topology),
    )


def _as_far_as_shown(step: Step, places: Sequence[Place]) -> Step:
    """The same step; without an amount where a scan ends in the lesion: there its size is a lower bound."""
    start_cut = step.to_index in places[step.from_index].short_of
    end_cut = step.from_index in places[step.to_index].short_of
    if not (start_cut or end_cut):
        return step
    sure: tuple[TrackKind, ...] = () if start_cut else ("increased", "split")
    if not end_cut:
        sure = ("decreased", "merged")
    if step.kind in sure:
        return replace(step, change_mm3=None, change_percent=None, limits_mm3=None, reason=MORE_THAN_SHOWN)
    found = replace(step, kind="not_evaluable", beyond_error=None, reason=CUT)
    return replace(found, change_mm3=None, change_percent=None, limits_mm3=None)


def _without_amount(step: Step, why: str) -> Step:
    """The same step with presence and absence judged and no amount of change."""
    judged = step.topology in ("gone", "new", "merged", "split") or step.kind == "not_evaluable"
    return replace(
        step,
        kind=step.kind if judged else "not_evaluable",
        change_mm3=None,
        change_percent=None,
        limits_mm3=None,
        beyond_error=None,
        reason=step.reason if judged else why,
    )


def _gap_reason(before: Place, after: Place) -> str:
    missing = after if before.lesions else before
    if missing.hidden is not None:
        return missing.hidden.reason
    return "a lesion of this size would not have been seen on the other scan"


def _kind(topology: Topology, change_mm3: float, *, beyond: bool) -> TrackKind:
    if topology == "gone":
        return "resolved"
    if topology == "new":
        return "new"
    if topology in ("merged", "split"):
        return topology
    if not beyond:
        return "stable"
    return "increased" if change_mm3 > 0 else "decreased"


def _change_reason(topology: Topology, change_mm3: float, half_mm3: float) -> str:
    if topology == "gone":
        return "nothing left at the place, which the later scan covers"
    if topology == "new":
        return "nothing at the place on the earlier scan, which covers it"
    if abs(change_mm3) <= half_mm3:
        return f"within the rescan limits of {half_mm3:.0f} mm³"
    return f"beyond the rescan limits of {half_mm3:.0f} mm³"
