"""Regions and sides on two anatomies drawn by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.steps.sites.muscles import region_of_structure
from tests.accuracy.sets import DATA
from tests.accuracy.sites import ANATOMIES, MUSCLES, PointsScore, SiteFate, note, score_labels


@pytest.fixture(scope="module", params=ANATOMIES)
def score(request: pytest.FixtureRequest) -> PointsScore:
    folder: Path = DATA / "anatomy" / f"Pelvic-Ref-{request.param}"
    if not folder.is_dir():
        pytest.skip(f"the anatomy is not in {folder}")
    return score_labels(request.param)


def test_the_side_is_always_right(score: PointsScore) -> None:
    assert score.side_right == 1.0


def test_the_region_is_right_in_85_percent_as_the_mean_over_regions(score: PointsScore) -> None:
    assert len(score.by_region) == 10
    assert score.mean >= 0.85


def test_every_muscle_of_the_anatomies_has_a_region() -> None:
    assert all(region_of_structure(muscle) for muscle in MUSCLES.values())


def test_the_mean_counts_every_region_once() -> None:
    score = PointsScore("a", {"iliacus": 1.0, "psoas": 0.5, "piriformis": 0.25}, 1.0)
    assert score.by_region == {"gluteal_deep": 0.25, "iliopsoas": 0.75}
    assert score.mean == 0.5


def test_the_note_names_what_is_wrong() -> None:
    fate = SiteFate("L adductor linear 0", "left", "adductor_compartment", "left", "perineum")
    text = note([PointsScore("a", {"iliacus": 1.0}, 1.0)], [("seed", [fate])])
    assert "| seed | 0/1 | L adductor linear 0: left perineum |" in text
    assert "| iliopsoas | 100 % |" in text
