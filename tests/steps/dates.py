"""Dates with lesions on a small grid, to be matched and followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from pipeline.config import MatchSettings, RespondSettings
from pipeline.domain.change import Response, Track
from pipeline.domain.geometry import Float3, Geometry, RigidTransform
from pipeline.domain.lesion import Lesion, Status
from pipeline.steps.match import Date, Technique, Ways, match_lesions
from pipeline.steps.registration.travel import Passage
from pipeline.steps.response.burden import burden_change
from pipeline.steps.response.tracks import Followed, follow
from pipeline.steps.response.verdict import respond
from tests.builders import a_lesion, ball, centred_grid

GRID = centred_grid((30, 60, 60), (2.0, 1.0, 1.0))
LOWER = centred_grid((10, 60, 60), (2.0, 1.0, 1.0))  #: z within ±10 mm alone
MOVED = RigidTransform(
    np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.array([2.0, -1.0, 3.0])
)
SETTINGS = MatchSettings(reach_mm=6.0)
RESPOND = RespondSettings()
Ball = tuple[Float3, float]


def lesion(number: int, where: Ball, *, status: Status = "definite") -> Lesion:
    return a_lesion(number, ball(GRID, *where) < 0, GRID, status=status)


@dataclass(frozen=True)
class Dated:
    """A date, and how the first one lies in it; None if that is not known."""

    date: Date
    way: RigidTransform | None


def date(
    *lesions: Lesion,
    way: RigidTransform | None = RigidTransform.identity(),  # noqa: B008
    geometry: Geometry = GRID,
    limit_mm3: float | None = 5.0,
    technique: Technique = Technique(),  # noqa: B008
    least_peak_hu: float = 0.0,
    calcium_factor: float = 1.0,
) -> Dated:
    found = Date(
        lesions, geometry, limit_mm3, technique, least_peak_hu=least_peak_hu, calcium_factor=calcium_factor
    )
    return Dated(found, way)


def ways(dates: Sequence[Dated]) -> Ways:
    return {
        (m, n): Passage.rigid(_after(one.way, other.way))
        for (m, one), (n, other) in permutations(enumerate(dates), 2)
    }


def _after(one: RigidTransform | None, other: RigidTransform | None) -> RigidTransform | None:
    """From one date to another, by way of the first."""
    if one is None or other is None:
        return None
    back = one.inverse()
    return RigidTransform(
        other.rotation @ back.rotation, other.apply(back.shift_mm), other.scale * back.scale
    )


def followed(*dated: Dated) -> tuple[Followed, ...]:
    """All tracks of some dates, with the lesions of each."""
    dates = [one.date for one in dated]
    return follow(match_lesions(dates, ways(dated), SETTINGS), dates, RESPOND)


def tracks(*dated: Dated) -> list[Track]:
    """All tracks of some dates."""
    return [one.track for one in followed(*dated)]


def answer(*dated: Dated) -> Response:
    """The answer of the last date."""
    dates, found = [one.date for one in dated], followed(*dated)
    pairs = combinations(range(len(dates)), 2)
    changes = {(m, n): burden_change(m, n, found, dates, RESPOND) for m, n in pairs}
    return respond(len(dates) - 1, found, changes, RESPOND)
