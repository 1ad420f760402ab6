"""A small scan from voxels to lesions, and from two dates to an answer."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.domain.geometry import Float3
from pipeline.errors import InputRefused, UsageError
from pipeline.measuring import tracking_uid
from pipeline.stages import COMPARE_STAGES, STAGES
from pipeline.workflow import analyse, compare
from tests.builders import (
    Values,
    a_scan,
    ball,
    body_hu,
    centred_grid,
    paint,
    pelvis_of_two_shafts,
)
from tests.conftest import BACK, FRONT

BALLS: dict[Float3, float] = {FRONT: 5.0, BACK: 7.0}
TODAY = dt.date(2019, 4, 11)


def analysed(balls: dict[Float3, float], *, seed: int = 1, date: dt.date = TODAY) -> Analysis:
    hu, geometry = pelvis_of_two_shafts(balls, seed=seed)
    return analyse(a_scan(hu, geometry, date=date))


def test_every_ball_is_found_where_it_is_with_its_volume(baseline: Analysis) -> None:
    definite = [one for one in baseline.lesions if one.status == "definite"]
    for lesion, (centre, radius) in zip(definite, ((BACK, 7.0), (FRONT, 5.0)), strict=True):
        # painted at half height on its surface; smoothing by 0.4 mm draws that in by 0.4² / r, and
        # slices of 2 mm add h² / 6 times the slope of the area, as in test_size
        tolerance_mm3 = 4 * np.pi * radius * 0.16 + 2**2 / 6 * 2 * np.pi * radius
        truth_mm3 = 4 / 3 * np.pi * radius**3
        assert lesion.size.volume_mm3.value == pytest.approx(truth_mm3, abs=tolerance_mm3 + 0.02 * truth_mm3)
        assert lesion.size.centroid_lps_mm == pytest.approx(centre, abs=0.2)
        assert lesion.fragment_count == 1
        assert lesion.density.max_hu == pytest.approx(600, abs=6 * 5)  # noise of 6 HU
        assert not lesion.bone_contact


def test_a_ball_that_the_scan_cuts_is_listed_as_indeterminate(baseline: Analysis) -> None:
    (cut,) = [one for one in baseline.lesions if one.status == "indeterminate"]
    assert cut.touches_edge
    assert cut.why_indeterminate
    assert baseline.burden.indeterminate_volume_mm3 == cut.size.volume_mm3.value


def test_the_burden_is_the_sum_of_the_definite_lesions(baseline: Analysis) -> None:
    definite = [one.size.volume_mm3.value for one in baseline.lesions if one.status == "definite"]
    assert baseline.burden.lesion_count == 2
    assert baseline.burden.volume_mm3.value == pytest.approx(sum(definite))


def test_lesions_are_numbered_by_falling_volume_and_named_once(baseline: Analysis) -> None:
    volumes = [one.size.volume_mm3.value for one in baseline.lesions]
    assert volumes == sorted(volumes, reverse=True)
    assert [one.id for one in baseline.lesions] == [1, 2, 3]
    assert len({one.tracking_uid for one in baseline.lesions}) == 3


def test_no_voxel_is_lesion_and_bone_at_once(baseline: Analysis) -> None:
    lesions, bones = baseline.lesion_labels().values > 0, baseline.skeleton.values > 0
    assert lesions.any()
    assert bones.any()
    assert not (lesions & bones).any()


def test_every_mask_lies_on_the_grid_of_the_scan(baseline: Analysis) -> None:
    grid = baseline.scan.volume.geometry
    assert baseline.skeleton.geometry.is_close(grid)
    assert all(one.mask.geometry.is_close(grid) for one in baseline.lesions)


def test_a_scan_without_calcium_has_no_lesion() -> None:
    found = analysed({})
    assert found.lesions == ()
    assert found.burden.volume_mm3.value == 0
    assert found.burden.volume_mm3.upper == found.burden.detection_limit_mm3


def test_a_scan_of_air_is_refused() -> None:
    geometry = centred_grid((10, 40, 40))
    with pytest.raises(InputRefused) as caught:
        analyse(a_scan(np.full(geometry.shape, -1000.0), geometry))
    assert caught.value.code == "EMPTY_SCAN"


def test_a_mirrored_scan_has_the_mirrored_lesions_on_the_other_side() -> None:
    hu, geometry = pelvis_of_two_shafts({(-14.0, -24.0, 2.0): 5.0, (9.0, 24.0, -4.0): 6.0})
    one, two = (analyse(a_scan(values, geometry)) for values in (hu, hu[:, :, ::-1]))
    assert (one.lesion_labels().values == two.lesion_labels().values[:, :, ::-1]).all()
    assert (one.skeleton.values == two.skeleton.values[:, :, ::-1]).all()
    assert [lesion.site.side for lesion in one.lesions] == ["left", "right"]
    assert [lesion.site.side for lesion in two.lesions] == ["right", "left"]


def test_where_the_scan_lies_in_space_changes_nothing_but_places() -> None:
    hu, geometry = pelvis_of_two_shafts(BALLS)
    moved = type(geometry)(geometry.shape, geometry.affine + np.eye(4, k=3) * 100)
    one, two = (analyse(a_scan(hu, grid)) for grid in (geometry, moved))
    for a, b in zip(one.lesions, two.lesions, strict=True):
        assert b.size.volume_mm3.value == pytest.approx(a.size.volume_mm3.value)
        assert b.size.centroid_lps_mm[0] == pytest.approx(a.size.centroid_lps_mm[0] + 100)


def test_the_voltage_moves_the_threshold_with_the_calcium() -> None:
    """The same calcium at 80 kVp is 177 / 130 times as bright; its volume must not change."""
    geometry = centred_grid((24, 88, 112))
    volumes = []
    for kvp, ratio in ((120.0, 1.0), (80.0, 177 / 130)):
        hu = paint(body_hu(geometry), ball(geometry, FRONT, 6.0), 60 + 500 * ratio)
        (lesion,) = analyse(a_scan(hu, geometry, kvp=kvp)).lesions
        volumes.append(lesion.size.volume_mm3.value)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)


def test_the_same_scan_gives_the_same_analysis(baseline: Analysis) -> None:
    hu, geometry = baseline.scan.volume.hu, baseline.scan.volume.geometry
    again = analyse(a_scan(np.asarray(hu, dtype=float), geometry, date=TODAY))
    assert [one.size for one in again.lesions] == [one.size for one in baseline.lesions]
    assert [one.tracking_uid for one in again.lesions] == [one.tracking_uid for one in baseline.lesions]
    assert (again.skeleton.values == baseline.skeleton.values).all()


def test_tracking_uids_are_dicom_uids_of_scan_settings_and_number() -> None:
    one = tracking_uid("scan/settings", 1)
    assert one == tracking_uid("scan/settings", 1)
    assert len({one, tracking_uid("scan/settings", 2), tracking_uid("other/settings", 1)}) == 3
    assert one.startswith("2.25.")
    assert len(one) <= 64  # DICOM PS3.5, 9.1
    assert int(one.removeprefix("2.25.")) < 2**128


def test_the_settings_decide_and_are_recorded(baseline: Analysis) -> None:
    assert baseline.settings_sha256 == Settings().sha256()
    hu, geometry = pelvis_of_two_shafts(BALLS)
    high = Settings().with_(candidates={"seed_hu": 900, "edge_hu": 800})
    found = analyse(a_scan(hu, geometry), high)
    assert found.lesions == ()
    assert found.settings_sha256 == high.sha256()


def test_stages_are_told_in_order() -> None:
    told: list[str] = []
    hu, geometry = pelvis_of_two_shafts(BALLS)
    one = analyse(a_scan(hu, geometry), on_stage=told.append)
    compare([one, one], on_stage=told.append)
    assert told == [*STAGES, *COMPARE_STAGES]


def kinds(found: Comparison) -> list[str]:
    return sorted(track.kind for track in found.tracks)


def compared(*balls: dict[Float3, float]) -> Comparison:
    dates = [dt.date(2019 + n, 4, 11) for n in range(len(balls))]
    return compare([analysed(one, seed=n, date=dates[n]) for n, one in enumerate(balls)])


def test_a_scan_compared_with_itself_is_stable(baseline: Analysis) -> None:
    found = compare([baseline, baseline])
    assert set(kinds(found)) == {"stable"}
    assert found.responses[-1].category == "stable"
    assert found.burden_changes[0].change_mm3 == 0


def test_two_scans_of_the_same_calcium_are_stable() -> None:
    found = compared(BALLS, BALLS)  # under other noise
    assert kinds(found) == ["stable", "stable"]
    assert found.responses[-1].category == "stable"


def test_all_gone_is_complete_resolution_and_backwards_progression() -> None:
    there, gone = analysed(BALLS), analysed({}, seed=2)
    forward, backward = compare([there, gone]), compare([gone, there])
    assert (kinds(forward), forward.responses[-1].category) == (["resolved"] * 2, "complete_resolution")
    assert (kinds(backward), backward.responses[-1].category) == (["new"] * 2, "progression")


def test_less_is_partial_response_and_more_progression() -> None:
    assert compared(BALLS, {BACK: 4.0}).responses[-1].category == "partial_response"
    assert compared({BACK: 4.0}, {BACK: 7.0}).responses[-1].category == "progression"


def test_what_a_shorter_scan_does_not_show_is_not_resolved(comparison: Comparison) -> None:
    """The third scan ends at z = 4 mm; the lesion in front lay at 2 ± 5 mm."""
    front = next(track for track in comparison.tracks if track.volume_mm3[1] and not track.lesion_ids[1])
    assert front.evaluable[1:] == (True, False)
    assert comparison.responses[-1].category == "not_evaluable"


def test_days_are_counted_from_the_first_date(comparison: Comparison) -> None:
    assert [point.days_from_first for point in comparison.time_points] == [0, 334, 699]


def test_one_scan_is_no_comparison(baseline: Analysis) -> None:
    with pytest.raises(UsageError):
        compare([baseline])


def shifted(hu: Values, voxels: int) -> Values:
    return np.roll(hu, voxels, axis=2)


def test_a_patient_who_lies_elsewhere_is_followed_through_the_bones() -> None:
    hu, geometry = pelvis_of_two_shafts(BALLS, shape=(24, 88, 140))
    one = analyse(a_scan(hu, geometry))
    two = analyse(a_scan(shifted(hu, 14), geometry))
    assert kinds(compare([one, two])) == ["stable", "stable"]


def test_no_voxel_is_lesion_and_bone() -> None:
    touching = analysed({(-24.0, 16.0, 0.0): 7.0})
    lesion = touching.lesion_labels().values > 0
    assert lesion.any()
    assert not (lesion & (touching.skeleton.values > 0)).any()
