"""Volumes and diameters against geometry and the IBSI consensus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import PlanarAxes, Size
from pipeline.steps.size import measure_size
from tests.builders import ball, boxed, centred_grid, ellipsoid

PLANES = ("axial", "coronal", "sagittal")


def axes_of(size: Size) -> dict[str, PlanarAxes]:
    return {plane: getattr(size, plane) for plane in PLANES}


@pytest.fixture(scope="module")
def ibsi(ibsi_phantom: Path) -> Size:
    image = sitk.ReadImage(str(ibsi_phantom / "mask_mask.nii.gz"))
    voxels = sitk.GetArrayFromImage(image) == 1
    geometry = Geometry.from_spacing(voxels.shape, spacing_mm=image.GetSpacing()[::-1])
    return measure_size(boxed(voxels, geometry))


# Values and tolerances: IBSI reference manual, tables of benchmark values for the digital phantom.
def test_ibsi_voxel_volume(ibsi: Size) -> None:
    assert ibsi.voxel_volume_mm3 == pytest.approx(592, abs=4)


def test_ibsi_mesh_volume(ibsi: Size) -> None:
    assert ibsi.mesh_volume_mm3 == pytest.approx(556, abs=4)


def test_ibsi_maximum_3d_diameter(ibsi: Size) -> None:
    assert ibsi.diameter_3d_mm == pytest.approx(13.1, abs=0.1)


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.7, 0.7), (3.0, 0.75, 0.75), (5.0, 1.0, 1.0)])
def test_sphere_volume_is_four_thirds_pi_r_cubed(spacing_mm: tuple[float, float, float]) -> None:
    shape = tuple(int(34 / step) for step in spacing_mm)
    geometry = centred_grid((shape[0], shape[1], shape[2]), spacing_mm)
    size = measure_size(boxed(ball(geometry, (0.3, -0.2, 0.4), 12.0) < 0, geometry))
    truth_mm3 = 4 / 3 * np.pi * 12.0**3
    # Sum of slices h apart, instead of the integral: by Euler-Maclaurin off by at most
    # h² / 6 times the slope of the area at the poles, 2 pi r; pixels in the slices add 0.4 %.
    tolerance_mm3 = spacing_mm[0] ** 2 / 6 * 2 * np.pi * 12.0 + 0.004 * truth_mm3
    assert size.volume_mm3.value == pytest.approx(truth_mm3, abs=tolerance_mm3)
    assert size.voxel_volume_mm3 == size.volume_mm3.value
    assert size.mesh_volume_mm3 == pytest.approx(truth_mm3, abs=tolerance_mm3 + 0.02 * truth_mm3)
    assert size.diameter_3d_mm == pytest.approx(24.0, abs=float(np.linalg.norm(spacing_mm)))
    assert size.centroid_lps_mm == pytest.approx((0.3, -0.2, 0.4), abs=max(spacing_mm) / 5)


def test_unknown_limits_of_a_volume_are_none() -> None:
    geometry = centred_grid((9, 9, 9), (1, 1, 1))
    size = measure_size(boxed(ball(geometry, (0, 0, 0), 3.0) < 0, geometry))
    assert (size.volume_mm3.lower, size.volume_mm3.upper) == (None, None)


@pytest.mark.parametrize("spacing_mm", [(0.5, 0.5, 0.5), (3.0, 0.6, 0.6), (5.0, 0.7, 0.7), (6.0, 1.0, 1.0)])
def test_an_ellipsoid_has_its_two_axes_in_every_plane(spacing_mm: tuple[float, float, float]) -> None:
    half = {"x": 16.0, "y": 9.0, "z": 24.0}
    k, j, i = (int(2 * half[a] / step) + 3 for a, step in zip("zyx", spacing_mm, strict=True))
    geometry = centred_grid((k, j, i), spacing_mm)
    size = measure_size(boxed(ellipsoid(geometry, (0, 0, 0), (16.0, 9.0, 24.0)), geometry))
    steps = dict(zip("zyx", spacing_mm, strict=True))
    for plane, (a, b) in {"axial": "xy", "coronal": "zx", "sagittal": "zy"}.items():
        axes = axes_of(size)[plane]
        # the border lies within half a voxel of the surface at either end
        assert axes.long_axis_mm == pytest.approx(2 * half[a], abs=steps[a] + steps[b]), plane
        assert axes.short_axis_mm == pytest.approx(2 * half[b], abs=steps[a] + steps[b]), plane


@pytest.mark.parametrize("thickness_mm", [1.0, 3.0, 4.9, 5.0, 8.0])
def test_a_block_of_thick_slices_is_as_wide_as_it_is(thickness_mm: float) -> None:
    geometry = centred_grid((12, 30, 30), (thickness_mm, 1.0, 1.0))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[2:10, 10:16, 8:20] = True  # 8 slices high, 6 mm deep, 12 mm wide
    size = measure_size(boxed(voxels, geometry))
    height = 8 * thickness_mm
    for plane, across in (("coronal", 12.0), ("sagittal", 6.0)):
        axes = axes_of(size)[plane]
        # A rectangle a x b has a diagonal of hypot(a, b), and across it the longest chord is
        # min over the sides: s * hypot / l with s the short side, l the long one.
        long, short = max(height, across), min(height, across)
        diagonal = float(np.hypot(long, short))
        # the corner voxels are cut off by half of each spacing
        assert axes.long_axis_mm == pytest.approx(diagonal, abs=thickness_mm / 2 + 0.5), plane
        assert axes.short_axis_mm == pytest.approx(short * diagonal / long, abs=1.0), plane


def random_blob(seed: int, spacing_mm: tuple[float, float, float]) -> BoxedMask:
    """A ball with bites taken out of it."""
    random = np.random.default_rng(seed)
    geometry = centred_grid((14, 22, 22), spacing_mm)
    voxels = ball(geometry, (0, 0, 0), 8.0) < 0
    for _ in range(3):
        x, y, z = random.uniform(-8, 8, 3)
        voxels &= ball(geometry, (float(x), float(y), float(z)), float(random.uniform(2, 5))) > 0
    return boxed(voxels, geometry)


@given(st.integers(0, 1000), st.sampled_from([(1.0, 1.0, 1.0), (1.5, 0.8, 0.8), (5.0, 1.0, 1.0)]))
def test_axes_are_the_distances_of_their_ends_and_cross_at_right_angles(
    seed: int, spacing_mm: tuple[float, float, float]
) -> None:
    mask = random_blob(seed, spacing_mm)
    across = {"axial": 2, "coronal": 1, "sagittal": 0}
    for plane, axes in axes_of(measure_size(mask)).items():
        a, b = np.array(axes.long_axis_points_lps_mm)
        c, d = np.array(axes.short_axis_points_lps_mm)
        assert np.linalg.norm(b - a) == pytest.approx(axes.long_axis_mm, abs=1e-9)
        assert np.linalg.norm(d - c) == pytest.approx(axes.short_axis_mm, abs=1e-9)
        assert (b - a) @ (d - c) == pytest.approx(0, abs=1e-6)
        assert axes.short_axis_mm <= axes.long_axis_mm + 1e-9
        for point in (a, b, c, d):
            assert point[across[plane]] == pytest.approx(axes.position_mm)


def border_mm(plane: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Middles of all faces between a set and an unset pixel."""
    padded = np.pad(plane, 1)
    found = []
    for axis in (0, 1):
        along = np.moveaxis(padded, axis, 0)
        index = np.argwhere(along[1:] != along[:-1]).astype(float)
        index[:, 0] += 0.5
        found.append(index if axis == 0 else index[:, ::-1])
    return np.asarray(np.concatenate(found) * spacing_mm)


