"""What may be contrast medium stays a lesion, but not a sure one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.contrast import question_contrast, ring_share
from pipeline.steps.skeleton import Skeleton

GRID = Geometry.from_spacing((12, 200, 200), spacing_mm=(2.0, 2.0, 2.0))
ROWS, COLUMNS = np.ogrid[:200, :200]
RADIUS = np.hypot(ROWS - 100, COLUMNS - 100)
BODY = Mask(np.broadcast_to(RADIUS < 80, GRID.shape).copy(), GRID)
EVERYWHERE = np.ones(GRID.shape, dtype=bool)
RING = np.broadcast_to((RADIUS > 30) & (RADIUS < 33), GRID.shape)


def skeleton(solid: NDArray[np.bool_] = RING) -> Skeleton:
    nothing = np.zeros(GRID.shape, dtype=bool)
    return Skeleton(LabelMap(solid.astype(np.uint8), GRID, {1: "other_bone"}), nothing, nothing)


def block(j: int, i: int, width: int = 5) -> Candidate:
    box = (slice(3, 8), slice(j, j + width), slice(i, i + width))
    mask = BoxedMask(np.ones((5, width, width), dtype=bool), box, GRID)
    return Candidate(mask, edge_hu=180.0, fragment_count=1, peak_hu=320.0)


def volume(hu: float, *, unevenness: float = 0.0) -> CTVolume:
    rough = np.random.default_rng(1).normal(hu, unevenness * hu, GRID.shape)
    return CTVolume(rough.astype(np.int16), GRID)


def status(one: Candidate, smooth: CTVolume, bones: Skeleton) -> str:
    (result,) = question_contrast((one,), smooth, BODY, bones, ContrastSettings())
    return result.status


def test_an_even_block_within_the_ring_may_be_contrast_and_says_so() -> None:
    (result,) = question_contrast((block(98, 98),), volume(300), BODY, skeleton(), ContrastSettings())
    assert result.status == "indeterminate"
    assert result.kind == "lesion"
    assert "contrast" in result.reason


@pytest.mark.parametrize(
    ("one", "smooth", "bones"),
    [
        (block(98, 98), volume(700), skeleton()),
        (block(98, 98), volume(300, unevenness=0.3), skeleton()),
        (block(98, 98, width=2), volume(300), skeleton()),
        (block(98, 126), volume(300), skeleton()),
        (block(98, 138), volume(300), skeleton()),
        (block(98, 98), volume(300), skeleton(np.zeros(GRID.shape, dtype=bool))),
    ],
    ids=["dense", "uneven", "thin", "against bone", "outside the ring", "no ring"],
)
def test_what_contrast_cannot_be_stays_definite(one: Candidate, smooth: CTVolume, bones: Skeleton) -> None:
    assert status(one, smooth, bones) == "definite"


def test_what_is_excluded_is_not_questioned() -> None:
    rejected = Candidate(block(98, 98).mask, 180.0, 1, 320.0, kind="noise", reason="small")
    assert question_contrast((rejected,), volume(300), BODY, skeleton(), ContrastSettings()) == (rejected,)


def test_bone_all_around_is_met_in_every_direction_and_half_a_ring_in_half() -> None:
    half = RING & (ROWS < 100)
    middle = block(98, 98).mask
    assert ring_share(middle, RING, BODY.voxels) == 1.0
    # of 24 directions 11 point forward, and 2 run along the cut: either may fall on each side of it
    assert ring_share(middle, half, BODY.voxels) == pytest.approx(12 / 24, abs=1.01 / 24)


def test_bone_beyond_air_does_not_count() -> None:
    small = np.broadcast_to(RADIUS < 20, GRID.shape)
    assert ring_share(block(98, 98).mask, RING, small) == 0.0


def test_a_direction_that_leaves_the_picture_within_the_body_counts_a_third() -> None:
    nothing = np.zeros(GRID.shape, dtype=bool)
    corner = block(
        0, 0
    ).mask  # 7 of 24 directions stay in the picture for 180 mm, the first and last by a hair
    assert ring_share(corner, nothing, EVERYWHERE) == pytest.approx(0.35 * 18 / 24, abs=0.35 * 1.01 / 24)
