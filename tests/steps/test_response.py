"""The burden over what both scans show, answers with gaps, and RECIST, on lesions of known size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.domain.change import BurdenChange, Category
from pipeline.domain.lesion import Lesion
from pipeline.steps.match import Technique
from pipeline.steps.response.burden import burden_change
from pipeline.steps.response.recist import choose_targets, recist_response
from tests.steps.dates import LOWER, RESPOND, Ball, Dated, answer, date, followed, lesion

LEFT, RIGHT = (-15.0, 0.0, 0.0), (15.0, 0.0, 0.0)
HIGH = (0.0, 0.0, 24.0)
"""Above what a scan on the lower grid shows."""


def change(start: int, end: int, *dated: Dated) -> BurdenChange:
    return burden_change(start, end, followed(*dated), [one.date for one in dated], RESPOND)


def test_what_the_other_scan_does_not_show_is_no_loss() -> None:
    low, high = lesion(1, (LEFT, 5.0)), lesion(2, (HIGH, 4.0))
    found = change(0, 1, date(low, high), date(low, geometry=LOWER))
    assert (found.change_mm3, found.change_percent, found.beyond_error) == (0.0, 0.0, False)


def test_in_the_other_order_the_change_is_negated() -> None:
    before, after = date(lesion(1, (LEFT, 6.0))), date(lesion(1, (LEFT, 4.0)), lesion(2, (RIGHT, 3.0)))
    there, back = change(0, 1, before, after), change(0, 1, after, before)
    assert there.change_mm3 is not None
    assert there.change_mm3 == -(back.change_mm3 or 0)
    assert there.limits_mm3 == back.limits_mm3


def test_what_becomes_indeterminate_has_not_gone() -> None:
    sure, unsure = lesion(1, (LEFT, 5.0)), lesion(1, (LEFT, 5.0), status="indeterminate")
    assert change(0, 1, date(sure), date(unsure)).change_mm3 == 0.0
    assert change(0, 1, date(unsure), date(unsure)).change_mm3 == 0.0


def test_indeterminate_findings_are_no_burden() -> None:
    unsure = lesion(2, (RIGHT, 6.0), status="indeterminate")
    found = change(0, 1, date(lesion(1, (LEFT, 5.0))), date(lesion(1, (LEFT, 5.0)), unsure))
    assert found.change_mm3 == 0.0


def test_another_technique_has_no_amount() -> None:
    same = lesion(1, (LEFT, 5.0))
    found = change(0, 1, date(same, technique=Technique(120.0)), date(same, technique=Technique(80.0)))
    assert (found.change_mm3, found.limits_mm3, found.beyond_error) == (None, None, None)


def test_limits_widen_by_the_surface_times_the_shift_of_the_border() -> None:
    """For another kernel by 0.05 mm, for thicker slices by a quarter of the difference."""
    same, first = lesion(1, (LEFT, 6.0)), Technique(120.0, None, "B30f", 2.0)
    usual = change(0, 1, date(same, technique=first), date(same, technique=first)).limits_mm3
    assert usual is not None
    for later, shift_mm in (
        (Technique(120.0, None, "B70f", 2.0), 0.05),
        (Technique(120.0, None, "B30f", 5.0), 0.75),
        (Technique(120.0, None, "B70f", 1.0), 0.3),
        (Technique(120.0), 0.0),
    ):
        dated = [date(same, technique=first), date(same, technique=later)]
        for pair in (dated, dated[::-1]):
            limits = change(0, 1, *pair).limits_mm3
            assert limits is not None
            assert limits[1] - usual[1] == pytest.approx(shift_mm * 4 * 3.1416 * 6.0**2, rel=0.1)


@pytest.mark.parametrize(("hidden_mm", "category"), [(1.5, "partial_response"), (4.0, "not_evaluable")])
def test_a_gap_stands_in_the_way_where_it_could_change_the_answer(hidden_mm: float, category: str) -> None:
    """A lesion of 900 mm³ shrinks to 270; one of 14 or 268 mm³ is not shown again."""
    hidden = lesion(2, (HIGH, hidden_mm))
    first = date(lesion(1, (LEFT, 6.0)), hidden)
    found = answer(first, date(lesion(1, (LEFT, 4.0)), geometry=LOWER))
    assert found.category == category
    assert any("judged on both scans" in reason for reason in found.reasons)


def test_a_lesion_where_the_first_scan_did_not_reach_leaves_the_answer_open() -> None:
    low = lesion(1, (LEFT, 6.0))
    found = answer(date(low, geometry=LOWER), date(low, lesion(2, (HIGH, 2.0))))
    assert found.category == "not_evaluable"


def test_all_that_both_scans_show_gone_is_not_complete_while_one_is_hidden() -> None:
    first = date(lesion(1, (LEFT, 6.0)), lesion(2, (HIGH, 2.0)))
    assert answer(first, date(geometry=LOWER)).category == "not_evaluable"


def test_a_date_that_shows_little_is_no_nadir() -> None:
    """Low and high lesion, the low one alone since the scan is short, both again: nothing has grown."""
    low, high = lesion(1, (LEFT, 4.0)), lesion(2, (HIGH, 6.0))
    found = answer(date(low, high), date(low, geometry=LOWER), date(low, high))
    assert found.category == "stable"


def test_from_the_nadir_growth_is_progression_though_less_than_at_first() -> None:
    sizes = [date(lesion(1, (LEFT, radius_mm))) for radius_mm in (8.0, 4.0, 6.0)]
    found = answer(*sizes)
    assert (found.category, found.reference, found.criteria.recist_1_1) == ("progression", "nadir", None)


def target(number: int, where: Ball, region: str = "adductor_compartment") -> Lesion:
    """A measurable lesion."""
    plain = lesion(number, where)
    return replace(plain, recist_measurable=True, site=replace(plain.site, region=region))


def recist(*dated: Dated, comparable: bool = True) -> Category | None:
    return recist_response(len(dated) - 1, followed(*dated), comparable=comparable)


def by_radius(radii_mm: Sequence[float]) -> list[Dated]:
    return [date(target(1, (LEFT, radius_mm))) for radius_mm in radii_mm]


@pytest.mark.parametrize(
    ("radii_mm", "category"),
    [
        ((10.0, 7.5), "stable"),  # 20 to 15 mm: a quarter less
        ((10.0, 6.0), "partial_response"),  # 20 to 12 mm
        ((10.0, 12.0), "stable"),  # 4 mm more
        ((10.0, 13.5), "progression"),  # 7 mm more, 35 %
        ((12.0, 6.0, 9.5), "progression"),  # 7 mm above the nadir, below the baseline
        ((12.0, 6.0, 7.5), "partial_response"),  # 3 mm above it
    ],
)
def test_diameters_are_judged_from_the_baseline_and_from_the_nadir(
    radii_mm: Sequence[float], category: str
) -> None:
    assert recist(*by_radius(radii_mm)) == category


def test_all_gone_is_complete_and_a_new_lesion_is_progression() -> None:
    first = date(target(1, (LEFT, 8.0)), lesion(2, (RIGHT, 4.0)))
    assert recist(first, date()) == "complete_resolution"
    assert recist(first, date(lesion(1, (RIGHT, 4.0)))) == "partial_response"  # one that is no target is left
    assert recist(first, date(target(1, (LEFT, 4.0)), lesion(2, (HIGH, 3.0)))) == "progression"
    doubtful = lesion(2, (HIGH, 3.0), status="indeterminate")
    assert recist(first, date(target(1, (LEFT, 4.0)), doubtful)) == "partial_response"


def test_too_small_to_measure_counts_five_millimetres_and_parts_are_added_up() -> None:
    first = date(target(1, (LEFT, 8.0)))
    assert recist(first, date(lesion(1, (LEFT, 1.5)))) == "partial_response"
    parts = [lesion(n, ((-15.0, y, 0.0), 3.5)) for n, y in enumerate((-4.5, 4.5), start=1)]
    assert recist(first, date(*parts)) == "stable"  # 7 and 7 of 16 mm


def test_without_a_measurable_lesion_there_is_no_answer() -> None:
    assert recist(date(lesion(1, (LEFT, 8.0))), date()) is None


def test_what_cannot_be_seen_or_compared_is_not_evaluable() -> None:
    first = date(target(1, (LEFT, 6.0)), target(2, (HIGH, 6.0)))
    assert recist(first, date(target(1, (LEFT, 6.0)), geometry=LOWER)) == "not_evaluable"
    same = date(target(1, (LEFT, 6.0)))
    assert recist(same, same, comparable=False) == "not_evaluable"
    assert recist(same, date(), comparable=False) == "complete_resolution"


def test_targets_are_the_longest_five_two_a_region() -> None:
    places = [(x, y, z) for x in (-20.0, 0.0, 20.0) for y in (-15.0, 15.0) for z in (-12.0, 12.0)]
    regions = ["adductor_compartment"] * 4 + ["pelvic_cavity"] * 2 + ["inguinal"] * 6
    sizes = [3.0 + 0.4 * n for n in range(12)]
    lesions = [
        target(n, (place, radius_mm), region)
        for n, (place, radius_mm, region) in enumerate(zip(places, sizes, regions, strict=True), start=1)
    ]
    chosen = choose_targets(followed(date(*lesions), date()))
    assert [each.track.lesion_ids[0] for each in chosen] == [(12,), (11,), (6,), (5,), (4,)]
