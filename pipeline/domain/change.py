"""What became of each lesion between scans."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.domain.analysis import Analysis
from pipeline.domain.case import NO_CASE, Case
from pipeline.domain.elsewhere import in_notebook
from pipeline.domain.geometry import Float3, RigidTransform
from pipeline.domain.lesion import Interval

if TYPE_CHECKING:
    from pandas import DataFrame

TrackKind = Literal["resolved", "decreased", "stable", "increased", "new", "merged", "split", "not_evaluable"]
Topology = Literal["one_to_one", "split", "merged", "gone", "new", "absent"]
Category = Literal[
    "complete_resolution",
    "partial_response",
    "stable",
    "progression",
    "not_evaluable",
    "no_lesion_at_baseline",
]
AnnotationCode = Literal[
    "not_there_at_baseline",
    "not_there_yet",
    "no_longer_there",
    "now_part_of_the_bone",
    "was_part_of_the_bone",
    "excluded_there",
    "indeterminate_there",
    "cut_by_the_edge",
    "may_be_growth",
]


@dataclass(frozen=True, eq=False, slots=True)
class Registration:
    """How one bone (or the whole skeleton) of the earlier scan lies in the later one."""

    from_index: int
    to_index: int
    bone: str
    transform: RigidTransform
    residual_mm: float  #: median distance between the bone surfaces after the fit
    accepted: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a track from one scan to another."""

    from_index: int
    to_index: int
    topology: Topology
    kind: TrackKind
    change_mm3: float | None
    change_percent: float | None
    limits_mm3: tuple[float, float] | None  #: 95 % limits of no change
    beyond_error: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the other dates teach about a track on one date. It changes no number of that date."""

    date_index: int
    code: AnnotationCode
    words: str
    excluded_id: int | None = None  #: of what was left out on that date


@dataclass(frozen=True, slots=True)
class Track:
    """One lesion followed over scans."""

    track_id: int
    tracking_uid: str
    lesion_ids: tuple[tuple[int, ...], ...]  #: per time point
    position_lps_mm: tuple[Float3 | None, ...]  #: per time point: where it is, or would be
    evaluable: tuple[bool, ...]
    detection_limit_mm3: tuple[float | None, ...]
    volume_mm3: tuple[Interval | None, ...]
    kind: TrackKind
    steps: tuple[Step, ...]
    indeterminate_at: tuple[int, ...] = ()  #: time points at which none of its lesions is definite
    annotations: tuple[Annotation, ...] = ()  #: in order of date
    cut_between: frozenset[tuple[int, int]] = frozenset()
    """Pairs of time points, the earlier one first, of which one shows less of its lesions' place."""

    @property
    def may_be_growth(self) -> bool:
        """Whether it appeared where and when bone ossifies by itself."""
        return any(one.code == "may_be_growth" for one in self.annotations)


@dataclass(frozen=True, slots=True)
class BurdenChange:
    """Change of all definite lesions together from one scan to another."""

    from_index: int
    to_index: int
    change_mm3: float | None
    change_percent: float | None
    limits_mm3: tuple[float, float] | None
    beyond_error: bool | None


@dataclass(frozen=True, slots=True)
class Criteria:
    """The verdict of each criterion by itself."""

    calcinosis_25: Category
    recist_1_1: Category | None
    volume: Category


@dataclass(frozen=True, slots=True)
class Response:
    """The answer for one later date."""

    date_index: int
    category: Category
    criteria: Criteria
    reference: Literal["baseline", "nadir"]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimePoint:
    """One scan of a comparison in time."""

    index: int
    date: dt.date | None
    days_from_first: int | None


@dataclass(frozen=True, slots=True)
class CommonThreshold:
    """Whether all dates were looked through with the same threshold, and if not what follows."""

    seed_hu: tuple[float, ...]  #: per time point
    edge_hu: tuple[float, ...]  #: per time point
    same: bool
    reason: str


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Two or more analyses of one patient, in order of date."""

    analyses: tuple[Analysis, ...]  #: one for each date
    time_points: tuple[TimePoint, ...]  #: date and days since the first
    registrations: tuple[Registration, ...]  #: how each bone of one scan lies in another
    tracks: tuple[Track, ...]  #: each lesion followed over the dates
    burden_changes: tuple[BurdenChange, ...]  #: from each date to the next, then from the first to the others
    responses: tuple[Response, ...]  #: one for each later date; the last one is the answer
    threshold: CommonThreshold  #: whether all dates were looked through alike
    case: Case = NO_CASE  #: what is known of the course beside the scans

    def to_frame(self) -> DataFrame:
        """One row for each track and date, as in ``tracks.csv``; unknown is `pandas.NA`.

        Raises
        ------
        UsageError
            Where pandas is not installed.
        """
        return in_notebook("frames").tracks_frame(self)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        return str(in_notebook("pages").comparison_html(self))
