"""Thresholds by tube voltage."""

from __future__ import annotations

import pytest

from pipeline.config import CandidateSettings
from pipeline.domain.scan import Acquisition
from pipeline.steps.threshold import calcium_factor, choose_threshold


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
