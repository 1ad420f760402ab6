"""From tracks to a response, against measurement error.

Categories follow the 25 % limits of the one calcinosis cut-off there is (hand radiographs in systemic
sclerosis; not derived on CT, for volumes, or in juvenile dermatomyositis). What lies within
the rescan limits is called stable, whatever its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.config import RespondSettings
from pipeline.domain.analysis import Burden
from pipeline.domain.change import (
    BurdenChange,
    Category,
    Criteria,
    Response,
    Step,
    Topology,
    Track,
    TrackKind,
)
from pipeline.domain.lesion import Interval, Lesion
from pipeline.steps.match import Date, Place, Technique
from pipeline.steps.rescan import border_shift_mm, rescan_limit_mm3
from pipeline.steps.size import surface_mm2
from pipeline.steps.volumes.limits import burden_interval


def follow_track(
    number: int, places: Sequence[Place], dates: Sequence[Date], settings: RespondSettings
) -> Track:
    """One track with its steps between neighbouring dates and its kind from first to last."""
    evaluable = tuple(_evaluable(n, places, dates) for n in range(len(places)))

    def step(start: int, end: int) -> Step:
        one, other = dates[start].technique, dates[end].technique
        why_not = one.why_not_comparable(other)
        limits = _Limits(settings, border_shift_mm(one, other, settings))
        found = _step(start, end, places, evaluable, limits)
        return found if why_not is None else _without_amount(found, why_not)

    steps = tuple(step(n, n + 1) for n in range(len(places) - 1))
    volumes = tuple(_volume(place) if ok else None for place, ok in zip(places, evaluable, strict=True))
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
        indeterminate_at=tuple(n for n, place in enumerate(places) if _is_indeterminate(place)),
    )


def _is_indeterminate(place: Place) -> bool:
    return bool(place.lesions) and all(one.status == "indeterminate" for one in place.lesions)


def _evaluable(n: int, places: Sequence[Place], dates: Sequence[Date]) -> bool:
    """Whether scan `n` shows the track's place and would show a lesion of its size there."""
    if places[n].lesions:
        return True
    limit = dates[n].detection_limit_mm3
    smallest = min(_volume(place).value for place in places if place.lesions)
    return places[n].why_hidden is None and limit is not None and limit <= smallest


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


def _volume(place: Place) -> Interval:
    estimates = [lesion.size.estimate for lesion in place.lesions]
    known = [one for one in estimates if one is not None]
    if len(known) < len(estimates):
        return Interval(sum(lesion.size.volume_mm3.value for lesion in place.lesions))
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
    old, new = _volume(before), _volume(after)
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
    return missing.why_hidden or "a lesion of this size would not have been seen on the other scan"


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


def burden_change(
    start: int,
    end: int,
    burdens: Sequence[Burden],
    settings: RespondSettings,
    techniques: Sequence[Technique] = (),
) -> BurdenChange:
    """Change of all definite lesions together; without an amount where the technique changed."""
    if techniques and techniques[start].why_not_comparable(techniques[end]):
        return BurdenChange(start, end, None, None, None, None)
    old, new = burdens[start].volume_mm3, burdens[end].volume_mm3
    shift_mm = border_shift_mm(techniques[start], techniques[end], settings) if techniques else 0.0
    surface = max(burdens[start].surface_mm2, burdens[end].surface_mm2)
    half = rescan_limit_mm3(old, new, settings, surface_mm2=surface, shift_mm=shift_mm)
    change = new.value - old.value
    percent = 100 * change / old.value if old.value > 0 else None
    return BurdenChange(start, end, change, percent, (-half, half), abs(change) > half)