@given(st.integers(0, 1000), st.sampled_from([(1.0, 1.0, 1.0), (3.0, 0.8, 0.6)]))
def test_the_long_axis_is_the_largest_distance_between_border_points_of_any_slice(
    seed: int, spacing_mm: tuple[float, float, float]
) -> None:
    mask = random_blob(seed, spacing_mm)
    for axis, (plane, axes) in enumerate(axes_of(measure_size(mask)).items()):
        spacing = tuple(np.delete(spacing_mm, axis))
        slices = np.moveaxis(mask.voxels, axis, 0)
        brute = max(pdist(border_mm(one, spacing)).max() for one in slices if one.any())
        assert axes.long_axis_mm == pytest.approx(brute, abs=1e-9), plane


def polygon_chord_mm(corners: NDArray[np.float64], along: NDArray[np.float64]) -> float:
    """Longest chord of a convex polygon across a direction, by clipping it at 2000 places."""
    across = np.array([-along[1], along[0]])
    best = 0.0
    for place in np.linspace((corners @ along).min(), (corners @ along).max(), 2001):
        at = []
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            p, q = a @ along, b @ along
            if p != q and min(p, q) <= place <= max(p, q):
                at.append((a + (place - p) / (q - p) * (b - a)) @ across)
        best = max(best, max(at) - min(at))
    return best


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.6, 2.5), (7.0, 0.9)])
@pytest.mark.parametrize(("rows", "columns"), [(4, 11), (9, 9), (14, 3)])
def test_the_short_axis_of_a_block_is_the_longest_chord_of_its_outline(
    spacing_mm: tuple[float, float], rows: int, columns: int
) -> None:
    geometry = centred_grid((3, 20, 20), (1.0, *spacing_mm))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[1, 2 : 2 + rows, 3 : 3 + columns] = True
    axes = measure_size(boxed(voxels, geometry)).axial
    # The border runs through face middles: a rectangle with its corners cut by half a pixel.
    h, w = rows / 2, columns / 2
    octagon = [(-h, 0.5 - w), (0.5 - h, -w), (h - 0.5, -w), (h, 0.5 - w)]
    octagon += [(-a, -b) for a, b in octagon]
    corners = np.array(octagon) * spacing_mm
    ends = np.array(axes.long_axis_points_lps_mm)[:, [1, 0]]
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    assert axes.long_axis_mm == pytest.approx(pdist(corners).max())
    step_mm = axes.long_axis_mm / 2000 * max(spacing_mm) / min(spacing_mm)  # of the reference
    assert axes.short_axis_mm == pytest.approx(polygon_chord_mm(corners, along), abs=2 * step_mm)


