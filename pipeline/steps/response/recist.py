"""Response by RECIST 1.1, exploratory: most calcifications are no lesions that it can measure.

Source: Eisenhauer et al., Eur J Cancer 2009;45:228. Up to five target lesions, two an organ (here: a region),
the longest first; the sum of their longest axial diameters; partial from 30 % below the baseline, progression
from 20 % and 5 mm above the lowest sum so far, or by a new lesion; complete where all lesions have gone. Of a
lesion that split the parts are added up; one too small to measure counts 5 mm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.domain.change import Category
from pipeline.domain.lesion import Lesion
from pipeline.steps.response.tracks import Followed

MOST_TARGETS = 5
MOST_IN_REGION = 2
TOO_SMALL_MM = 5.0
PARTIAL_SHARE = 0.30
PROGRESSION_SHARE = 0.20
PROGRESSION_MM = 5.0


def recist_response(date_index: int, followed: Sequence[Followed], *, comparable: bool) -> Category | None:
    """The answer of one later date; None without a measurable lesion at baseline.

    Parameters
    ----------
    comparable : bool
        Whether sizes of this date and the first may be compared; if not, presence alone is judged.
    """
    targets = choose_targets(followed)
    if not targets:
        return None
    if any(_is_new(each, date_index) for each in followed):
        return "progression"
    known = [each for each in followed if each.places[0].lesions]
    if not all(each.track.evaluable[date_index] for each in known):
        return "not_evaluable"
    if not any(each.places[date_index].lesions for each in known):
        return "complete_resolution"
    if not comparable:
        return "not_evaluable"
    return _by_sums([_sum_mm(targets, n) for n in range(date_index + 1)])


def choose_targets(followed: Sequence[Followed]) -> list[Followed]:
    """Tracks whose lesions at baseline are the targets, the longest first."""
    measurable = [each for each in followed if any(_is_target(one) for one in each.places[0].lesions)]
    longest = sorted(measurable, key=lambda each: -_diameter_mm(each, 0))
    chosen: list[Followed] = []
    in_region: Counter[str | None] = Counter()
    for each in longest:
        region = each.places[0].lesions[0].site.region
        if len(chosen) < MOST_TARGETS and in_region[region] < MOST_IN_REGION:
            chosen.append(each)
            in_region[region] += 1
    return chosen


def _is_target(lesion: Lesion) -> bool:
    return lesion.status == "definite" and bool(lesion.recist_measurable)


def _is_new(each: Followed, n: int) -> bool:
    """Whether a definite lesion is there that was surely not at baseline."""
    appeared = not each.places[0].lesions and each.track.evaluable[0] and not each.track.may_be_growth
    return appeared and any(one.status == "definite" for one in each.places[n].lesions)


def _sum_mm(targets: Sequence[Followed], n: int) -> float | None:
    """Sum of the diameters on a date; None where one of the targets is not shown."""
    if not all(each.track.evaluable[n] and (0, n) not in each.track.cut_between for each in targets):
        return None
    return sum(_diameter_mm(each, n) for each in targets)


def _diameter_mm(each: Followed, n: int) -> float:
    return sum(max(TOO_SMALL_MM, one.size.axial.long_axis_mm) for one in each.places[n].lesions)


def _by_sums(sums_mm: Sequence[float | None]) -> Category:
    """From the sums of all dates so far: the first is the baseline, the last the one asked about."""
    baseline, now = sums_mm[0], sums_mm[-1]
    earlier = [one for one in sums_mm[:-1] if one is not None]
    if baseline is None or now is None:
        return "not_evaluable"
    rise_mm = now - min(earlier)
    if rise_mm >= max(PROGRESSION_MM, PROGRESSION_SHARE * min(earlier)):
        return "progression"
    return "partial_response" if now <= (1 - PARTIAL_SHARE) * baseline else "stable"
