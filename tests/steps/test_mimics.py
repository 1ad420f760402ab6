"""What each bright component is: one scene for each rule, and one beside it where the rule is silent."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import MimicSettings
from pipeline.domain.geometry import Box, Geometry
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.mimics import classify_candidates
from pipeline.steps.skeleton import Skeleton
from tests.builders import boxed, centred_grid

GRID = centred_grid((20, 60, 60), (2.0, 1.0, 1.0))
NOWHERE: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


def block(k: slice, j: slice, i: slice, *, peak_hu: float = 400.0, grid: Geometry = GRID) -> Candidate:
    voxels = np.zeros(grid.shape, dtype=bool)
    voxels[k, j, i] = True
    return Candidate(boxed(voxels, grid), 180.0, 1, peak_hu)


def skeleton(*, bone: Box = NOWHERE, joined: Box = NOWHERE, grid: Geometry = GRID) -> Skeleton:
    values = np.zeros(grid.shape, np.uint8)
    values[bone] = 1
    hanging = np.zeros(grid.shape, dtype=bool)
    hanging[joined] = True
    return Skeleton(LabelMap(values, grid, {1: "other_bone"}), np.zeros(grid.shape, dtype=bool), hanging)


def classified(one: Candidate, bones: Skeleton, **changes: float) -> Candidate:
    (result,) = classify_candidates((one,), bones, MimicSettings(**changes))
    return result


INNER = block(slice(5, 10), slice(20, 30), slice(20, 30))


def test_a_component_that_no_rule_speaks_of_is_a_definite_lesion() -> None:
    found = classified(INNER, skeleton(bone=(slice(0, 20), slice(40, 50), slice(20, 30))))
    assert (found.kind, found.status, found.reason) == ("lesion", "definite", "")


@pytest.mark.parametrize(("voxels", "kind"), [(2, "noise"), (3, "lesion")])
def test_below_the_smallest_lesion_it_is_noise(voxels: int, kind: str) -> None:
    speck = block(slice(5, 6), slice(20, 21), slice(20, 20 + voxels))  # 2 mm³ each
    found = classified(speck, skeleton())
    assert found.kind == kind
    assert bool(found.reason) == (kind == "noise")


def test_a_thin_piece_that_hangs_on_bone_is_a_fragment() -> None:
    plate = block(slice(5, 10), slice(20, 23), slice(20, 30))
    assert (
        classified(plate, skeleton(joined=(slice(5, 10), slice(20, 23), slice(20, 30)))).kind
        == "bone_fragment"
    )
    assert classified(plate, skeleton(joined=(slice(5, 10), slice(20, 23), slice(20, 24)))).kind == "lesion"


def test_a_thick_piece_that_hangs_on_bone_is_a_lesion() -> None:
    lump = block(slice(3, 12), slice(15, 33), slice(15, 33))  # 18 mm
    assert classified(lump, skeleton(joined=(slice(3, 12), slice(15, 33), slice(15, 33)))).kind == "lesion"


def test_what_the_scan_cuts_is_indeterminate() -> None:
    found = classified(block(slice(5, 10), slice(20, 30), slice(0, 6)), skeleton())
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert "edge of the scan" in found.reason


def test_a_thick_piece_as_dense_as_cortex_cut_by_the_scan_is_bone() -> None:
    thick = block(slice(5, 10), slice(20, 30), slice(0, 9), peak_hu=900)
    thin = block(slice(5, 10), slice(20, 22), slice(0, 9), peak_hu=900)
    assert classified(thick, skeleton()).kind == "bone_fragment"
    assert classified(thin, skeleton()).status == "indeterminate"


def test_a_small_piece_cut_beside_cut_bone_is_bone() -> None:
    piece = block(slice(8, 10), slice(20, 24), slice(0, 4))  # 64 mm³
    beside = (slice(0, 20), slice(32, 45), slice(0, 10))  # 9 mm away, at the same face
    not_cut = (slice(0, 20), slice(32, 45), slice(1, 10))
    assert classified(piece, skeleton(bone=beside)).kind == "bone_fragment"
    assert classified(piece, skeleton(bone=not_cut)).status == "indeterminate"
    far = (slice(0, 20), slice(40, 50), slice(0, 10))
    assert classified(piece, skeleton(bone=far)).status == "indeterminate"


@pytest.mark.parametrize("end", ["feet", "head"])
def test_a_piece_at_the_end_of_the_scan_in_line_with_bone_continues_it(end: str) -> None:
    first, near, away = (slice(0, 4), slice(10, 20), slice(18, 20))
    if end == "head":
        first, near, away = (slice(16, 20), slice(0, 10), slice(0, 2))
    piece = block(first, slice(20, 34), slice(20, 34), peak_hu=300)
    in_line, beside = (slice(18, 36), slice(18, 36)), (slice(18, 36), slice(42, 55))
    assert classified(piece, skeleton(bone=(near, *in_line))).kind == "bone_fragment"
    assert classified(piece, skeleton(bone=(near, *beside))).status == "indeterminate"
    assert classified(piece, skeleton(bone=(away, *in_line))).status == "indeterminate"  # 28 mm away
    assert classified(piece, skeleton()).status == "indeterminate"


def test_everything_left_out_has_a_reason_and_keeps_its_voxels() -> None:
    speck = block(slice(5, 6), slice(20, 21), slice(20, 22))
    found = classify_candidates((INNER, speck), skeleton(), MimicSettings())
    assert [one.kind for one in found] == ["lesion", "noise"]
    assert found[1].reason
    assert found[1].mask is speck.mask


@pytest.mark.parametrize(
    ("gap", "width", "status"), [(5, 3, "indeterminate"), (8, 3, "definite"), (5, 5, "definite")]
)
def test_a_speck_a_few_mm_off_a_bone_may_be_its_tip(gap: int, width: int, status: str) -> None:
    speck = block(slice(5, 6), slice(20, 20 + width), slice(20, 20 + width))  # 18 or 50 mm³
    bone = (slice(5, 6), slice(20, 23), slice(20 + width + gap - 1, 40))
    found = classified(speck, skeleton(bone=bone))
    assert (found.kind, found.status) == ("lesion", status)


@pytest.mark.parametrize(("closed", "kind"), [(True, "bone_fragment"), (False, "lesion")])
def test_a_spot_closed_in_by_bone_is_bone_and_beside_an_open_ring_a_lesion(closed: bool, kind: str) -> None:
    values = np.zeros(GRID.shape, np.uint8)
    values[:, 15:45, 15:45] = 1
    values[:, 18:42, 18:42] = 0
    values[:, 28:32, 15:18] = 1 if closed else 0
    nothing = np.zeros(GRID.shape, dtype=bool)
    bones = Skeleton(LabelMap(values, GRID, {1: "other_bone"}), nothing, nothing)
    assert classified(block(slice(5, 8), slice(28, 32), slice(28, 32)), bones).kind == kind


def test_in_the_wide_ring_of_a_pelvis_nothing_is_inside_a_bone() -> None:
    values = np.zeros(GRID.shape, np.uint8)
    values[:, 2:58, 2:58] = 1
    values[:, 5:55, 5:55] = 0
    nothing = np.zeros(GRID.shape, dtype=bool)
    bones = Skeleton(LabelMap(values, GRID, {1: "other_bone"}), nothing, nothing)
    assert classified(block(slice(5, 8), slice(28, 32), slice(28, 32)), bones).kind == "lesion"
