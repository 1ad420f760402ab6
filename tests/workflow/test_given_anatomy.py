"""A scan measured with the user's anatomy: bones, rims of bones, what the map leaves out, and organs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.anatomy.read import read_anatomy
from pipeline.domain.analysis import Analysis
from pipeline.domain.anatomy import BONES, Anatomy, anatomy_from
from pipeline.domain.image import LabelMap
from pipeline.nifti import read_volume
from pipeline.steps.guest import grow_into_rim
from pipeline.workflow import analyse
from tests.anatomy.maps import BOWEL, GRID, NAMES, label_map, shafts
from tests.builders import a_scan, ball, paint, pelvis_of_two_shafts

TRUTH = shafts()
FREE = (0.0, 30.0, 4.0)


def measured(values: NDArray[np.uint8], balls: dict[tuple[float, float, float], float]) -> Analysis:
    hu, geometry = pelvis_of_two_shafts(balls)
    return analyse(a_scan(hu, geometry), anatomy=anatomy_from(label_map(values)))


def named(found: Analysis, name: str) -> NDArray[np.bool_]:
    return found.skeleton.mask_of(name).voxels


def eroded(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every label a voxel smaller in the slice."""
    inner = values > 0
    for axis in (1, 2):
        for step in (-1, 1):
            inner &= np.roll(values, step, axis=axis) == values
    return np.where(inner, values, 0).astype(np.uint8)


@pytest.mark.parametrize("change", ["as it is", "a voxel small"])
def test_bones_are_those_of_the_map_and_their_rim_is_no_lesion(change: str) -> None:
    found = measured(TRUTH if change == "as it is" else eroded(TRUTH), {FREE: 4.0})
    for name, value in (("femur_right", 1), ("femur_left", 2), ("sacrum", 3)):
        own, truth = named(found, name), value == TRUTH
        dice = 2 * np.count_nonzero(own & truth) / (np.count_nonzero(own) + np.count_nonzero(truth))
        assert dice >= 0.90  # bone ends at 180 HU, 0.8 mm outside a bar of 8 mm: Dice 0.905
    assert not named(found, "other_bone").any()
    (lesion,) = found.lesions
    assert lesion.size.centroid_lps_mm == pytest.approx(FREE, abs=0.3)
    # three bars are no pelvis that landmarks could be told from
    assert [flag.code for flag in found.flags] == ["ANATOMY_GIVEN", "REGION_UNKNOWN"]


@pytest.mark.parametrize(("radius_mm", "status"), [(5.0, "definite"), (3.0, "indeterminate")])
@pytest.mark.parametrize("change", ["as it is", "a voxel small"])
def test_a_deposit_on_a_bone_keeps_its_volume(radius_mm: float, status: str, change: str) -> None:
    values = TRUTH if change == "as it is" else eroded(TRUTH)
    found = measured(values, {(24.0, 9.0 + radius_mm, 4.0): radius_mm})
    (lesion,) = found.lesions
    truth_mm3 = 4 / 3 * np.pi * radius_mm**3
    # up to 2 mm of it may be taken for the bone's rim: h² (3r - h) / 4r³ of a ball
    lost = 2.0**2 * (3 * radius_mm - 2.0) / (4 * radius_mm**3)
    assert lesion.size.volume_mm3.value == pytest.approx(truth_mm3, rel=lost + 0.05)
    assert lesion.status == status


def test_a_thin_layer_joins_its_bone_and_a_thick_one_does_not() -> None:
    bone = np.zeros((1, 40, 40), np.uint8)
    bone[0, 10:20, 10:30] = 2
    bright = np.zeros(bone.shape, dtype=bool)
    bright[0, 20:22, 10:30] = True  # 2 mm
    bright[0, 4:10, 10:30] = True  # 6 mm
    bright[0, 30:32, 10:30] = True  # elsewhere
    grown = grow_into_rim(bone, bright, (1.0, 1.0, 1.0), rim_mm=2.0)
    assert (grown[0, 20:22, 10:30] == 2).all()
    assert (grown[0, 4:8] == 0).all()
    assert (grown[0, 30:32] == 0).all()


def test_a_bone_that_the_map_leaves_out_is_found_and_is_no_lesion() -> None:
    found = measured(np.where(TRUTH == 1, 0, TRUTH).astype(np.uint8), {FREE: 4.0})
    left_out, truth = named(found, "other_bone") | named(found, "femur_right"), TRUTH == 1
    assert np.count_nonzero(left_out & truth) >= 0.9 * np.count_nonzero(truth)
    assert (named(found, "femur_left") & (TRUTH == 2)).sum() >= 0.95 * (TRUTH == 2).sum()
    assert len(found.lesions) == 1


