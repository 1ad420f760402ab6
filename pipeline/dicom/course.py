"""What a comparison says about one of its scans, for the objects written about that scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.domain.change import Comparison, Response, Track, TrackKind


@dataclass(frozen=True, slots=True)
class Followed:
    """One track on one date."""

    track_id: int
    tracking_uid: str
    evaluable: bool
    kind: TrackKind | None = None  #: what became of it since the scan before; None on the first date
    reason: str | None = None  #: why that is so


@dataclass(frozen=True, slots=True)
class Course:
    """All tracks on one date, and the answer."""

    of_lesion: Mapping[int, Followed] = field(default_factory=dict)  #: by lesion id
    absent: tuple[Followed, ...] = ()  #: tracks that show no lesion on this date
    response: Response | None = None


NOT_FOLLOWED = Course()
"""Of a scan by itself."""


def course_at(comparison: Comparison, index: int) -> Course:
    """What is known of the scan of one time point."""
    tracks = [(_followed(track, index), track.lesion_ids[index]) for track in comparison.tracks]
    return Course(
        of_lesion={number: one for one, numbers in tracks for number in numbers},
        absent=tuple(one for one, numbers in tracks if not numbers),
        response=next((one for one in comparison.responses if one.date_index == index), None),
    )


def _followed(track: Track, index: int) -> Followed:
    step = next((one for one in track.steps if one.to_index == index), None)
    kind, reason = (None, None) if step is None else (step.kind, step.reason)
    return Followed(track.track_id, track.tracking_uid, track.evaluable[index], kind, reason)
