"""Grids in patient space, and transforms between positions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pipeline.domain.geometry import Geometry, RigidTransform, box_within, frozen_array, grow_box
from pipeline.errors import GeometryError

MM = 1e-9
"""Double precision at 1000 mm, with room for a few operations."""


@st.composite
def rotations(draw: st.DrawFn) -> NDArray[np.float64]:
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    return Rotation.from_euler("xyz", angles, degrees=True).as_matrix()


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    spacing = draw(st.tuples(*[st.floats(0.2, 8)] * 3))
    affine = np.eye(4)
    affine[:3, :3] = draw(rotations()) * spacing
    affine[:3, 3] = draw(st.tuples(*[st.floats(-1000, 1000)] * 3))
    return Geometry(draw(st.tuples(*[st.integers(1, 9)] * 3)), affine)


@st.composite
def transforms(draw: st.DrawFn) -> RigidTransform:
    shift = np.array(draw(st.tuples(*[st.floats(-300, 300)] * 3)))
    return RigidTransform(draw(rotations()), shift, draw(st.floats(0.8, 1.25)))


points = hnp.arrays(np.float64, (4, 3), elements=st.floats(-500, 500))


@given(geometries(), points)
def test_to_index_undoes_to_lps(geometry: Geometry, index: NDArray[np.float64]) -> None:
    assert np.allclose(geometry.to_index(geometry.to_lps_mm(index)), index, atol=1e-6)


def test_axial_grid_runs_to_head_back_and_left() -> None:
    geometry = Geometry.from_spacing((4, 5, 6), spacing_mm=(3.0, 0.5, 0.7), origin_lps_mm=(10, 20, 30))
    assert geometry.to_lps_mm([0, 0, 0]).tolist() == [10, 20, 30]
    assert geometry.to_lps_mm([1, 2, 3]) == pytest.approx([10 + 2.1, 20 + 1.0, 30 + 3.0])
    assert geometry.spacing_mm == pytest.approx((3.0, 0.5, 0.7))
    assert geometry.voxel_volume_mm3 == pytest.approx(1.05)


@given(geometries())
def test_spacing_and_volume_do_not_depend_on_the_direction_of_the_axes(geometry: Geometry) -> None:
    assert np.allclose(geometry.directions.T @ geometry.directions, np.eye(3), atol=1e-9)
    assert geometry.voxel_volume_mm3 == pytest.approx(np.prod(geometry.spacing_mm))


@given(geometries(), st.data())
def test_a_crop_leaves_every_voxel_where_it_was(geometry: Geometry, data: st.DataObject) -> None:
    starts = [data.draw(st.integers(0, n - 1)) for n in geometry.shape]
    stops = [data.draw(st.integers(a + 1, n)) for a, n in zip(starts, geometry.shape, strict=True)]
    k, j, i = (slice(a, b) for a, b in zip(starts, stops, strict=True))
    crop = geometry.crop((k, j, i))
    assert crop.shape == tuple(np.subtract(stops, starts))
    assert np.allclose(crop.to_lps_mm([0, 0, 0]), geometry.to_lps_mm(starts), atol=MM * 1000)
    last = np.subtract(crop.shape, 1)
    assert np.allclose(crop.to_lps_mm(last), geometry.to_lps_mm(np.subtract(stops, 1)), atol=MM * 1000)


@given(geometries(), st.tuples(*[st.integers(1, 4)] * 3))
def test_a_coarse_voxel_lies_in_the_middle_of_its_block(
    geometry: Geometry, steps: tuple[int, int, int]
) -> None:
    coarse = geometry.coarsen(steps)
    assert coarse.shape == tuple(-(-n // step) for n, step in zip(geometry.shape, steps, strict=True))
    block = np.stack(np.meshgrid(*[np.arange(n) for n in steps]), -1).reshape(-1, 3) + steps
    assert np.allclose(coarse.to_lps_mm([1, 1, 1]), geometry.to_lps_mm(block).mean(0), atol=1e-9 * 1000)
    assert coarse.spacing_mm == pytest.approx(np.multiply(geometry.spacing_mm, steps))


def test_bounds_reach_the_outer_faces() -> None:
    geometry = Geometry.from_spacing((4, 5, 6), spacing_mm=(3.0, 0.5, 2.0))
    assert geometry.bounds_lps_mm().tolist() == [[-1, -0.25, -1.5], [11, 2.25, 10.5]]


def test_a_grid_is_close_to_itself_moved_by_less_than_the_tolerance_only() -> None:
    one, near, far = (
        Geometry.from_spacing((4, 5, 6), spacing_mm=(1, 1, 1), origin_lps_mm=(x, 0, 0))
        for x in (0, 5e-4, 5e-3)
    )
    assert one.is_close(near)
    assert not one.is_close(far)
    assert not one.is_close(Geometry.from_spacing((4, 5, 7), spacing_mm=(1, 1, 1)))


def sheared(cosine: float) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[0, 1], affine[1, 1] = cosine, np.sqrt(1 - cosine**2)
    return affine


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((3, 3, 3), np.full((4, 4), np.nan)),
        ((3, 3, 3), np.diag([1.0, 1.0, np.inf, 1.0])),
        ((3, 3, 3), np.diag([1.0, 0.0, 1.0, 1.0])),
        ((3, 3, 3), np.eye(3)),
        ((3, 3, 3), sheared(0.01)),
        ((3, 0, 3), np.eye(4)),
        ((3, 3), np.eye(4)),
    ],
    ids=["nan", "infinite", "flat", "3x3", "sheared", "empty", "two axes"],
)
def test_a_grid_that_cannot_be_trusted_is_refused(
    shape: tuple[int, int, int], affine: NDArray[np.float64]
) -> None:
    with pytest.raises(GeometryError) as caught:
        Geometry(shape, affine)
    assert caught.value.code == "BAD_GEOMETRY"


def test_axes_as_skew_as_dicom_rounds_them_are_accepted() -> None:
    assert Geometry((3, 3, 3), sheared(1e-5)).spacing_mm == pytest.approx((1, 1, 1))


def test_a_crop_of_nothing_is_refused() -> None:
    geometry = Geometry.from_spacing((4, 5, 6), spacing_mm=(1, 1, 1))
    with pytest.raises(GeometryError):
        geometry.crop((slice(2, 2), slice(0, 5), slice(0, 6)))


def test_a_grown_box_stops_at_the_edge_of_the_grid() -> None:
    box = (slice(1, 3), slice(4, 5), slice(2, 4))
    assert grow_box(box, (2, 1, 1), (8, 5, 9)) == (slice(0, 5), slice(3, 5), slice(1, 5))


@given(transforms(), points)
def test_inverse_brings_every_point_back(transform: RigidTransform, where: NDArray[np.float64]) -> None:
    assert np.allclose(transform.inverse().apply(transform.apply(where)), where, atol=1e-8)


@given(transforms(), points)
def test_the_matrix_moves_points_as_apply_does(transform: RigidTransform, where: NDArray[np.float64]) -> None:
    homogeneous = np.c_[where, np.ones(len(where))] @ transform.matrix_lps.T
    assert np.allclose(homogeneous[:, :3], transform.apply(where), atol=1e-9)


@given(transforms(), points)
def test_distances_change_by_the_scale_alone(transform: RigidTransform, where: NDArray[np.float64]) -> None:
    before = np.linalg.norm(where[1:] - where[:-1], axis=1)
    moved = transform.apply(where)
    assert np.allclose(np.linalg.norm(moved[1:] - moved[:-1], axis=1), transform.scale * before, atol=1e-8)


def test_identity_moves_nothing() -> None:
    assert RigidTransform.identity().apply([[1.0, -2.0, 3.0]]).tolist() == [[1.0, -2.0, 3.0]]


@pytest.mark.parametrize(
    ("rotation", "shift", "scale"),
    [
        (np.diag([-1.0, 1.0, 1.0]), np.zeros(3), 1.0),
        (1.01 * np.eye(3), np.zeros(3), 1.0),
        (np.full((3, 3), np.nan), np.zeros(3), 1.0),
        (np.eye(4), np.zeros(3), 1.0),
        (np.eye(3), np.zeros(2), 1.0),
        (np.eye(3), np.array([0.0, np.nan, 0.0]), 1.0),
        (np.eye(3), np.zeros(3), 0.0),
        (np.eye(3), np.zeros(3), -1.0),
        (np.eye(3), np.zeros(3), float("nan")),
        (np.eye(3), np.zeros(3), float("inf")),
    ],
    ids=[
        "mirror",
        "stretch",
        "nan",
        "4x4",
        "flat_shift",
        "nan_shift",
        "zero",
        "negative",
        "nan_scale",
        "inf",
    ],
)
def test_what_is_no_rotation_shift_and_growth_is_refused(
    rotation: NDArray[np.float64], shift: NDArray[np.float64], scale: float
) -> None:
    with pytest.raises(GeometryError):
        RigidTransform(rotation, shift, scale)


def test_an_array_the_caller_can_write_is_copied_and_stays_writable() -> None:
    own = np.zeros(3)
    frozen = frozen_array(own, np.float64)
    own[0] = 5
    assert frozen[0] == 0
    assert own.flags.writeable
    assert not frozen.flags.writeable


def test_a_read_only_view_of_a_writable_array_is_copied() -> None:
    own = np.zeros((4, 4))
    view = own[1:]
    view.setflags(write=False)
    assert not np.shares_memory(frozen_array(view, np.float64), own)


def test_a_read_only_array_is_taken_over() -> None:
    own = np.zeros((4, 4))
    own.setflags(write=False)
    assert frozen_array(own, np.float64) is own
    assert np.shares_memory(frozen_array(own[1:], np.float64), own)


def test_an_array_over_foreign_memory_is_copied() -> None:
    memory = bytearray(24)
    view = np.frombuffer(memory, dtype=np.float64)
    view.setflags(write=False)
    frozen = frozen_array(view, np.float64)
    memory[:] = b"\x01" * 24
    assert not frozen.any()


def test_a_box_lies_in_a_larger_one_where_both_show_the_same_voxels() -> None:
    values = np.arange(7 * 8 * 9).reshape(7, 8, 9)
    own, outer = (slice(2, 4), slice(3, 8), slice(5, 6)), (slice(1, 6), slice(3, 8), slice(2, 9))
    assert (values[outer][box_within(own, outer)] == values[own]).all()
