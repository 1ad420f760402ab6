"""Whether the thresholds of several dates are the same, in words."""

from __future__ import annotations

import pytest

from pipeline.config import CandidateSettings
from pipeline.domain.change import CommonThreshold
from pipeline.domain.scan import Acquisition
from pipeline.steps.response.thresholds import common_threshold
from pipeline.steps.threshold import adapt_to_contrast, calcium_factor, choose_threshold, keep_faint_below

SETTINGS = CandidateSettings()


def compared(*acquisitions: Acquisition) -> CommonThreshold:
    thresholds = [
        adapt_to_contrast(choose_threshold(one, SETTINGS), None, one, SETTINGS) for one in acquisitions
    ]
    return common_threshold(thresholds, [calcium_factor(one.kvp) for one in acquisitions])


def test_scans_of_one_technique_have_the_same_threshold() -> None:
    found = compared(Acquisition(kvp=120.0), Acquisition(kvp=120.0), Acquisition(kvp=120.0))
    assert found.same
    assert found.seed_hu == (SETTINGS.seed_hu,) * 3
    assert found.edge_hu == (SETTINGS.edge_hu,) * 3


@pytest.mark.parametrize(
    ("later", "what"),
    [
        (Acquisition(kvp=100.0), "the same calcium at different tube voltages"),
        (Acquisition(kvp=120.0, contrast_agent=True), "different thresholds"),
        (Acquisition(kvp=100.0, contrast_agent=True), "different thresholds"),
    ],
)
def test_what_follows_from_others_is_said_in_either_order(later: Acquisition, what: str) -> None:
    plain = Acquisition(kvp=120.0)
    for order in ((plain, later), (later, plain)):
        found = compared(*order)
        assert not found.same
        assert found.reason.startswith(what)
        assert "not_evaluable" in found.reason
    assert found.seed_hu[0] != found.seed_hu[1]


def test_what_is_faint_looked_for_in_a_part_alone_is_another_threshold() -> None:
    plain = choose_threshold(Acquisition(kvp=120.0), SETTINGS)
    for order in ((plain, keep_faint_below(plain, 40.0)), (keep_faint_below(plain, 40.0), plain)):
        found = common_threshold(order, [1.0, 1.0])
        assert not found.same
        assert "220 HU above the hip joints" in found.reason
    below = [keep_faint_below(plain, 40.0), keep_faint_below(plain, -300.0)]  # two positions on the table
    assert common_threshold(below, [1.0, 1.0]).same
