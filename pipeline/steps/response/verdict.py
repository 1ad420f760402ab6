"""From tracks and changes to an answer: the first category of the definition that holds.

The limits of 25 % are those of the one calcinosis cut-off there is (hand radiographs in systemic sclerosis;
not derived on CT, for volumes, or in juvenile dermatomyositis). What lies within the rescan limits is
stable, whatever its share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import RespondSettings
from pipeline.domain.change import AnnotationCode, BurdenChange, Category, Criteria, Response, Track
from pipeline.domain.wording import counted
from pipeline.steps.response.recist import recist_response
from pipeline.steps.response.tracks import Followed

Changes = Mapping[tuple[int, int], BurdenChange]
"""Change of the burden between any two dates, the earlier one first."""
KNOWN_OTHERWISE: tuple[AnnotationCode, ...] = (
    "now_part_of_the_bone",
    "was_part_of_the_bone",
    "excluded_there",
)
GROWN = 10.0
"""What was not seen again may have gone, or grown to as much as this. Ours."""


def respond(
    date_index: int, followed: Sequence[Followed], changes: Changes, settings: RespondSettings
) -> Response:
    """The answer for one later date, by all criteria."""
    comparable = changes[0, date_index].change_mm3 is not None
    recist = recist_response(date_index, followed, comparable=comparable)
    return classify_response(date_index, [one.track for one in followed], changes, settings, recist)


def classify_response(
    date_index: int,
    tracks: Sequence[Track],
    changes: Changes,
    settings: RespondSettings,
    recist: Category | None = None,
) -> Response:
    """The answer for one later date from its tracks and the changes of the burden up to it."""
    from_nadir = _from_nadir(date_index, changes)
    evidence = _Evidence(date_index, tracks, changes[0, date_index], from_nadir, settings)
    category, reasons = _category(evidence)
    if evidence.unsure:
        reasons += (
            f"{counted(len(evidence.unsure), 'indeterminate new finding')}, not counted as new lesions",
        )
    if evidence.explained:
        names = "bone or something left out on the other date"
        reasons += (f"{counted(len(evidence.explained), 'indeterminate finding')}, {names}, not counted",)
    reasons += tuple(f"not counted: track {one.track_id} {_growth_words(one)}" for one in evidence.growth)
    return Response(
        date_index=date_index,
        category=category,
        criteria=Criteria(
            calcinosis_25=_share_category(evidence), recist_1_1=recist, volume=evidence.volume_category()
        ),
        reference="nadir" if category == "progression" and evidence.from_nadir.from_index > 0 else "baseline",
        reasons=reasons,
    )


def _volume_mm3(tracks: Sequence[Track]) -> float:
    """At baseline."""
    return sum(volume.value for one in tracks if (volume := one.volume_mm3[0]) is not None)


def _is_known_otherwise(track: Track, n: int) -> bool:
    return any(one.date_index == n and one.code in KNOWN_OTHERWISE for one in track.annotations)


def _growth_words(track: Track) -> str:
    return next(one.words for one in track.annotations if one.code == "may_be_growth")


def _from_nadir(date_index: int, changes: Changes) -> BurdenChange:
    """The change from the earlier date against which the burden rose most: there it was least.

    Each change counts what both of its dates show, so that a date that shows little is no nadir.
    """
    earlier = [changes[n, date_index] for n in range(date_index)]
    known = [one for one in earlier if one.change_mm3 is not None]
    return max(known, key=lambda one: one.change_mm3 or 0.0, default=earlier[0])


@dataclass(frozen=True, eq=False, slots=True)
class _Evidence:
    """What the answer of one date rests on."""

    date_index: int
    tracks: Sequence[Track]
    from_baseline: BurdenChange
    from_nadir: BurdenChange
    settings: RespondSettings

    @property
    def appeared(self) -> list[Track]:
        """There now and surely absent at first."""
        return [
            one
            for one in self.tracks
            if one.lesion_ids[self.date_index] and not one.lesion_ids[0] and one.evaluable[0]
        ]

    @property
    def unsure(self) -> list[Track]:
        """Of those, the indeterminate ones."""
        new = [one for one in self.appeared if not one.may_be_growth]
        return [one for one in new if self.is_unsure(one)]

    @property
    def growth(self) -> list[Track]:
        """Of those, what may have ossified by itself."""
        return [one for one in self.appeared if one.may_be_growth]

    def is_unsure(self, track: Track) -> bool:
        """Whether it is indeterminate now: no new lesion and no burden, whatever was there before."""
        return self.date_index in track.indeterminate_at

    @property
    def gaps(self) -> list[Track]:
        """Known up to now, and not judged both at first and now."""
        known = [one for one in self.tracks if any(one.lesion_ids[: self.date_index + 1])]
        return [one for one in known if not self._judged(one) and one not in self.explained]

    @property
    def explained(self) -> list[Track]:
        """Indeterminate on one of both dates, and bone or left out on the other: no lesion by either.

        At baseline it must be small beside the burden, so that little is lost should it be one after all.
        """
        now = self.date_index
        unsure_at = {n: [one for one in self.tracks if n in one.indeterminate_at] for n in (0, now)}
        before = [one for one in unsure_at[0] if _is_known_otherwise(one, now)]
        after = [one for one in unsure_at[now] if _is_known_otherwise(one, 0)]
        sure = [one for one in self.tracks if one.lesion_ids[0] and 0 not in one.indeterminate_at]
        small = _volume_mm3(before) <= self.settings.change_fraction * _volume_mm3(sure)
        return [*(before if small else ()), *after]

    def _judged(self, track: Track) -> bool:
        """Whether both scans show the place, and as much of it."""
        shown = track.evaluable[0] and track.evaluable[self.date_index]
        return shown and (0, self.date_index) not in track.cut_between

    @property
    def left(self) -> list[Track]:
        """There at first and now."""
        return [one for one in self.tracks if one.lesion_ids[0] and one.lesion_ids[self.date_index]]

    @property
    def any_at_baseline(self) -> bool:
        """Whether a definite lesion was there at first."""
        return any(one.lesion_ids[0] and 0 not in one.indeterminate_at for one in self.tracks)

    def volume_category(self) -> Category:
        """By share and beyond error."""
        return _volume_category(self.from_baseline, self.from_nadir, self.settings)


def _volume_category(
    from_baseline: BurdenChange, from_nadir: BurdenChange, settings: RespondSettings
) -> Category:
    if from_baseline.change_mm3 is None or from_nadir.change_mm3 is None:
        return "not_evaluable"
    percent = 100 * settings.change_fraction
    if from_nadir.beyond_error and (from_nadir.change_percent is None or from_nadir.change_percent > percent):
        return "progression"
    fall = from_baseline.change_percent
    if from_baseline.beyond_error and fall is not None and fall <= -percent:
        return "partial_response" if fall > -100 else "complete_resolution"
    return "stable"


def _share_category(evidence: _Evidence) -> Category:
    """By share alone, as the criterion was published."""
    from_baseline, from_nadir = evidence.from_baseline, evidence.from_nadir
    if from_baseline.change_mm3 is None or from_nadir.change_mm3 is None:
        return "not_evaluable"
    percent = 100 * evidence.settings.change_fraction
    rise, fall = from_nadir.change_percent, from_baseline.change_percent
    if (from_nadir.change_mm3 > 0 and rise is None) or (rise is not None and rise > percent):
        return "progression"
    if fall is None:
        return "no_lesion_at_baseline"
    if fall <= -100:
        return "complete_resolution"
    return "partial_response" if fall < -percent else "stable"


def _category(evidence: _Evidence) -> tuple[Category, tuple[str, ...]]:
    fresh = len(evidence.appeared) - len(evidence.unsure) - len(evidence.growth)
    if fresh:
        return "progression", (counted(fresh, "new lesion"),)
    if evidence.volume_category() == "progression":
        return "progression", ("burden more than 25 % above the lowest so far and beyond measurement error",)
    category, reasons = _without_progression(evidence)
    gaps = len(evidence.gaps)
    if not gaps:
        return category, reasons
    if _gaps_may_change(category, evidence):
        return "not_evaluable", (f"{counted(gaps, 'lesion')} could not be judged on both scans",)
    verb = "is" if gaps == 1 else "are"
    unseen = f"{counted(gaps, 'lesion')} not judged on both scans {verb} too small to change this"
    return category, (*reasons, unseen)


def _without_progression(evidence: _Evidence) -> tuple[Category, tuple[str, ...]]:
    """The answer by what both scans show."""
    if not evidence.any_at_baseline:
        return "no_lesion_at_baseline", ("no definite lesion at baseline",)
    if not evidence.left:
        return "complete_resolution", ("every lesion of the baseline is gone and nothing is new",)
    volume, change = evidence.volume_category(), evidence.from_baseline
    if volume == "not_evaluable":
        return "not_evaluable", ("another tube voltage or contrast: the amount of change is not known",)
    if volume in ("partial_response", "complete_resolution"):
        return "partial_response", (f"burden {change.change_percent:.0f} % from baseline, beyond error",)
    return "stable", ("no change of the burden by 25 % and beyond error",)


def _gaps_may_change(category: Category, evidence: _Evidence) -> bool:
    """Whether the answer would be another one, had the lesions that were not seen gone or grown."""
    if category not in ("partial_response", "stable"):
        return True
    unseen = [one for one in evidence.gaps if one.lesion_ids[0]]
    if any(not one.lesion_ids[0] and not evidence.is_unsure(one) for one in evidence.gaps):
        return True  # what the first scan did not show may be new
    hidden_mm3 = _volume_mm3(unseen)
    return any(_with_hidden(share, hidden_mm3, evidence) != category for share in (0.0, GROWN))


def _with_hidden(share: float, hidden_mm3: float, evidence: _Evidence) -> Category:
    """The answer, had what was not seen become that share of what it was."""
    change = evidence.from_baseline
    if change.change_mm3 is None or change.limits_mm3 is None:
        return "not_evaluable"
    judged = [one for one in evidence.tracks if one not in evidence.gaps and one.lesion_ids[0]]
    seen_mm3 = _volume_mm3(judged)
    moved_mm3 = change.change_mm3 + (share - 1) * hidden_mm3
    old_mm3 = seen_mm3 + hidden_mm3
    if old_mm3 <= 0:
        return "stable"
    supposed = BurdenChange(
        change.from_index,
        change.to_index,
        moved_mm3,
        100 * moved_mm3 / old_mm3,
        change.limits_mm3,
        abs(moved_mm3) > change.limits_mm3[1],
    )
    return _volume_category(supposed, supposed, evidence.settings)
