from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

import pipeline as cc
from pipeline.domain.geometry import Geometry
from tests.builders import ball, body_hu, centred_grid, ct, paint

SPACING_MM = (3.0, 1.5, 1.0)
ORIGIN_MM = (-40.0, 12.5, -301.0)
TURN_DEG = 20.0


@pytest.fixture(scope="module")
def picture() -> tuple[NDArray[np.int16], Geometry]:
    """A body of muscle and fat with one dense ball, off the middle along all axes."""
    geometry = centred_grid((12, 40, 60), SPACING_MM)
    hu = paint(body_hu(geometry), ball(geometry, (9.0, -7.0, 6.0), 4.0), 700.0)
    volume = ct(hu, geometry)
    return np.asarray(volume.hu, dtype=np.int16), geometry


def middle_of_the_ball_mm(hu: NDArray[Any], geometry: Geometry) -> NDArray[np.float64]:
    return geometry.to_lps_mm(np.argwhere(hu > 350).mean(axis=0))


def turned(degrees: float) -> NDArray[np.float64]:
    """Directions about the long axis of the body."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[0.0, -s, c], [0.0, c, s], [1.0, 0.0, 0.0]])


def test_an_array_is_taken_as_it_is(picture: tuple[NDArray[np.int16], Geometry]) -> None:
    hu, _ = picture
    scan = cc.from_array(hu, SPACING_MM, origin_lps_mm=ORIGIN_MM)
    assert np.array_equal(scan.volume.hu, hu)
    assert scan.volume.hu.dtype == np.int16
    assert scan.volume.geometry.spacing_mm == pytest.approx(SPACING_MM)
    assert scan.volume.geometry.affine[:3, 3] == pytest.approx(ORIGIN_MM)
    assert {flag.code for flag in scan.flags} == {"NIFTI_NO_ACQUISITION"}
    assert scan.acquisition.input_sha256 is not None


def test_nobody_can_change_a_scan_through_the_array(picture: tuple[NDArray[np.int16], Geometry]) -> None:
    own = picture[0].copy()
    scan = cc.from_array(own, SPACING_MM)
    own[:] = 0
    assert np.array_equal(scan.volume.hu, picture[0])


def test_what_is_known_of_the_scan_stays_with_it(picture: tuple[NDArray[np.int16], Geometry]) -> None:
    known = cc.Acquisition(kvp=100.0, slice_thickness_mm=3.0)
    scan = cc.from_array(picture[0], SPACING_MM, acquisition=known)
    assert (scan.acquisition.kvp, scan.flags) == (100.0, ())


def test_an_array_that_runs_down_and_to_the_right_shows_the_same_place(
    picture: tuple[NDArray[np.int16], Geometry],
) -> None:
    hu, geometry = picture
    last = geometry.to_lps_mm([hu.shape[0] - 1, 0, hu.shape[2] - 1])
    directions = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    x, y, z = last
    scan = cc.from_array(hu[::-1, :, ::-1], SPACING_MM, origin_lps_mm=(x, y, z), directions=directions)
    assert np.array_equal(scan.volume.hu, hu)
    assert scan.volume.geometry.is_close(geometry)


def test_a_turned_array_keeps_its_directions(picture: tuple[NDArray[np.int16], Geometry]) -> None:
    hu, _ = picture
    scan = cc.from_array(hu, SPACING_MM, directions=turned(TURN_DEG))
    assert scan.volume.geometry.directions == pytest.approx(turned(TURN_DEG))
    assert np.array_equal(scan.volume.hu, hu)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"spacing_mm": (3.0, 0.0, 1.0)}, "BAD_GEOMETRY"),
        ({"spacing_mm": (3.0, float("nan"), 1.0)}, "BAD_GEOMETRY"),
        ({"spacing_mm": (3.0, 1.0)}, "BAD_GEOMETRY"),
        ({"directions": [[0, 0, 1], [0, 1, 0], [1, 0.2, 0]]}, "BAD_GEOMETRY"),
        ({"directions": np.eye(3) * 2}, "BAD_GEOMETRY"),
        ({"hu": np.zeros((4, 4))}, "NOT_A_VOLUME"),
        ({"hu": np.full((4, 40, 60), np.nan)}, "HU_IMPLAUSIBLE"),
    ],
)
def test_an_array_without_a_sure_place_or_without_hu_is_refused(
    picture: tuple[NDArray[np.int16], Geometry], changes: dict[str, Any], code: str
) -> None:
    given: dict[str, Any] = {"hu": picture[0], "spacing_mm": SPACING_MM} | changes
    with pytest.raises(cc.InputRefused) as refused:
        cc.from_array(given.pop("hu"), given.pop("spacing_mm"), **given)
    assert refused.value.code == code


@pytest.mark.parametrize("degrees", [0.0, TURN_DEG])
def test_a_scan_goes_to_simpleitk_and_back_without_change(
    picture: tuple[NDArray[np.int16], Geometry], degrees: float
) -> None:
    scan = cc.from_array(picture[0], SPACING_MM, origin_lps_mm=ORIGIN_MM, directions=turned(degrees))
    back = cc.from_sitk(scan.to_sitk())
    assert np.array_equal(back.volume.hu, scan.volume.hu)
    assert back.volume.hu.dtype == scan.volume.hu.dtype
    assert back.volume.geometry.is_close(scan.volume.geometry, tolerance_mm=1e-9)


@pytest.mark.parametrize("order", ["LPS", "RAS", "RPI", "ASL", "SRP"])
def test_every_orientation_of_an_image_shows_the_ball_where_simpleitk_has_it(
    picture: tuple[NDArray[np.int16], Geometry], order: str
) -> None:
    scan = cc.from_array(picture[0], SPACING_MM, origin_lps_mm=ORIGIN_MM)
    image: Any = sitk.DICOMOrient(scan.to_sitk(), order)
    index = np.argwhere(sitk.GetArrayFromImage(image) > 350).mean(axis=0)[::-1]
    there = image.TransformContinuousIndexToPhysicalPoint(index.tolist())
    again = cc.from_sitk(image)
    assert middle_of_the_ball_mm(np.asarray(again.volume.hu), again.volume.geometry) == pytest.approx(there)
    assert np.array_equal(again.volume.hu, scan.volume.hu)


def test_an_image_of_two_axes_or_of_colours_is_refused() -> None:
    for image in (sitk.Image(8, 8, sitk.sitkInt16), sitk.Image([8, 8, 8], sitk.sitkVectorUInt8, 3)):
        with pytest.raises(cc.InputRefused, match="NOT_A_VOLUME"):
            cc.from_sitk(image)


def test_masks_lie_on_the_scan_in_simpleitk(baseline: cc.Analysis) -> None:
    scan: Any = baseline.scan.to_sitk()
    statistics: Any = sitk.LabelShapeStatisticsImageFilter()
    for image in (baseline.lesions_sitk(), baseline.excluded_sitk(), baseline.skeleton_sitk()):
        assert image.GetSize() == scan.GetSize()
        assert image.GetOrigin() == pytest.approx(scan.GetOrigin())
        assert image.GetDirection() == pytest.approx(scan.GetDirection())
    statistics.Execute(baseline.lesions_sitk())
    for lesion in baseline.lesions:
        assert statistics.GetPhysicalSize(lesion.id) == pytest.approx(lesion.size.voxel_volume_mm3)
        assert statistics.GetCentroid(lesion.id) == pytest.approx(lesion.size.centroid_lps_mm, abs=1e-6)


def test_outlines_that_are_given_back_unchanged_change_nothing(baseline: cc.Analysis) -> None:
    scan = baseline.scan
    for labels in (baseline.lesion_labels().values, baseline.lesions_sitk()):
        again = cc.analyse(scan, outlines=cc.outlines_from(labels, scan))
        assert again.edits == ()
        assert [one.size for one in again.lesions] == [one.size for one in baseline.lesions]


def test_outlines_on_another_grid_are_refused(baseline: cc.Analysis) -> None:
    image: Any = baseline.lesions_sitk()
    image.SetOrigin([x + 1.0 for x in image.GetOrigin()])
    for labels in (image, baseline.lesion_labels().values[1:]):
        with pytest.raises(cc.InputRefused, match="LESIONS_GRID"):
            cc.outlines_from(labels, baseline.scan)


def test_no_outline_at_all_is_refused(baseline: cc.Analysis) -> None:
    empty = np.zeros(baseline.geometry.shape, dtype=np.uint8)
    with pytest.raises(cc.InputRefused, match="LESIONS_EMPTY"):
        cc.outlines_from(empty, baseline.scan)


def test_bones_that_are_given_as_labels_are_the_bones(baseline: cc.Analysis) -> None:
    anatomy = cc.anatomy_from_labels(baseline.skeleton.values, baseline.skeleton.names, baseline.scan)
    own = cc.analyse(baseline.scan, anatomy=anatomy)
    assert "ANATOMY_GIVEN" in {flag.code for flag in own.flags}
    with pytest.raises(cc.InputRefused, match="ANATOMY_MISMATCH"):
        cc.anatomy_from_labels(baseline.skeleton.values[1:], baseline.skeleton.names, baseline.scan)
    with pytest.raises(cc.InputRefused, match="ANATOMY_NAMES"):
        cc.anatomy_from_labels(baseline.skeleton.values, {8: "nonsense"}, baseline.scan)
