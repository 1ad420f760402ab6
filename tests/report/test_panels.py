from __future__ import annotations

import numpy as np
import pytest

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3, Geometry
from pipeline.report.panels import (
    AXIAL,
    CORONAL,
    PLANES,
    SAGITTAL,
    Plane,
    orient,
    pull_inside,
    view_of_all,
    view_through,
)
from tests.report.balls import ball

MIDDLE_LPS_MM = (1.0, 2.0, 3.0)


def grid(*, spacing_mm: Float3 = (2.0, 1.0, 1.0)) -> Geometry:
    return Geometry.from_spacing((21, 31, 41), spacing_mm=spacing_mm, origin_lps_mm=(-20.0, -15.0, -20.0))


def turned_grid() -> Geometry:
    """The same place with every axis running the other way."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, :3] = np.array([[0, 0, -1.0], [0, -1.0, 0], [-2.0, 0, 0]])
    affine[:3, 3] = (20.0, 15.0, 20.0)
    return Geometry((21, 31, 41), affine)


def brightest_share(pixels: np.ndarray) -> tuple[float, float]:
    """(from the left, from the top) of the brightest pixel, 0 to 1."""
    row, column = np.unravel_index(int(pixels.argmax()), pixels.shape)
    return column / (pixels.shape[1] - 1), row / (pixels.shape[0] - 1)


def marker(geometry: Geometry, place_lps_mm: Float3) -> np.ndarray:
    hu = np.zeros(geometry.shape, dtype=np.int16)
    k, j, i = np.rint(geometry.to_index(place_lps_mm)).astype(int)
    hu[k, j, i] = 1000
    return hu


@pytest.mark.parametrize("geometry", [grid(), turned_grid()], ids=["canonical", "turned"])
@pytest.mark.parametrize(
    ("plane", "place_lps_mm", "from_left", "from_top"),
    [
        (AXIAL, (-10.0, 0.0, 0.0), "left", "middle"),  # the patient's right
        (AXIAL, (0.0, -10.0, 0.0), "middle", "top"),  # the front
        (CORONAL, (-10.0, 0.0, 0.0), "left", "middle"),  # the patient's right
        (CORONAL, (0.0, 0.0, 10.0), "middle", "top"),  # the head
        (SAGITTAL, (0.0, -10.0, 0.0), "left", "middle"),  # the front
        (SAGITTAL, (0.0, 0.0, 10.0), "middle", "top"),  # the head
    ],
)
def test_marker_is_drawn_on_the_side_where_a_radiologist_expects_it(
    geometry: Geometry, plane: Plane, place_lps_mm: Float3, from_left: str, from_top: str
) -> None:
    share = {"left": (0.0, 0.4), "top": (0.0, 0.4), "middle": (0.45, 0.55)}
    view = view_through(geometry, plane, place_lps_mm, middle_lps_mm=(0.0, 0.0, 0.0), half_mm=100.0)
    found = view.picture(marker(geometry, place_lps_mm))
    assert found is not None
    left, top = brightest_share(found[0])
    assert share[from_left][0] <= left <= share[from_left][1]
    assert share[from_top][0] <= top <= share[from_top][1]


@pytest.mark.parametrize("geometry", [grid(), turned_grid()], ids=["canonical", "turned"])
@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_points_and_pixels_of_one_place_meet_in_the_panel(geometry: Geometry, plane: Plane) -> None:
    place = (7.0, -6.0, 8.0)
    view = view_through(geometry, plane, place, middle_lps_mm=MIDDLE_LPS_MM, half_mm=30.0)
    found = view.picture(marker(geometry, place))
    assert found is not None
    pixels, (left, right, bottom, top) = found
    row, column = np.unravel_index(int(pixels.argmax()), pixels.shape)
    seen = (
        left + (column + 0.5) / pixels.shape[1] * (right - left),
        top - (row + 0.5) / pixels.shape[0] * (top - bottom),
    )
    assert view.to_panel_mm(place) == pytest.approx(seen, abs=1e-9)


def test_first_column_of_a_coronal_picture_is_the_patients_right(one_ball: Analysis) -> None:
    hu, geometry = one_ball.scan.volume.hu, one_ball.geometry
    drawn = orient(hu.max(axis=CORONAL.axis), geometry, CORONAL)
    assert drawn[:, : drawn.shape[1] // 2].max() == 700
    assert drawn[:, drawn.shape[1] // 2 :].max() < 700


@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_ball_in_thick_slices_is_as_wide_as_high(plane: Plane) -> None:
    geometry = Geometry.from_spacing(
        (41, 121, 121), spacing_mm=(3.0, 1.0, 1.0), origin_lps_mm=(-60, -60, -60)
    )
    mask = ball(geometry, (0.0, 0.0, 0.0), 30.0)
    view = view_through(geometry, plane, (0, 0, 0), middle_lps_mm=(0, 0, 0), half_mm=60.0)
    section = view.section(mask)
    assert section is not None
    width, height = np.ptp(section.corners_mm(), axis=0)
    assert width == pytest.approx(60.0, abs=3.0)  # one slice
    assert height == pytest.approx(60.0, abs=3.0)


def test_section_is_none_where_the_slice_misses_the_mask() -> None:
    mask = ball(grid(), (0.0, 0.0, 0.0), 4.0)
    view = view_through(grid(), AXIAL, (0.0, 0.0, 15.0), middle_lps_mm=(0, 0, 0), half_mm=30.0)
    assert view.section(mask) is None


def test_picture_is_none_where_the_scan_ends_before_the_window() -> None:
    view = view_through(grid(), AXIAL, (0, 0, 0), middle_lps_mm=(500.0, 0.0, 0.0), half_mm=30.0)
    assert view.picture(np.zeros(grid().shape, dtype=np.int16)) is None


def test_view_of_all_ends_at_the_outer_faces_of_the_scan() -> None:
    assert view_of_all(grid(), CORONAL).borders_mm() == pytest.approx((-20.5, 20.5, -21.0, 21.0))


def test_pulling_inside_never_moves_a_cube_that_lies_in_the_scan() -> None:
    inside = (3.0, 2.0, 1.0)
    assert pull_inside(grid(), inside, half_mm=8.0, most_mm=50.0) == pytest.approx(inside)


def test_pulling_inside_stops_at_the_border_of_the_scan() -> None:
    moved = pull_inside(grid(), (-20.0, 0.0, 0.0), half_mm=10.0, most_mm=50.0)
    assert moved == pytest.approx((-10.5, 0.0, 0.0))
