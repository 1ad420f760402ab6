"""Tracks and burdens to a response: every branch of the definition."""

from __future__ import annotations

from itertools import combinations

import pytest

from pipeline.config import RespondSettings
from pipeline.domain.change import BurdenChange, Response
from pipeline.domain.lesion import Interval
from pipeline.steps.response.burden import change_between
from pipeline.steps.response.verdict import classify_response
from tests.builders import Seen, a_track

SETTINGS = RespondSettings(change_fraction=0.25, rescan_factor=3.445)
THERE, GONE, UNSEEN = Seen((1,)), Seen(), Seen(evaluable=False)
UNSURE = Seen((1,), definite=False)


def respond(*tracks: tuple[Seen, ...], burdens: tuple[float, ...], date: int | None = None) -> Response:
    changes = {
        (m, n): change_between(m, n, Interval(old), Interval(new), SETTINGS)
        for (m, old), (n, new) in combinations(enumerate(burdens), 2)
    }
    date = len(burdens) - 1 if date is None else date
    return classify_response(date, [a_track(*dates) for dates in tracks], changes, SETTINGS)


def test_a_new_lesion_is_progression_whatever_the_burden() -> None:
    found = respond((THERE, THERE), (GONE, THERE), burdens=(1000, 500))
    assert found.category == "progression"
    assert "new" in found.reasons[0]


def test_burden_a_quarter_above_baseline_and_beyond_error_is_progression() -> None:
    assert respond((THERE, THERE), burdens=(1000, 1260)).category == "progression"
    assert respond((THERE, THERE), burdens=(1000, 1250)).category == "stable"


def test_burden_a_quarter_above_but_within_error_is_stable() -> None:
    # 3.445 times the root of 100 is 34
    assert respond((THERE, THERE), burdens=(70, 100)).category == "stable"


def test_burden_above_the_nadir_is_progression_though_below_baseline() -> None:
    found = respond((THERE, THERE, THERE), burdens=(2000, 400, 1000))
    assert (found.category, found.reference) == ("progression", "nadir")


def test_a_new_lesion_is_progression_before_any_gap() -> None:
    found = respond((THERE, UNSEEN), (GONE, THERE), burdens=(1000, 500))
    assert found.category == "progression"


@pytest.mark.parametrize("gap", [(THERE, UNSEEN), (UNSEEN, THERE)], ids=["not seen later", "not seen first"])
def test_a_gap_is_not_evaluable_before_resolution(gap: tuple[Seen, Seen]) -> None:
    assert respond((THERE, GONE), gap, burdens=(1000, 0)).category == "not_evaluable"


def test_all_gone_and_nothing_new_is_complete_resolution() -> None:
    found = respond((THERE, GONE), (THERE, GONE), burdens=(1000, 0))
    assert (found.category, found.reference) == ("complete_resolution", "baseline")


def test_one_left_is_no_complete_resolution() -> None:
    assert respond((THERE, GONE), (THERE, THERE), burdens=(1000, 20)).category == "partial_response"


def test_burden_a_quarter_below_baseline_and_beyond_error_is_partial_response() -> None:
    assert respond((THERE, THERE), burdens=(1000, 750)).category == "partial_response"
    assert respond((THERE, THERE), burdens=(1000, 760)).category == "stable"


def test_burden_a_quarter_below_but_within_error_is_stable() -> None:
    assert respond((THERE, THERE), burdens=(100, 70)).category == "stable"


def test_no_definite_lesion_at_baseline_has_its_own_answer() -> None:
    assert respond(burdens=(0, 0)).category == "no_lesion_at_baseline"


def test_first_lesions_after_a_clean_baseline_are_progression() -> None:
    assert respond((GONE, THERE), burdens=(0, 500)).category == "progression"


def test_an_indeterminate_finding_makes_no_progression_but_is_named() -> None:
    found = respond((THERE, THERE), (GONE, UNSURE), burdens=(1000, 1000))
    assert found.category == "stable"
    assert any("indeterminate" in reason for reason in found.reasons)


