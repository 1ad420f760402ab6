"""The scores of `make accuracy` on boxes whose truth can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Box, Geometry
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Lesion, Status
from tests.accuracy.bones import score_skeleton
from tests.accuracy.fate import MimicFate, Objects, Outcome, find_nearest, outcome_of
from tests.accuracy.lesions import dice, false_lesions, score_lesions, trimmed
from tests.accuracy.semi import half_slice_shift_mm, sided
from tests.accuracy.sets import ALL, QUICK, SEMI, choose_sets
from tests.accuracy.summary import Share, kinds_right
from tests.accuracy.truth import TrueLesion, TrueMimic, Truth
from tests.builders import a_lesion, a_scan

GRID = Geometry.from_spacing((20, 30, 30), spacing_mm=(2.0, 1.0, 1.0))
BIG: Box = (slice(2, 12), slice(2, 12), slice(2, 12))
"""1000 voxels of 2 mm³."""
SMALL: Box = (slice(15, 17), slice(20, 24), slice(20, 22))
"""16 voxels of 2 mm³."""


NO_OBJECTS = Objects(np.zeros(GRID.shape, dtype=np.uint16), ("nothing", "bone"), GRID)


def voxels_of(*boxes: Box) -> NDArray[np.bool_]:
    voxels = np.zeros(GRID.shape, dtype=bool)
    for box in boxes:
        voxels[box] = True
    return voxels


def lesion(box: Box, *, status: Status = "definite") -> Lesion:
    return a_lesion(1, voxels_of(box), GRID, status=status)


@pytest.fixture(scope="module")
def truth() -> Truth:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[BIG], labels[SMALL] = 1, 2
    lesions = (
        TrueLesion(1, "big", 2000.0, 600.0, (6.5, 6.5, 13.0)),
        TrueLesion(2, "small", 32.0, 600.0, (20.5, 21.5, 31.0)),
    )
    stone = TrueMimic("phlebolith", "stone", 4.0, np.array([[25.0, 5.0, 20.0]]))
    scan = a_scan(np.zeros(GRID.shape), GRID)
    return Truth(scan, lesions, labels, (stone,), np.zeros(GRID.shape, dtype=np.uint8))


def test_dice_of_half_an_overlap_is_a_half() -> None:
    one, other = voxels_of(BIG), voxels_of((BIG[0], BIG[1], slice(7, 17)))
    assert dice(one, other) == pytest.approx(0.5)
    assert dice(one, one) == 1.0
    assert dice(voxels_of(), voxels_of()) == 1.0


def test_what_is_outlined_exactly_has_dice_one_and_no_volume_error(truth: Truth) -> None:
    big, small = score_lesions(truth, [lesion(BIG), lesion(SMALL, status="indeterminate")], NO_OBJECTS)
    assert (big.found, small.found) == ("definite", "indeterminate")
    assert big.outline is not None
    assert (big.outline.dice, big.outline.dice_label_map) == (1.0, 1.0)
    assert big.outline.volume_error_percent == pytest.approx(0.0)
    assert small.outline is None


def test_a_lesion_covered_by_less_than_a_fifth_is_missed(truth: Truth) -> None:
    sliver = lesion((slice(2, 3), BIG[1], BIG[2]))
    big, small = score_lesions(truth, [sliver], NO_OBJECTS)
    assert big.found is None
    assert small.found is None
    assert big.outline is not None
    assert big.outline.dice == pytest.approx(2 * 100 / 1100)


def test_a_small_lesion_is_found_by_a_neighbour_that_is_no_other_ones(truth: Truth) -> None:
    beside = (SMALL[0], SMALL[1], slice(23, 25))
    assert score_lesions(truth, [lesion(beside)], NO_OBJECTS)[1].found == "definite"
    assert not false_lesions(truth, [lesion(beside)], least_mm3=10.0)
    of_the_big_one = a_lesion(1, voxels_of(BIG, beside), GRID)
    assert score_lesions(truth, [of_the_big_one], NO_OBJECTS)[1].found is None


def test_what_lies_apart_from_all_lesions_is_false_and_named_after_its_mimic(truth: Truth) -> None:
    stone = lesion((slice(9, 12), slice(4, 7), slice(24, 27)))
    apart = lesion((slice(0, 3), slice(25, 28), slice(2, 5)), status="indeterminate")
    found = false_lesions(truth, [lesion(BIG), stone, apart], least_mm3=10.0)
    assert [(one.on_mimic, one.status) for one in found] == [
        ("phlebolith", "definite"),
        (None, "indeterminate"),
    ]
    assert not false_lesions(truth, [stone, apart], least_mm3=100.0)


def test_a_map_too_long_at_its_ends_is_cut_there_and_from_the_rim() -> None:
    whole = voxels_of((slice(2, 6), slice(5, 10), slice(5, 10)))
    cut = trimmed(whole, 4 * 25 - 32, GRID.spacing_mm)
    inner = voxels_of((slice(2, 6), slice(6, 9), slice(6, 9)))
    assert np.array_equal(cut, inner | voxels_of((slice(3, 5), slice(5, 10), slice(5, 10))))
    assert np.array_equal(trimmed(whole, 100, GRID.spacing_mm), whole)


def test_the_nearest_object_within_reach_is_what_a_place_was_taken_for() -> None:
    values = np.zeros(GRID.shape, dtype=np.uint16)
    values[BIG], values[SMALL] = 1, 2
    objects = Objects(values, ("nothing", "bone", "vascular"), GRID)
    assert find_nearest(objects, (13.0, 6.0, 10.0), reach_mm=4.0) == "bone"
    assert find_nearest(objects, (20.0, 25.0, 30.0), reach_mm=4.0) == "vascular"
    assert find_nearest(objects, (17.0, 6.0, 10.0), reach_mm=4.0) == "nothing"
    assert find_nearest(objects, (-300.0, 6.0, 10.0), reach_mm=4.0) == "nothing"


@pytest.mark.parametrize(
    ("kind", "taken_for", "outcome"),
    [
        ("vascular", "vascular", "right"),
        ("growth_centre", "bone", "right"),
        ("growth_centre", "bone_fragment", "wrong kind"),
        ("phlebolith", "bone", "bone"),
        ("phlebolith", "definite", "definite"),
        ("phlebolith", "indeterminate", "indeterminate"),
        ("phlebolith", "nothing", "dropped"),
    ],
)
def test_a_mimic_is_right_under_its_own_name(kind: str, taken_for: str, outcome: Outcome) -> None:
    assert outcome_of(kind, taken_for) == outcome


def test_what_is_too_faint_is_left_out_of_the_share_of_kinds() -> None:
    outcomes: list[Outcome] = ["right", "definite", "faint"]
    fates = [MimicFate("vascular", "", 1.0, (0, 0, 0), one, "") for one in outcomes]
    assert kinds_right(fates) == Share(1, 2)


def test_a_skeleton_without_names_is_scored_as_a_whole_only() -> None:
    bones = np.zeros(GRID.shape, dtype=np.uint8)
    bones[BIG] = BONES.index("sacrum") + 1
    score = score_skeleton(bones, LabelMap((bones > 0).astype(np.uint8), GRID, {1: "other_bone"}))
    assert score.all_bone == 1.0
    assert score.by_bone == {"sacrum": None}
    assert score.mean is None


def test_bones_are_scored_by_name_and_swapped_sides_are_told() -> None:
    bones = np.zeros(GRID.shape, dtype=np.uint8)
    bones[BIG], bones[SMALL] = BONES.index("femur_right") + 1, BONES.index("femur_left") + 1
    names = {1: "femur_right", 2: "femur_left"}
    values = np.zeros(GRID.shape, dtype=np.uint8)
    values[BIG], values[SMALL] = 1, 2
    right = score_skeleton(bones, LabelMap(values, GRID, names))
    assert right.by_bone == {"femur_right": 1.0, "femur_left": 1.0}
    assert right.mean == 1.0
    assert not right.sides_swapped
    wrong = score_skeleton(bones, LabelMap(values, GRID, {2: "femur_right", 1: "femur_left"}))
    assert wrong.mean == 0.0
    assert wrong.sides_swapped == ("femur_right", "femur_left")


def test_a_coccyx_counts_as_sacrum_only_where_the_true_map_has_none() -> None:
    names = {1: "sacrum", 2: "coccyx"}
    values = np.zeros(GRID.shape, dtype=np.uint8)
    values[BIG], values[SMALL] = 1, 2
    both = LabelMap(values, GRID, names)
    sacrum, coccyx = BONES.index("sacrum") + 1, BONES.index("coccyx") + 1
    assert score_skeleton(np.where(values > 0, sacrum, 0).astype(np.uint8), both).by_bone == {"sacrum": 1.0}
    apart = np.choose(values, [0, sacrum, coccyx]).astype(np.uint8)
    assert score_skeleton(apart, both).by_bone == {"sacrum": 1.0, "coccyx": 1.0}
    swapped = np.choose(values, [0, coccyx, sacrum]).astype(np.uint8)
    assert score_skeleton(swapped, both).by_bone == {"sacrum": 0.0, "coccyx": 0.0}


def test_voxels_left_out_count_for_neither_side() -> None:
    bones = np.zeros(GRID.shape, dtype=np.uint8)
    bones[BIG] = 1
    lower = voxels_of((slice(2, 7), BIG[1], BIG[2]))
    half = LabelMap(lower.astype(np.uint8), GRID, {1: "hip_bone_right"})
    assert score_skeleton(bones, half).mean == pytest.approx(2 / 3)
    assert score_skeleton(bones, half, ~lower).mean == 1.0


def test_right_is_where_x_is_low() -> None:
    bone = np.zeros((1, 1, 4), dtype=np.uint8)
    bone[0, 0] = [1, 2, 2, 3]
    names = [BONES[value - 1] for value in sided(bone)[0, 0]]
    assert names == ["hip_bone_right", "femur_right", "femur_left", "sacrum"]


def test_the_record_counts_from_the_middle_of_a_slices_lowest_part() -> None:
    assert half_slice_shift_mm(3.0) == pytest.approx(1.5 - 3.0 / 4 / 2)
    assert half_slice_shift_mm(0.75) == pytest.approx(0.75 / 4)


def test_sets_have_names_and_folders_of_their_own() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    assert len({one.folder for one in SEMI}) == len(SEMI)
    assert {one.case for one in SEMI[:8]} == {one.case for one in SEMI}
    assert choose_sets(None, quick=True) == QUICK
    assert [one.name for one in choose_sets("con5?, sts_001", quick=False)] == [
        "con5a",
        "con5b",
        "con5c",
        "STS_001",
    ]
