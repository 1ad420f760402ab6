"""The reference case is what was published, and its truth is that of its scans."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from pipeline.phantoms import PhantomCase, PhantomLesion, PhantomScan, Truth, build, mimics, reference_case
from pipeline.phantoms.anatomy import build_anatomy
from pipeline.phantoms.cases import truth_of
from pipeline.phantoms.shapes import distance_at
from pipeline.phantoms.truth import fine_grid


def coarse(case: PhantomCase) -> PhantomCase:
    """The same case on larger voxels, with few samples."""
    old = case.scanner
    (k, j, i), (dk, dj, di) = old.matrix, old.spacing_mm
    scanner = replace(
        old,
        matrix=(k // 2, j // 2, i // 2),
        spacing_mm=(2 * dk, 2 * dj, 2 * di),
        slice_thickness_mm=2 * old.slice_thickness_mm,
        samples=(2, 1),
    )
    return replace(case, scanner=scanner)


@pytest.fixture(scope="module")
def cases() -> tuple[PhantomCase, PhantomCase]:
    return reference_case(1)


@pytest.fixture(scope="module")
def truth(cases: tuple[PhantomCase, PhantomCase]) -> Truth:
    return truth_of(cases[0], build_anatomy(cases[0].patient))


@pytest.fixture(scope="module")
def scans(cases: tuple[PhantomCase, PhantomCase]) -> tuple[PhantomScan, PhantomScan]:
    return build(coarse(cases[0])), build(coarse(cases[1]))


def test_right_ischiofemoral_lump_is_38_by_23_mm(truth: Truth) -> None:
    lump = truth.lesions[0]
    assert (lump.side, lump.structure) == ("right", "ischiofemoral space")
    assert lump.axial.long_axis_mm == pytest.approx(38.0, abs=0.5)
    assert lump.axial.short_axis_mm == pytest.approx(23.0, abs=0.5)
    assert lump.extent_mm[2] == pytest.approx(30.0, abs=2.0)


def test_left_obturator_ovoid_is_50_by_10_mm(truth: Truth) -> None:
    ovoid = truth.lesions[1]
    assert (ovoid.side, ovoid.structure) == ("left", "obturator internus")
    assert ovoid.axial.long_axis_mm == pytest.approx(50.0, abs=0.5)
    assert ovoid.axial.short_axis_mm == pytest.approx(10.0, abs=0.5)


def test_three_rods_in_either_adductors_are_8_to_35_mm_and_at_least_45_mm3(truth: Truth) -> None:
    rods = [one for one in truth.lesions if one.structure == "adductors"]
    assert sorted(one.side for one in rods) == ["left"] * 3 + ["right"] * 3
    assert all(8.0 <= one.diameter_3d_mm <= 35.0 for one in rods)
    assert all(one.volume_mm3 >= 45.0 for one in rods)


def test_lesions_keep_off_the_bones(cases: tuple[PhantomCase, PhantomCase], truth: Truth) -> None:
    bones = build_anatomy(cases[0].patient).skeleton.bones
    for lesion in cases[0].lesions:
        grid = fine_grid(lesion.shape, truth.body_to_scanner, step_mm=0.8)
        points = np.argwhere(grid.distance_mm < 0) * grid.step_mm + grid.origin_mm
        points = truth.body_to_scanner.inverse().apply(points)
        nearest_mm = min(distance_at(bone.shape, points).min() for bone in bones)
        assert nearest_mm > (1.5 if "ovoid" in lesion.name else 0.8), lesion.name


def test_dates_are_eleven_months_apart(cases: tuple[PhantomCase, PhantomCase]) -> None:
    assert [case.date for case in cases] == [dt.date(2019, 4, 11), dt.date(2020, 3, 10)]


def test_same_case_gives_the_same_bytes(cases: tuple[PhantomCase, PhantomCase]) -> None:
    case = coarse(cases[0])
    small = replace(case, scanner=replace(case.scanner, matrix=(3, 160, 160)))
    first, second = build(small), build(small)
    assert first.volume.hu.tobytes() == second.volume.hu.tobytes()
    assert first.truth.lesions == second.truth.lesions


def test_another_seed_gives_other_noise_on_the_same_lesions() -> None:
    one, other = (coarse(reference_case(seed)[0]) for seed in (1, 2))
    small = [replace(case, scanner=replace(case.scanner, matrix=(2, 160, 160))) for case in (one, other)]
    first, second = (build(case) for case in small)
    assert (first.volume.hu != second.volume.hu).any()
    assert first.truth.lesions == second.truth.lesions


def test_left_is_plus_x_and_a_larger_column(scans: tuple[PhantomScan, PhantomScan]) -> None:
    baseline = scans[0]
    middle_x = baseline.truth.body_to_scanner.apply((0.0, 0.0, 0.0))[0]
    for lesion in baseline.truth.lesions:
        assert (lesion.centroid_lps_mm[0] > middle_x) == (lesion.side == "left")
    columns = baseline.volume.geometry.to_index([one.centroid_lps_mm for one in baseline.truth.lesions[:2]])[
        :, 2
    ]
    assert columns[0] < columns[1]


def test_lump_is_as_bright_in_the_scan_as_in_the_truth(scans: tuple[PhantomScan, PhantomScan]) -> None:
    baseline = scans[0]
    lump = baseline.truth.lesions[0]
    k, j, i = np.rint(baseline.volume.geometry.to_index(lump.centroid_lps_mm)).astype(int)
    assert baseline.volume.hu[k - 1 : k + 2, j - 2 : j + 3, i - 2 : i + 3].mean() == pytest.approx(
        lump.hu, abs=10.0
    )


def test_label_volume_holds_the_lesions_volume(scans: tuple[PhantomScan, PhantomScan]) -> None:
    baseline = scans[0]
    labels = baseline.lesion_labels()
    for value, lesion in list(enumerate(baseline.truth.lesions, start=1))[:2]:
        voxels = int((labels.values == value).sum())
        assert voxels * labels.geometry.voxel_volume_mm3 == pytest.approx(lesion.volume_mm3, rel=0.08)


def test_follow_up_contains_no_lesion(scans: tuple[PhantomScan, PhantomScan]) -> None:
    baseline, followup = scans
    assert followup.truth.lesions == ()
    later = followup.truth.body_to_scanner
    for lesion in baseline.truth.lesions:
        place = later.apply(baseline.truth.body_to_scanner.inverse().apply(lesion.centroid_lps_mm))
        k, j, i = np.rint(followup.volume.geometry.to_index(place)).astype(int)
        assert followup.volume.hu[k, j, i] < 130, lesion.name


def test_both_scans_cover_every_lesion_and_reach_far_under_the_ischium(
    scans: tuple[PhantomScan, PhantomScan],
) -> None:
    tuberosity = (55.0, 28.0, -80.0)
    for scan in scans:
        place = scan.truth.body_to_scanner.apply(tuberosity)
        assert place[2] - scan.volume.geometry.bounds_lps_mm()[0, 2] > 57.0


def test_growth_scales_bone_distances_by_1_02(scans: tuple[PhantomScan, PhantomScan]) -> None:
    apart = []
    for scan in scans:
        left, right = (scan.truth.landmarks_lps_mm[f"femoral head {side}"] for side in ("left", "right"))
        apart.append(float(np.linalg.norm(np.subtract(left, right))))
    assert apart[0] == pytest.approx(160.0)
    assert apart[1] / apart[0] == pytest.approx(1.02)


def test_follow_up_lies_otherwise_by_3_to_4_degrees_and_8_mm(scans: tuple[PhantomScan, PhantomScan]) -> None:
    first, second = (scan.truth.body_to_scanner for scan in scans)
    turn = second.rotation @ first.rotation.T
    assert 3.0 <= np.rad2deg(np.arccos((np.trace(turn) - 1) / 2)) <= 4.0
    assert np.linalg.norm(second.shift_mm - first.shift_mm) == pytest.approx(8.0, abs=0.5)


def test_bone_labels_name_the_skeleton(scans: tuple[PhantomScan, PhantomScan]) -> None:
    labels = scans[0].bone_labels()
    for name in ("hip_left", "hip_right", "femur_left", "femur_right", "sacrum", "coccyx", "l5"):
        assert labels.mask_of(name).voxels.any(), name
    hips = [labels.mask_of(f"hip_{side}").volume_mm3 for side in ("left", "right")]
    assert hips[0] == pytest.approx(hips[1], rel=0.02)


MIMICS = (
    mimics.phlebolith("right"),
    mimics.arterial_wall("left"),
    mimics.bowel_contrast(),
    mimics.bladder_contrast(),
)


@pytest.mark.parametrize("mimic", MIMICS, ids=lambda one: one.name)
def test_mimics_keep_off_the_bones_and_have_a_volume(mimic: PhantomLesion) -> None:
    case = reference_case(1)[0]
    anatomy = build_anatomy(case.patient)
    truth = truth_of(replace(case, lesions=(mimic,)), anatomy)
    assert truth.lesions[0].volume_mm3 > 10.0
    assert truth.lesions[0].mimic is not None
    place = truth.body_to_scanner.inverse().apply(truth.lesions[0].centroid_lps_mm)
    assert min(distance_at(bone.shape, place) for bone in anatomy.skeleton.bones) > 3.0