def test_one_voxel_is_as_long_and_wide_as_its_spacing() -> None:
    geometry = centred_grid((5, 5, 5), (3.0, 0.5, 1.0))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[2, 2, 2] = True
    size = measure_size(boxed(voxels, geometry))
    assert size.voxel_volume_mm3 == pytest.approx(1.5)
    assert size.mesh_volume_mm3 == pytest.approx(1.5 / 6)  # an octahedron between the face centres
    assert size.extent_mm == pytest.approx((1.0, 0.5, 3.0))
    assert size.diameter_3d_mm == pytest.approx(3.0)
    assert size.centroid_lps_mm == pytest.approx((0, 0, 0))
    assert size.axial.long_axis_mm == pytest.approx(1.0)
    assert size.coronal.long_axis_mm == pytest.approx(3.0)
    assert size.sagittal.long_axis_mm == pytest.approx(3.0)
    assert size.axial.short_axis_mm == pytest.approx(0.5)
    assert size.coronal.short_axis_mm == pytest.approx(1.0)
    assert size.sagittal.short_axis_mm == pytest.approx(0.5)


def test_a_plate_one_voxel_thick_is_measured_in_all_planes() -> None:
    geometry = centred_grid((5, 30, 30), (2.0, 1.0, 1.0))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[2, 5:25, 5:25] = True
    size = measure_size(boxed(voxels, geometry))
    assert size.extent_mm == pytest.approx((20, 20, 2))
    assert size.axial.long_axis_mm == pytest.approx(20 * np.sqrt(2), abs=1.0)  # corners cut by half a voxel
    for axes in (size.coronal, size.sagittal):
        assert axes.long_axis_mm == pytest.approx(20.0)
        assert axes.short_axis_mm == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("angle_deg", [20.0, 45.0, 70.0])
