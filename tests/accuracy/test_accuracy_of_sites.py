"""Regions and sides on two anatomies drawn by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.steps.sites.layers import Tissue
from pipeline.steps.sites.locate import Ground, locate_lesions
from pipeline.steps.sites.muscles import region_of_structure
from pipeline.steps.sites.skin import Skin
from tests.accuracy.sets import DATA
from tests.accuracy.sites import (
    ANATOMIES,
    MUSCLES,
    PointsScore,
    SiteFate,
    note,
    read_labels,
    score_labels,
)


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


def test_with_the_label_map_itself_every_region_is_right() -> None:
    if not (DATA / "anatomy" / "Pelvic-Ref-002").is_dir():
        pytest.skip(f"the anatomies are not in {DATA}")
    labels, geometry = read_labels("002")
    organs = LabelMap(np.where(labels > 4, labels, 0).astype(np.uint8), geometry, MUSCLES)
    nothing = LabelMap(np.zeros_like(labels), geometry)
    volume = CTVolume(np.zeros(labels.shape, np.int16), geometry)
    body = Mask(labels > 0, geometry)
    where = Ground(Tissue(volume, nothing, Skin.of(body, volume)), body, nothing, None, organs, False)
    random = np.random.default_rng(1)
    for value, muscle in MUSCLES.items():
        places = random.permutation(np.argwhere(labels == value))[:5]
        sites = locate_lesions([_one_voxel(place, geometry) for place in places], where)
        assert {site.region for site in sites} == {region_of_structure(muscle)}, muscle
        assert {site.structure for site in sites} == {muscle}


def _one_voxel(index: NDArray[np.intp], geometry: Geometry) -> BoxedMask:
    k, j, i = (slice(int(n), int(n) + 1) for n in index)
    return BoxedMask(np.ones((1, 1, 1), dtype=bool), (k, j, i), geometry)


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