def classify_response(
    date_index: int,
    tracks: Sequence[Track],
    burdens: Sequence[Burden],
    settings: RespondSettings,
    techniques: Sequence[Technique] = (),
) -> Response:
    """The answer for one later date: the first category of the definition that holds."""
    nadir = min(range(date_index), key=lambda n: (burdens[n].volume_mm3.value, n))
    from_nadir = burden_change(nadir, date_index, burdens, settings, techniques)
    from_baseline = burden_change(0, date_index, burdens, settings, techniques)
    fresh = [track for track in tracks if _appeared(track, date_index)]
    unsure = [track for track in fresh if date_index in track.indeterminate_at]
    fresh = [track for track in fresh if track not in unsure]
    known = [track for track in tracks if any(track.lesion_ids[: date_index + 1])]
    gaps = [track for track in known if not (track.evaluable[0] and track.evaluable[date_index])]
    left = [track for track in tracks if track.lesion_ids[0] and track.lesion_ids[date_index]]
    volume = _volume_category(from_baseline, from_nadir, settings)
    category, reasons = _category(volume, fresh, gaps, left, burdens[0], from_baseline)
    if unsure:
        reasons += (f"{len(unsure)} indeterminate new finding(s), not counted as new lesions",)
    return Response(
        date_index=date_index,
        category=category,
        criteria=Criteria(
            calcinosis_25=_share_category(from_baseline, from_nadir, settings), recist_1_1=None, volume=volume
        ),
        reference="nadir" if category == "progression" and nadir > 0 else "baseline",
        reasons=reasons,
    )


def _appeared(track: Track, date_index: int) -> bool:
    """Whether a track is there now and was surely absent at first."""
    return bool(track.lesion_ids[date_index]) and not track.lesion_ids[0] and track.evaluable[0]


def _volume_category(
    from_baseline: BurdenChange, from_nadir: BurdenChange, settings: RespondSettings
) -> Category:
    """By share and beyond error."""
    if from_baseline.change_mm3 is None or from_nadir.change_mm3 is None:
        return "not_evaluable"
    percent = 100 * settings.change_fraction
    if from_nadir.beyond_error and (from_nadir.change_percent is None or from_nadir.change_percent > percent):
        return "progression"
    fall = from_baseline.change_percent
    if from_baseline.beyond_error and fall is not None and fall <= -percent:
        return "partial_response" if fall > -100 else "complete_resolution"
    return "stable"


def _share_category(
    from_baseline: BurdenChange, from_nadir: BurdenChange, settings: RespondSettings
) -> Category:
    """By share alone, as the criterion was published."""
    if from_baseline.change_mm3 is None or from_nadir.change_mm3 is None:
        return "not_evaluable"
    percent = 100 * settings.change_fraction
    rise, fall = from_nadir.change_percent, from_baseline.change_percent
    if (from_nadir.change_mm3 and rise is None) or (rise is not None and rise > percent):
        return "progression"
    if fall is None:
        return "no_lesion_at_baseline"
    if fall <= -100:
        return "complete_resolution"
    return "partial_response" if fall < -percent else "stable"


def _category(
    volume: Category,
    fresh: Sequence[Track],
    gaps: Sequence[Track],
    left: Sequence[Track],
    baseline: Burden,
    from_baseline: BurdenChange,
) -> tuple[Category, tuple[str, ...]]:
    if fresh:
        return "progression", (f"{len(fresh)} new lesion(s)",)
    if volume == "progression":
        return "progression", ("burden more than 25 % above the lowest so far and beyond measurement error",)
    if gaps:
        return "not_evaluable", (f"{len(gaps)} lesion(s) could not be judged on both scans",)
    if baseline.lesion_count == 0:
        return "no_lesion_at_baseline", ("no definite lesion at baseline",)
    if not left:
        return "complete_resolution", ("every lesion of the baseline is gone and nothing is new",)
    if volume == "not_evaluable":
        return "not_evaluable", ("another tube voltage or contrast: the amount of change is not known",)
    if volume == "partial_response":
        return "partial_response", (
            f"burden {from_baseline.change_percent:.0f} % from baseline, beyond error",
        )
    return "stable", ("no change of the burden by 25 % and beyond error",)
