"""What the dates of a track teach about each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Excluded, ExcludedKind, Status
from pipeline.steps.apophyses import Growing
from pipeline.steps.naming.atlas import load_atlas
from pipeline.steps.response.burden import burden_change
from pipeline.steps.response.recist import recist_response
from pipeline.steps.view import View
from tests.builders import a_lesion, ball, body_hu, boxed, ct, no_bone
from tests.steps.dates import GRID, LOWER, RESPOND, Ball, Dated, answer, date, followed, lesion, tracks

PLACE = (6.0, 3.0, 0.0)
BALL = (PLACE, 4.0)
THERE, GONE = date(lesion(1, BALL)), date()
UNSURE = date(lesion(1, BALL, status="indeterminate"))


def seen(empty: Dated, *, bone: bool = False, left_out: ExcludedKind | None = None) -> Dated:
    """A date without lesion on which the place is bone, or something was left out."""
    shape = ball(GRID, PLACE, 4.5) < 0
    bones = LabelMap(shape.astype(np.uint8), GRID, {1: "other_bone"}) if bone else no_bone(GRID)
    mask = boxed(shape, GRID)
    excluded = () if left_out is None else (Excluded(3, mask, left_out, "why", 300.0, PLACE, 400.0),)
    return replace(empty, date=replace(empty.date, view=View(ct(body_hu(GRID), GRID), bones, excluded, None)))


def said(*dates: Dated) -> list[tuple[int, str]]:
    (track,) = tracks(*dates)
    assert all(one.words for one in track.annotations)
    return [(one.date_index, one.code) for one in track.annotations]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ((GONE, THERE), [(0, "not_there_at_baseline")]),
        ((THERE, GONE), [(1, "no_longer_there")]),
        ((GONE, GONE, THERE), [(0, "not_there_at_baseline"), (1, "not_there_yet")]),
        ((THERE, GONE, THERE), [(1, "no_longer_there")]),
        ((THERE, seen(GONE, bone=True)), [(1, "now_part_of_the_bone")]),
        ((seen(GONE, bone=True), THERE), [(0, "was_part_of_the_bone")]),
        ((THERE, seen(GONE, left_out="phlebolith")), [(1, "excluded_there")]),
        ((seen(GONE, left_out="growth_centre"), UNSURE), [(0, "excluded_there"), (1, "indeterminate_there")]),
        ((THERE, UNSURE), [(1, "indeterminate_there")]),
        ((THERE, THERE), []),
    ],
)
def test_each_date_says_what_it_is_there(dates: tuple[Dated, ...], expected: list[tuple[int, str]]) -> None:
    assert said(*dates) == expected


@pytest.mark.parametrize(
    "blind", [date(geometry=LOWER), date(way=None), date(limit_mm3=1e4), date(least_peak_hu=1e4)]
)
def test_a_date_that_could_not_show_it_says_nothing(blind: Dated) -> None:
    high = date(lesion(1, ((0.0, 0.0, 24.0), 4.0)))
    assert said(high, blind) == said(blind, high) == []


def test_what_was_left_out_is_named_with_its_number() -> None:
    (track,) = tracks(THERE, seen(GONE, left_out="phlebolith"))
    (one,) = track.annotations
    assert one.excluded_id == 3
    assert "phlebolith" in one.words


@pytest.mark.parametrize("later", [seen(GONE, bone=True), seen(GONE, left_out="growth_centre")])
def test_calcium_that_goes_by_another_name_is_neither_gone_nor_new(later: Dated) -> None:
    for order in ((THERE, later), (later, THERE)):
        (track,) = tracks(*order)
        assert (track.kind, track.steps[0].change_mm3) == ("not_evaluable", None)
        assert answer(*order).category == "not_evaluable"


ATLAS = load_atlas()
HIP = ATLAS.of("hip_bone_left")
TUBEROSITY = int(np.linalg.norm(ATLAS.points[HIP] - [54.0, 34.0, -72.0], axis=1).argmin())
OUTSIDE = ATLAS.points[HIP][TUBEROSITY] + 3.0 * ATLAS.normals[HIP][TUBEROSITY]
LANDMARKS = {"hip_bone_left": ATLAS.points[HIP] - OUTSIDE + np.array(PLACE)}
"""A left hip bone with its ischial tuberosity 3 mm from the place."""
SMALL = (PLACE, 2.5)
OLD = ((-20.0, -10.0, 10.0), 5.0)


def aged(dated: Dated, years: float | None, *, grown: bool = False) -> Dated:
    return replace(dated, date=replace(dated.date, growing=Growing(LANDMARKS, years, grown)))


@pytest.mark.parametrize("status", ["definite", "indeterminate"])
def test_an_apophysis_that_appears_is_named_and_is_no_progression(status: Status) -> None:
    later = aged(date(lesion(1, OLD), lesion(2, SMALL, status=status)), 13.0)
    (_, found) = tracks(date(lesion(1, OLD)), later)
    assert found.may_be_growth
    response = answer(date(lesion(1, OLD)), later)
    assert response.category == "stable"
    assert any("left ischial tuberosity" in reason for reason in response.reasons)


@pytest.mark.parametrize("years", [13.0, None])
def test_a_growth_centre_counts_for_no_criterion_and_no_burden(years: float | None) -> None:
    tiny = ((-20.0, -10.0, 10.0), 2.0)  # beside it the new piece would be twice the burden
    first, later = date(lesion(1, tiny)), aged(date(lesion(1, tiny), lesion(2, SMALL)), years, grown=True)
    response = answer(first, later)
    assert {response.category, response.criteria.calcinosis_25, response.criteria.volume} == {"stable"}
    assert recist_response(1, followed(first, later), comparable=True) in (None, "stable")


@pytest.mark.parametrize(("where", "years"), [(SMALL, 40.0), (SMALL, 5.0), ((PLACE, 9.0), 13.0)])
def test_too_old_too_young_or_too_large_is_new(where: Ball, years: float) -> None:
    later = aged(date(lesion(1, OLD), lesion(2, where)), years)
    assert answer(date(lesion(1, OLD)), later).category == "progression"


def test_growth_stays_growth_on_later_dates() -> None:
    first, grown = date(lesion(1, OLD)), ((PLACE[0], PLACE[1], PLACE[2]), 3.5)
    second = aged(date(lesion(1, OLD), lesion(2, SMALL)), 13.0)
    third = aged(date(lesion(1, OLD), lesion(2, grown)), 14.0)
    assert answer(first, second, third).category == "stable"


def test_what_was_there_at_first_is_no_growth_centre_that_appears() -> None:
    first = aged(date(lesion(1, SMALL)), 13.0)
    assert answer(first, aged(GONE, 14.0)).category == "complete_resolution"
    assert answer(first, aged(date(lesion(1, (PLACE, 5.0))), 14.0)).category == "progression"


def test_an_indeterminate_finding_where_the_first_scan_did_not_reach_leaves_the_answer() -> None:
    high = ((0.0, 0.0, 24.0), 4.0)
    low = ((-20.0, -10.0, 0.0), 5.0)
    first = date(lesion(1, low), geometry=LOWER)
    unsure, sure = (lesion(2, high, status=status) for status in ("indeterminate", "definite"))
    assert answer(first, date(lesion(1, low), unsure)).category == "stable"
    assert answer(first, date(lesion(1, low), sure)).category == "not_evaluable"
    assert answer(first, date(unsure)).category == "not_evaluable"  # it may have been there, and be left


ACROSS = ((0.0, 0.0, 9.0), 6.0)
"""The lower scan ends at 10 mm, in the middle of it."""
LOWER_ROWS = slice(10, 20)
"""The same slices in the whole grid."""
SHOWN = a_lesion(1, (ball(GRID, *ACROSS) < 0)[LOWER_ROWS], LOWER)


def test_a_scan_that_ends_in_a_lesion_makes_no_shrinkage_of_it() -> None:
    whole, part = date(lesion(1, ACROSS)), date(SHOWN, geometry=LOWER)
    for order, cut in (((whole, part), 1), ((part, whole), 0)):
        (track,) = tracks(*order)
        assert (track.kind, track.steps[0].change_mm3) == ("not_evaluable", None)
        assert [(one.date_index, one.code) for one in track.annotations] == [(cut, "cut_by_the_edge")]
        assert answer(*order).category == "not_evaluable"


def test_two_scans_that_end_at_the_same_level_are_compared() -> None:
    part = date(SHOWN, geometry=LOWER)
    (track,) = tracks(part, part)
    assert (track.kind, track.steps[0].change_mm3, track.annotations) == ("stable", 0.0, ())


def test_more_than_the_whole_in_a_part_has_grown_for_sure() -> None:
    small, large = (
        ((0.0, 0.0, 9.0), 3.0),
        a_lesion(1, (ball(GRID, (0.0, 0.0, 6.0), 8.0) < 0)[LOWER_ROWS], LOWER),
    )
    (track,) = tracks(date(lesion(1, small)), date(large, geometry=LOWER))
    (back,) = tracks(date(large, geometry=LOWER), date(lesion(1, small)))
    assert (track.kind, back.kind) == ("increased", "decreased")
    assert track.steps[0].change_mm3 is back.steps[0].change_mm3 is None


def test_a_lesion_cut_on_one_date_counts_in_no_burden() -> None:
    low = ((-20.0, -10.0, -2.0), 4.0)
    first = date(lesion(1, ACROSS), lesion(2, low))
    kept = a_lesion(2, (ball(GRID, *low) < 0)[LOWER_ROWS], LOWER)
    found = burden_change(
        0, 1, followed(first, later := date(SHOWN, kept, geometry=LOWER)), [first.date, later.date], RESPOND
    )
    assert found.change_mm3 == 0.0


@pytest.mark.parametrize("known", [seen(GONE, bone=True), seen(GONE, left_out="bone_fragment")])
def test_what_is_indeterminate_and_otherwise_bone_stands_in_no_way(known: Dated) -> None:
    large, small = (OLD[0], 7.0), (OLD[0], 5.0)  # 1437 and 524 mm³, beside 268 mm³
    both = replace(known, date=replace(known.date, lesions=(lesion(1, large),)))
    unsure = lesion(1, BALL, status="indeterminate")
    first = date(unsure, lesion(2, large))
    for order, category in (
        ((first, known), "complete_resolution"),
        ((first, both), "stable"),
        ((both, first), "stable"),
    ):
        response = answer(*order)
        assert response.category == category
        assert any("1 indeterminate finding, bone or" in reason for reason in response.reasons)
    # a sure one stands in the way, and so does one that is large beside the burden
    assert answer(date(lesion(1, BALL), lesion(2, large)), known).category == "not_evaluable"
    assert answer(date(unsure, lesion(2, small)), known).category == "not_evaluable"


def test_in_the_other_order_the_burden_is_negated_to_the_last_digit() -> None:
    radii = (2.0, 2.7, 3.1, 3.9, 4.3)
    ones = [lesion(n, ((9.0 * n - 27.0, 0.0, 0.0), r)) for n, r in enumerate(radii, start=1)]
    first, later = date(*ones), date(*reversed(ones[:3]))
    there, back = followed(first, later), followed(later, first)
    change = burden_change(0, 1, there, [first.date, later.date], RESPOND).change_mm3
    assert change == -(burden_change(0, 1, back, [later.date, first.date], RESPOND).change_mm3 or 0.0)