def test_an_oblique_line_is_long_and_thin(angle_deg: float) -> None:
    geometry = centred_grid((3, 80, 80), (1.0, 0.5, 0.5))
    angle = np.deg2rad(angle_deg)
    y, x = (np.arange(80) - 39.5) * 0.5, (np.arange(80)[:, None] - 39.5) * 0.5
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[1] = (np.abs(along) <= 15.0) & (np.abs(across) <= 1.0)
    axes = measure_size(boxed(voxels, geometry)).axial
    assert axes.long_axis_mm == pytest.approx(30.07, abs=0.7)  # hypot(30, 2); a voxel is 0.7 mm across
    # the diagonal leans by 3.8 degrees, the border steps by half a voxel on both sides
    assert axes.short_axis_mm == pytest.approx(2.0, abs=0.75)


def test_two_fragments_are_spanned_by_one_long_axis() -> None:
    geometry = centred_grid((3, 20, 40), (1.0, 1.0, 1.0))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[1, 8:12, 2:8] = voxels[1, 8:12, 30:36] = True  # 4 mm wide, from 2 to 36 mm
    axes = measure_size(boxed(voxels, geometry)).axial
    assert axes.long_axis_mm == pytest.approx(np.hypot(34, 3), abs=0.5)
    assert axes.short_axis_mm == pytest.approx(4.0, abs=0.75)  # the axis leans by 5 degrees


def test_fragments_that_share_no_slice_have_one_3d_diameter() -> None:
    geometry = centred_grid((20, 9, 9), (1.0, 1.0, 1.0))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[2:4, 3:6, 3:6] = voxels[15:17, 3:6, 3:6] = True
    size = measure_size(boxed(voxels, geometry))
    assert size.diameter_3d_mm == pytest.approx(np.sqrt(15**2 + 2 * 2**2), abs=0.5)
    assert size.axial.long_axis_mm <= np.hypot(3, 3)


def test_sizes_do_not_depend_on_where_the_grid_lies_or_how_it_is_turned() -> None:
    straight = centred_grid((14, 22, 22), (1.5, 0.8, 0.8))
    voxels = ellipsoid(straight, (0, 0, 0), (7.0, 4.0, 9.0))
    angle = np.deg2rad(20)
    turned = straight.affine.copy()
    rotation = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    turned[:3, :3] = np.array(rotation) @ turned[:3, :3]
    turned[:3, 3] += (100, -50, 700)
    one = measure_size(boxed(voxels, straight))
    two = measure_size(boxed(voxels, Geometry(straight.shape, turned)))
    assert two.volume_mm3.value == pytest.approx(one.volume_mm3.value)
    assert two.mesh_volume_mm3 == pytest.approx(one.mesh_volume_mm3)
    assert two.diameter_3d_mm == pytest.approx(one.diameter_3d_mm)
    for plane in PLANES:
        assert axes_of(two)[plane].long_axis_mm == pytest.approx(axes_of(one)[plane].long_axis_mm)
        assert axes_of(two)[plane].short_axis_mm == pytest.approx(axes_of(one)[plane].short_axis_mm)


def test_a_larger_box_changes_nothing() -> None:
    mask = random_blob(3, (1.0, 1.0, 1.0))
    assert measure_size(mask.padded((2, 2, 2))) == measure_size(mask)