def test_without_bones_in_the_map_the_built_in_skeleton_stands() -> None:
    organs_alone = np.where(TRUTH >= 4, TRUTH, 0).astype(np.uint8)
    hu, geometry = pelvis_of_two_shafts({FREE: 4.0})
    built_in = analyse(a_scan(hu, geometry))
    found = measured(organs_alone, {FREE: 4.0})
    assert ((found.skeleton.values > 0) == (built_in.skeleton.values > 0)).all()


def test_bone_of_the_map_beside_gas_is_bone() -> None:
    """As ribs beside lung: what the built-in search might give up as contrast in bowel."""
    hu = paint(pelvis_of_two_shafts({})[0], ball(GRID, (36.0, 0.0, 4.0), 6.0), -900.0)
    found = analyse(a_scan(hu, GRID), anatomy=anatomy_from(label_map(TRUTH)))
    kept = named(found, "femur_left") & (TRUTH == 2)
    assert np.count_nonzero(kept) == np.count_nonzero(TRUTH == 2)


def test_contrast_in_bowel_is_listed_as_such() -> None:
    with_map = measured(TRUTH, {BOWEL: 5.0})
    assert with_map.lesions == ()
    assert [one.kind for one in with_map.excluded] == ["bowel_contrast"]
    assert "colon" in with_map.excluded[0].reason


def test_lesions_under_other_anatomy_have_other_tracking_uids() -> None:
    hu, geometry = pelvis_of_two_shafts({FREE: 4.0})
    uids = {
        analyse(a_scan(hu, geometry), anatomy=one).lesions[0].tracking_uid
        for one in (None, anatomy_from(label_map(TRUTH)), anatomy_from(label_map(eroded(TRUTH))))
    }
    assert len(uids) == 3


def test_mirrored_anatomy_has_mirrored_results() -> None:
    hu, geometry = pelvis_of_two_shafts({(-14.0, -24.0, 2.0): 5.0})
    swapped = {**NAMES, 1: "femur_left", 2: "femur_right"}
    one = analyse(a_scan(hu, geometry), anatomy=anatomy_from(label_map(TRUTH)))
    mirror: Anatomy = anatomy_from(LabelMap(TRUTH[:, :, ::-1].copy(), GRID, swapped))
    two = analyse(a_scan(hu[:, :, ::-1], geometry), anatomy=mirror)
    assert (one.lesion_labels().values == two.lesion_labels().values[:, :, ::-1]).all()
    assert ((one.skeleton.values > 0) == (two.skeleton.values > 0)[:, :, ::-1]).all()
    same = named(one, "femur_left") == named(two, "femur_right")[:, :, ::-1]
    assert np.mean(same) > 0.9999  # what lies as near to one bone as to another may go to either


def test_names_of_bones_are_all_in_the_skeleton() -> None:
    hu = paint(pelvis_of_two_shafts({})[0], ball(GRID, FREE, 4.0), 600.0)
    found = analyse(a_scan(hu, GRID), anatomy=anatomy_from(label_map(TRUTH)))
    assert tuple(found.skeleton.names.values()) == BONES


@pytest.fixture(scope="module")
def example() -> Path:
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "totalsegmentator_example"
    if not folder.is_dir():
        pytest.skip(f"the example with metal is not in {folder}")
    return folder


@pytest.mark.real
@pytest.mark.parametrize("with_map", [True, False])
def test_a_fixed_hip_is_flagged_and_nothing_sure_lies_in_its_streaks(example: Path, with_map: bool) -> None:
    scan = read_volume(example / "example_ct.nii.gz")
    labels = example / "example_seg_fast_force_split.nii.gz"
    anatomy = read_anatomy(labels, None, scan) if with_map else None
    found = analyse(scan, anatomy=anatomy)
    (metal,) = (one for one in found.excluded if one.kind == "metal")
    assert metal.centroid_lps_mm[0] > 50  # the patient's left hip, from the middle
    assert any(flag.code == "METAL" and flag.severity == "serious" for flag in found.flags)
    metal_mm = metal.mask.points_lps_mm()
    for lesion in found.lesions:
        if lesion.status == "definite":
            own = lesion.mask.points_lps_mm()
            near = np.abs(own[:, None, 2] - metal_mm[None, :, 2]).min(axis=1) <= 3
            away = np.linalg.norm(own[near, None, :2] - metal_mm[None, :, :2], axis=2)
            assert not near.any() or away.min() > 15


@pytest.mark.real
def test_the_skeleton_of_the_example_is_that_of_its_map_away_from_metal(example: Path) -> None:
    scan = read_volume(example / "example_ct.nii.gz")
    anatomy = read_anatomy(example / "example_seg_fast_force_split.nii.gz", None, scan)
    found = analyse(scan, anatomy=anatomy)
    own, truth = (labels.values[20:] > 0 for labels in (found.skeleton, anatomy.bones))
    assert 2 * np.count_nonzero(own & truth) / (np.count_nonzero(own) + np.count_nonzero(truth)) >= 0.97
    sure = sum(one.status == "definite" for one in found.lesions)
    assert sure <= 6
