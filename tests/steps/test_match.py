"""Lesions of several dates joined into tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.change import Track
from pipeline.domain.lesion import Interval
from pipeline.steps.match import Technique
from pipeline.steps.response.rescan import rescan_limit_mm3
from pipeline.steps.size import surface_mm2
from tests.steps.dates import LOWER, MOVED, RESPOND, Dated, date, lesion, tracks


def ids(found: Sequence[Track]) -> list[tuple[tuple[int, ...], ...]]:
    return [track.lesion_ids for track in found]


A, B = ((-15.0, 0.0, 0.0), 4.0), ((15.0, 0.0, 0.0), 5.0)


def test_the_same_lesions_are_joined_one_to_one_whatever_their_order() -> None:
    found = tracks(date(lesion(1, A), lesion(2, B)), date(lesion(1, B), lesion(2, A)))
    assert ids(found) == [((1,), (2,)), ((2,), (1,))]
    assert [track.kind for track in found] == ["stable", "stable"]
    assert [track.steps[0].topology for track in found] == ["one_to_one", "one_to_one"]


def test_lesions_are_joined_through_the_registration() -> None:
    x, y, z = MOVED.apply(A[0]).tolist()
    (found,) = tracks(date(lesion(1, A)), date(lesion(1, ((x, y, z), 4.0)), way=MOVED))
    assert found.lesion_ids == ((1,), (1,))
    assert found.position_lps_mm[1] == pytest.approx((x, y, z), abs=0.3)


@pytest.mark.parametrize(("apart_mm", "joined"), [(4.0, True), (8.0, False)])
def test_surfaces_are_joined_up_to_the_reach(apart_mm: float, joined: bool) -> None:
    other = ((-15.0 + 8.0 + apart_mm, 0.0, 0.0), 4.0)  # between balls of 4 mm
    assert len(tracks(date(lesion(1, A)), date(lesion(1, other)))) == (1 if joined else 2)


def test_a_lesion_that_falls_apart_is_split_and_two_that_grow_together_are_merged() -> None:
    whole = lesion(1, ((0.0, 0.0, 0.0), 8.0))
    parts = (lesion(1, ((-6.0, 0.0, 0.0), 3.0)), lesion(2, ((6.0, 0.0, 0.0), 3.0)))
    (apart,) = tracks(date(whole), date(*parts))
    (together,) = tracks(date(*parts), date(whole))
    assert (apart.lesion_ids, apart.kind) == (((1,), (1, 2)), "split")
    assert (together.lesion_ids, together.kind) == (((1, 2), (1,)), "merged")
    assert apart.steps[0].change_mm3 == pytest.approx(-(together.steps[0].change_mm3 or 0))


def test_gone_where_the_later_scan_would_show_it_is_resolved() -> None:
    (found,) = tracks(date(lesion(1, A)), date())
    assert (found.kind, found.steps[0].topology) == ("resolved", "gone")
    assert found.evaluable == (True, True)
    assert found.position_lps_mm[1] == pytest.approx(A[0], abs=0.3)
    assert found.volume_mm3[1] is not None
    assert found.volume_mm3[1].value == 0.0


def test_there_where_the_earlier_scan_would_have_shown_it_is_new() -> None:
    (found,) = tracks(date(), date(lesion(1, A)))
    assert (found.kind, found.steps[0].topology) == ("new", "new")
    assert found.steps[0].change_percent is None


HIGH = ((0.0, 0.0, 24.0), 4.0)


@pytest.mark.parametrize(
    "other",
    [date(geometry=LOWER), date(way=None), date(limit_mm3=1e4), date(limit_mm3=None)],
    ids=["not covered", "not registered", "below the detection limit", "limit unknown"],
)
def test_gone_where_the_later_scan_could_not_show_it_is_not_evaluable(other: Dated) -> None:
    (found,) = tracks(date(lesion(1, HIGH)), other)
    assert found.kind == "not_evaluable"
    assert found.evaluable == (True, False)
    assert found.volume_mm3[1] is None
    step = found.steps[0]
    assert (step.change_mm3, step.limits_mm3, step.beyond_error) == (None, None, None)
    assert step.reason


def test_there_where_the_earlier_scan_did_not_reach_is_not_new() -> None:
    (found,) = tracks(date(geometry=LOWER), date(lesion(1, HIGH)))
    assert found.kind == "not_evaluable"


def test_a_lesion_partly_out_of_the_other_scan_is_not_covered() -> None:
    at_the_end = ((0.0, 0.0, 9.0), 4.0)  # the lower scan ends at 10 mm
    (found,) = tracks(date(lesion(1, at_the_end)), date(geometry=LOWER))
    assert found.kind == "not_evaluable"


def test_in_swapped_order_what_was_gone_is_new() -> None:
    x, y, z = MOVED.apply(B[0]).tolist()
    after = lesion(1, ((x, y, z), 5.0))
    forward = tracks(date(lesion(1, A), lesion(2, B)), date(after, way=MOVED))
    backward = tracks(date(after), date(lesion(1, A), lesion(2, B), way=MOVED.inverse()))
    assert sorted(track.kind for track in forward) == ["resolved", "stable"]
    assert sorted(track.kind for track in backward) == ["new", "stable"]


def test_a_scan_in_between_that_does_not_reach_does_not_part_a_track() -> None:
    (found,) = tracks(date(lesion(1, HIGH)), date(geometry=LOWER), date(lesion(1, HIGH)))
    assert found.lesion_ids == ((1,), (), (1,))
    assert found.evaluable == (True, False, True)
    assert found.kind == "stable"


def test_what_comes_back_at_the_same_place_is_the_same_track() -> None:
    (found,) = tracks(date(lesion(1, A)), date(), date(lesion(1, A)))
    assert [step.kind for step in found.steps] == ["resolved", "new"]
    assert found.kind == "stable"


def test_seen_means_seen_at_the_size_it_had() -> None:
    small, large = lesion(1, (A[0], 1.6)), lesion(1, (A[0], 8.0))
    assert small.size.volume_mm3.value < 40 < large.size.volume_mm3.value
    (found,) = tracks(date(small), date(limit_mm3=40.0), date(large))
    assert found.evaluable == (True, False, True)  # a lesion as small as it was would not have been seen


@pytest.mark.parametrize(("radius_mm", "kind"), [(4.0, "stable"), (7.0, "increased"), (2.0, "decreased")])
def test_growth_and_shrinkage_count_beyond_the_rescan_limits(radius_mm: float, kind: str) -> None:
    (found,) = tracks(date(lesion(1, A)), date(lesion(1, (A[0], radius_mm))))
    (step,) = found.steps
    old, new = (found.volume_mm3[n] for n in (0, 1))
    assert old is not None
    assert new is not None
    half = 3.445 * max(old.value, new.value) ** 0.5  # by the definition in the settings
    assert step.limits_mm3 == pytest.approx((-half, half))
    assert step.change_mm3 == pytest.approx(new.value - old.value)
    assert step.beyond_error == (abs(new.value - old.value) > half)
    assert found.kind == kind


def test_rescan_limits_grow_with_the_root_of_the_volume() -> None:
    assert rescan_limit_mm3(Interval(50.0), Interval(100.0), RESPOND) == pytest.approx(34.45)
    assert rescan_limit_mm3(Interval(0.0), Interval(0.0), RESPOND) == 0.0


def test_no_lesions_make_no_tracks() -> None:
    assert tracks(date(), date()) == []


def test_a_track_knows_when_it_is_indeterminate() -> None:
    (found,) = tracks(date(lesion(1, A, status="indeterminate")), date(lesion(1, A)), date())
    assert found.indeterminate_at == (0,)


@pytest.mark.parametrize(
    "later", [Technique(100.0, None), Technique(120.0, True)], ids=["tube voltage", "contrast agent"]
)
def test_with_another_technique_presence_is_judged_and_no_amount(later: Technique) -> None:
    first = date(lesion(1, A), lesion(2, B), technique=Technique(120.0, None))
    found = tracks(first, date(lesion(1, A), technique=later))
    assert [track.kind for track in found] == ["not_evaluable", "resolved"]
    assert [track.steps[0].change_mm3 for track in found] == [None, None]
    assert "amount of change is not known" in found[0].steps[0].reason


def test_an_unknown_tube_voltage_is_taken_for_the_same() -> None:
    found = tracks(date(lesion(1, A), technique=Technique(120.0)), date(lesion(1, A)))
    assert found[0].kind == "stable"


def test_another_kernel_widens_the_limits_of_a_track_and_says_so() -> None:
    techniques = [Technique(120.0, None, kernel) for kernel in ("B30f", "B70f")]
    (same,) = tracks(date(lesion(1, A), technique=techniques[0]), date(lesion(1, A), technique=techniques[0]))
    (other,) = tracks(
        date(lesion(1, A), technique=techniques[0]), date(lesion(1, A), technique=techniques[1])
    )
    assert same.steps[0].limits_mm3 is not None
    assert other.steps[0].limits_mm3 is not None
    area = surface_mm2(lesion(1, A).mask)
    assert area == pytest.approx(4 * np.pi * 4**2, rel=0.1)  # by counting faces
    assert other.steps[0].limits_mm3[1] - same.steps[0].limits_mm3[1] == pytest.approx(0.05 * area)
    assert "wider" in other.steps[0].reason
    assert "wider" not in same.steps[0].reason


@pytest.mark.parametrize(
    ("least_peak_hu", "factor", "kind"),
    [
        (490.0, 1.0, "resolved"),
        (510.0, 1.0, "not_evaluable"),
        (510.0, 1.1, "resolved"),
        (440.0, 0.8, "not_evaluable"),
    ],
)
def test_gone_under_a_higher_threshold_is_not_resolved(
    least_peak_hu: float, factor: float, kind: str
) -> None:
    """A lesion with a peak of 500 HU, another threshold, a voltage that makes it brighter or darker."""
    later = date(least_peak_hu=least_peak_hu, calcium_factor=factor)
    (found,) = tracks(date(lesion(1, A)), later)
    assert found.kind == kind
    if kind == "not_evaluable":
        assert "too faint" in found.steps[0].reason


@pytest.mark.parametrize(("above_mm", "kind"), [(30.0, "resolved"), (-30.0, "not_evaluable")])
def test_gone_where_a_higher_threshold_holds_is_not_resolved(above_mm: float, kind: str) -> None:
    """A lesion with a peak of 500 HU; what is fainter than 510 is looked for below a height alone."""
    later = date(least_peak_hu=400.0)
    later = replace(later, date=replace(later.date, least_peak_above=(above_mm, 510.0)))
    (found,) = tracks(date(lesion(1, A)), later)
    assert found.kind == kind
