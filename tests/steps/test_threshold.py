"""Thresholds by tube voltage."""

from __future__ import annotations

import pytest

from pipeline.config import CandidateSettings
from pipeline.domain.scan import Acquisition
from pipeline.steps.blood import BloodPool
from pipeline.steps.threshold import adapt_to_contrast, calcium_factor, choose_threshold


# Thresholds equivalent to 130 HU at 120 kVp as published for calcium scoring.
@pytest.mark.parametrize(
    ("kvp", "level_hu"), [(70.0, 207.0), (80.0, 177.0), (100.0, 145.0), (120.0, 130.0), (135.0, 119.0)]
)
def test_the_factor_is_the_published_one_at_the_published_voltages(kvp: float, level_hu: float) -> None:
    assert calcium_factor(kvp) == pytest.approx(level_hu / 130.0)


def test_the_factor_falls_as_the_voltage_rises() -> None:
    factors = [calcium_factor(float(kvp)) for kvp in range(60, 155, 5)]
    assert factors == sorted(factors, reverse=True)


def test_between_published_voltages_the_factor_lies_between_theirs() -> None:
    assert calcium_factor(110.0) == pytest.approx((145 + 130) / 2 / 130)


def test_beyond_the_last_voltage_the_slope_goes_on() -> None:
    assert calcium_factor(140.0) == pytest.approx((119 - 11 / 15 * 5) / 130)


def test_thresholds_at_120_kvp_are_the_settings() -> None:
    threshold = choose_threshold(Acquisition(kvp=120.0), CandidateSettings(seed_hu=220.0, edge_hu=180.0))
    assert (threshold.seed_hu, threshold.edge_hu) == (220.0, 180.0)


def test_an_unknown_voltage_leaves_the_settings_and_says_so() -> None:
    threshold = choose_threshold(Acquisition(kvp=None), CandidateSettings(seed_hu=220.0, edge_hu=180.0))
    assert (threshold.seed_hu, threshold.edge_hu) == (220.0, 180.0)
    assert "unknown" in threshold.reason


def test_both_thresholds_follow_the_voltage_and_the_reason_names_it() -> None:
    threshold = choose_threshold(Acquisition(kvp=80.0), CandidateSettings(seed_hu=200.0, edge_hu=100.0))
    assert threshold.seed_hu == pytest.approx(200 * 177 / 130, abs=0.05)  # kept to a tenth of a HU
    assert threshold.edge_hu == pytest.approx(100 * 177 / 130, abs=0.05)
    assert "80 kVp" in threshold.reason


PLAIN, WITH_AGENT = Acquisition(kvp=120.0), Acquisition(kvp=120.0, contrast_agent=True)
SETTINGS = CandidateSettings()


def adapted(acquisition: Acquisition, blood: BloodPool | None) -> tuple[float, float]:
    usual = choose_threshold(acquisition, SETTINGS)
    found = adapt_to_contrast(usual, blood, acquisition, SETTINGS)
    assert found.seed_hu >= usual.seed_hu  # never lowered
    assert (found.faint_hu is None) == (found is not usual)
    assert "140" not in found.reason or found is usual
    return found.seed_hu, found.edge_hu


def test_without_contrast_the_threshold_stays() -> None:
    assert adapted(PLAIN, None) == (220.0, 180.0)


def test_blood_raises_the_threshold_by_its_median_and_three_deviations() -> None:
    assert adapted(WITH_AGENT, BloodPool(200.0, 180.0, False)) == (300.0, 260.0)  # 200 + 3 * 20


def test_an_artery_at_its_peak_raises_it_no_further_than_calcium_allows() -> None:
    assert adapted(WITH_AGENT, BloodPool(400.0, 370.0, True)) == (340.0, 300.0)


def test_faint_contrast_needs_no_higher_threshold() -> None:
    assert adapted(WITH_AGENT, BloodPool(120.0, 105.0, True)) == (220.0, 180.0)
    found = adapt_to_contrast(
        choose_threshold(WITH_AGENT, SETTINGS), BloodPool(120.0, 105.0, True), WITH_AGENT, SETTINGS
    )
    assert "not raised" in found.reason


def test_an_agent_that_is_not_seen_raises_it_a_little() -> None:
    assert adapted(WITH_AGENT, None) == (250.0, 210.0)


def test_contrast_that_is_not_declared_raises_nothing_and_is_named_if_seen_on_both_sides() -> None:
    usual = choose_threshold(PLAIN, SETTINGS)
    assert adapt_to_contrast(usual, BloodPool(200.0, 180.0, False), PLAIN, SETTINGS) is usual
    found = adapt_to_contrast(usual, BloodPool(200.0, 180.0, True), PLAIN, SETTINGS)
    assert (found.seed_hu, found.edge_hu, found.faint_hu) == (220.0, 180.0, None)
    assert "not declared, blood at 200 HU" in found.reason
