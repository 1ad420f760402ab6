"""What changed between dates, in sentences and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.domain.change import AnnotationCode, BurdenChange, Comparison, Response, Track, TrackKind
from pipeline.domain.description import name_text
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import TO, change_of_volume_text, interval_text, is_in_ml, volume_text
from pipeline.report.html.narrative import percent_text, place_title
from pipeline.report.time_axis import distance_text
from pipeline.report.wording import counted, date_text

CATEGORIES = {
    "complete_resolution": "Complete resolution",
    "partial_response": "Partial response",
    "stable": "Stable",
    "progression": "Progression",
    "not_evaluable": "Not evaluable",
    "no_lesion_at_baseline": "No lesion at baseline",
}
CRITERIA = {
    "calcinosis_25": "Calcinosis ± 25 % (from radiographs in systemic sclerosis)",
    "recist_1_1": "RECIST 1.1 (exploratory)",
    "volume": "Volume with its limits",
}
NAMED = 4
"""Tracks that the impression speaks of one by one."""
FATES: dict[TrackKind, str] = {
    "resolved": "is no longer seen",
    "decreased": "is smaller",
    "stable": "is unchanged within error",
    "increased": "is larger",
    "new": "is new",
    "merged": "has grown together with another",
    "split": "has fallen apart",
    "not_evaluable": "cannot be judged",
}
GROWTH = "has appeared where bone ossifies by itself at this age: may be growth"
TOLD_BY_VOLUME: tuple[AnnotationCode, ...] = ("not_there_at_baseline", "not_there_yet", "no_longer_there")
"""Annotations that the cell of the table says already."""


def date_title(comparison: Comparison, index: int) -> str:
    """Which scan: number, date, and how long after the first."""
    return f"t{index} · {date_words(comparison, index)}"


def date_words(comparison: Comparison, index: int) -> str:
    """Date, and how long after the first scan."""
    point = comparison.time_points[index]
    days = point.days_from_first
    since = "" if not days else f"after {distance_text(days)}"
    if point.date is None and since:
        return since
    return ", ".join(part for part in (date_text(point), since) if part)


def comparison_text(comparison: Comparison) -> str:
    """Which scans are compared, as the line of a report that bears this name says it."""
    words = [date_words(comparison, n) for n in range(len(comparison.time_points))]
    return f"{words[0]} (first scan); " + "; ".join(words[1:])


def course_impression(comparison: Comparison) -> list[str]:
    """The answer of the last date, the largest lesions by name, and the burden on every date."""
    sentences = []
    if comparison.responses:
        last = comparison.responses[-1]
        when, reasons = date_words(comparison, last.date_index), "; ".join(last.reasons)
        sentences.append(f"{CATEGORIES[last.category]} on {when}: {reasons}.")
    return [*sentences, *_fates(comparison), _burdens(comparison)]


def _burdens(comparison: Comparison) -> str:
    burdens = [one.burden.volume_mm3 for one in comparison.analyses]
    in_ml = is_in_ml(one.value for one in burdens)
    volumes = TO.join(interval_text(one, in_ml=in_ml) for one in burdens)
    last = len(comparison.analyses) - 1
    change = next(
        (one for one in comparison.burden_changes if (one.from_index, one.to_index) == (0, last)), None
    )
    return f"Burden {volumes}{'; ' + change_text(change) if change else ''}."


def _fates(comparison: Comparison) -> list[str]:
    """What became of the largest tracks, one sentence each, and of the others together."""
    ordered = sorted(comparison.tracks, key=_most_mm3, reverse=True)
    named, others = ordered[:NAMED], ordered[NAMED:]
    sentences = [_fate(comparison, track) for track in named]
    if others:
        kinds = Counter(track.kind.replace("_", " ") for track in others).most_common()
        what = ", ".join(f"{number} {kind}" for kind, number in kinds)
        what = f"all {kinds[0][0]}" if len(kinds) == 1 < len(others) else what
        sentences.append(f"{counted(len(others), 'smaller lesion')}: {what}.")
    return sentences


def _most_mm3(track: Track) -> float:
    return max((one.value for one in track.volume_mm3 if one is not None), default=0.0)


def _fate(comparison: Comparison, track: Track) -> str:
    """From the first date to the last."""
    lesion = lesion_of(comparison, track)
    if lesion is None:
        return f"Track {track.track_id} {FATES[track.kind]}."
    volumes = [one.value for one in track.volume_mm3 if one is not None]
    change = change_of_volume_text([volumes[0], volumes[-1]])
    change = TO.join(dict.fromkeys(change.split(TO)))
    if track.kind == "resolved":
        change = f"{volume_text(volumes[0])} before"
    elif track.kind == "not_evaluable":
        change = track.steps[-1].reason if track.steps else ""
    elif track.kind == "new":
        change = volume_text(volumes[-1])
    number = sum(len(ids) for ids in track.lesion_ids if lesion.id in ids)
    beside = f" with {number - 1} beside it" if number > 1 and track.kind in ("merged", "split") else ""
    remark = f" ({change})" if change else ""
    doubt = "" if lesion.status == "definite" else "indeterminate "
    fate = GROWTH if track.kind == "new" and track.may_be_growth else FATES[track.kind]
    return f"The {doubt}{name_text(lesion)}{beside} {fate}{remark}."


def change_text(change: BurdenChange) -> str:
    """How much, and whether that is more than error."""
    if change.change_mm3 is None:
        return "the amount of change is not known"
    beyond = "beyond measurement error" if change.beyond_error else "within measurement error"
    if change.change_percent is None:
        return f"a change {beyond}"
    return f"{percent_text(change.change_percent)}, {beyond}"


def response_rows(comparison: Comparison) -> list[dict[str, object]]:
    """One row for each later date."""
    return [_response_row(comparison, one) for one in comparison.responses]


def _response_row(comparison: Comparison, one: Response) -> dict[str, object]:
    verdicts = {name: getattr(one.criteria, name) for name in CRITERIA}
    return {
        "date": date_title(comparison, one.date_index),
        "category": CATEGORIES[one.category],
        "reference": one.reference,
        "reasons": one.reasons,
        "criteria": [
            (words, CATEGORIES[verdicts[name]] if verdicts[name] else "not applicable")
            for name, words in CRITERIA.items()
        ],
    }


def volume_text_at(track: Track, index: int) -> str:
    """Volume on a date; why there is none."""
    volume = track.volume_mm3[index]
    if track.lesion_ids[index] and volume is not None:
        return interval_text(volume)
    return "nothing seen" if track.evaluable[index] else "not evaluable"


def remarks_at(track: Track, index: int) -> list[str]:
    """What the other dates teach about a track on a date."""
    return [
        one.words for one in track.annotations if one.date_index == index and one.code not in TOLD_BY_VOLUME
    ]


def track_place(comparison: Comparison, track: Track) -> str:
    """Side and region at the first date that shows it."""
    lesion = lesion_of(comparison, track)
    return "Region unknown" if lesion is None else place_title(lesion)


def lesion_of(comparison: Comparison, track: Track) -> Lesion | None:
    """The largest lesion of a track at the first date that shows one."""
    for n, ids in enumerate(track.lesion_ids):
        found = lesions_of(comparison, n, ids)
        if found:
            return max(found, key=lambda one: one.size.volume_mm3.value)
    return None


def lesions_of(comparison: Comparison, index: int, ids: Sequence[int]) -> list[Lesion]:
    """The lesions of a date by their ids."""
    return [one for one in comparison.analyses[index].lesions if one.id in ids]


def step_text(track: Track) -> str:
    """Why the last step was judged as it was."""
    if not track.steps:
        return ""
    step = track.steps[-1]
    change = ""
    if step.change_mm3 is not None:
        sign = "−" if step.change_mm3 < 0 else "+"
        change = f"{sign}{volume_text(abs(step.change_mm3))}"
    return "; ".join(part for part in (change, step.reason) if part)