def test_a_clean_baseline_with_an_indeterminate_finding_later_is_no_progression() -> None:
    found = respond((GONE, UNSURE), burdens=(0, 0))
    assert found.category == "no_lesion_at_baseline"
    assert any("indeterminate" in reason for reason in found.reasons)


def test_a_later_scan_does_not_rewrite_the_answer_of_an_earlier_one() -> None:
    later_only = (UNSEEN, UNSEEN, THERE)
    found = respond((THERE, GONE, GONE), later_only, burdens=(1000, 0, 300), date=1)
    assert found.category == "complete_resolution"


def test_each_date_has_its_own_answer() -> None:
    track = (THERE, THERE, GONE)
    assert respond(track, burdens=(1000, 600, 0), date=1).category == "partial_response"
    assert respond(track, burdens=(1000, 600, 0), date=2).category == "complete_resolution"


def test_every_criterion_gives_its_own_verdict() -> None:
    within_error = respond((THERE, THERE), burdens=(100, 70))
    assert within_error.criteria.calcinosis_25 == "partial_response"  # by share alone
    assert within_error.criteria.volume == "stable"
    assert respond((THERE, THERE), burdens=(70, 100)).criteria.calcinosis_25 == "progression"
    assert respond((THERE, GONE), burdens=(1000, 0)).criteria.calcinosis_25 == "complete_resolution"
    assert respond(burdens=(0, 0)).criteria.calcinosis_25 == "no_lesion_at_baseline"


def change(old: Interval, new: Interval, settings: RespondSettings = SETTINGS) -> BurdenChange:
    return change_between(0, 1, old, new, settings)


def test_change_of_the_burden_has_limits_of_the_larger_one() -> None:
    found = change(Interval(400), Interval(100))
    assert (found.change_mm3, found.change_percent) == (-300, -75)
    assert found.limits_mm3 == pytest.approx((-68.9, 68.9))
    assert found.beyond_error


def test_limits_of_change_are_those_of_both_volumes_in_quadrature() -> None:
    found = change(Interval(400.0, 320.0, 500.0), Interval(300.0, 200.0, 440.0))
    assert found.limits_mm3 == pytest.approx((-150.0, 150.0))  # hypot of 90 and 120
    assert not found.beyond_error


def test_limits_of_change_are_no_narrower_than_repeat_scans() -> None:
    settings = SETTINGS.model_copy(update={"repeat_factor": 1.5})
    found = change(Interval(2500.0, 2500.0, 2500.0), Interval(2400.0, 2400.0, 2400.0), settings)
    assert found.limits_mm3 == pytest.approx((-75.0, 75.0))


def test_nothing_left_adds_no_error_of_its_own() -> None:
    assert change(Interval(100.0, 70.0, 130.0), Interval(0.0)).limits_mm3 == pytest.approx((-30.0, 30.0))


def test_change_from_nothing_has_no_percentage() -> None:
    assert change(Interval(0), Interval(100)).change_percent is None


def respond_across_voltages(*tracks: tuple[Seen, ...]) -> Response:
    unknown = BurdenChange(0, 1, None, None, None, None)
    return classify_response(1, [a_track(*dates) for dates in tracks], {(0, 1): unknown}, SETTINGS)


def test_with_another_tube_voltage_less_calcium_is_not_evaluable() -> None:
    found = respond_across_voltages((THERE, THERE))
    assert (found.category, found.criteria.volume) == ("not_evaluable", "not_evaluable")
    assert "tube voltage" in found.reasons[0]


def test_with_another_tube_voltage_all_gone_is_still_complete_resolution() -> None:
    assert respond_across_voltages((THERE, GONE)).category == "complete_resolution"


def test_with_another_tube_voltage_a_new_lesion_is_still_progression() -> None:
    found = respond_across_voltages((THERE, THERE), (GONE, THERE))
    assert found.category == "progression"
