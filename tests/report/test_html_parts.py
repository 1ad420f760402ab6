"""What the viewer is given: reduced volumes, NIfTI files, surfaces, its library."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, Index3
from pipeline.report.html import library
from pipeline.report.html.library import LibraryMissing, viewer_library
from pipeline.report.html.meshes import surface
from pipeline.report.html.nifti_bytes import nifti_bytes
from pipeline.report.html.small import LOWEST_HU, STEP_HU, SmallScan, shrink
from tests.report.balls import MUSCLE_HU, RIGHT_LPS_MM, analysis_of
from tests.report.pages import FAINT_LPS_MM, first_scan


def turned() -> Geometry:
    """A grid turned about x, spacing 3, 2 and 0.7 mm."""
    angle = 0.3
    k = 3.0 * np.array([0.0, -np.sin(angle), np.cos(angle)])
    j = 2.0 * np.array([0.0, np.cos(angle), np.sin(angle)])
    affine = np.eye(4)
    affine[:3] = np.stack([k, j, [0.7, 0.0, 0.0], [11.0, -7.0, 30.0]], axis=1)
    return Geometry((4, 5, 6), affine)


def test_simpleitk_reads_the_same_grid_and_values(tmp_path: Path) -> None:
    geometry = turned()
    voxels = np.arange(120, dtype=np.uint8).reshape(geometry.shape)
    file = tmp_path / "a.nii.gz"
    file.write_bytes(nifti_bytes(voxels, geometry, slope=STEP_HU, intercept=LOWEST_HU))
    image = sitk.ReadImage(str(file))
    assert np.array_equal(sitk.GetArrayFromImage(image), voxels * STEP_HU + LOWEST_HU)
    for k, j, i in ((0, 0, 0), (3, 4, 5), (1, 0, 2)):
        point = image.TransformIndexToPhysicalPoint((i, j, k))
        assert point == pytest.approx(geometry.to_lps_mm((k, j, i)), abs=1e-4)  # float32 in the header


def test_same_volume_gives_the_same_bytes() -> None:
    voxels = np.ones((4, 5, 6), dtype=np.uint8)
    assert nifti_bytes(voxels, turned()) == nifti_bytes(voxels.copy(), turned())


def mz3(content: bytes) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices and faces, read as the format's description says."""
    data = gzip.decompress(content)
    magic, attributes, faces, vertices, skip = struct.unpack_from("<HHIII", data)
    assert (magic, attributes, skip) == (23117, 3, 0)
    assert len(data) == 16 + 12 * (faces + vertices)
    triangles = np.frombuffer(data, "<i4", 3 * faces, 16).reshape(-1, 3)
    points = np.frombuffer(data, "<f4", 3 * vertices, 16 + 12 * faces).reshape(-1, 3)
    return points.astype(np.float64), triangles.astype(np.int64)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8)], ids=str)
def test_surface_of_a_ball_has_its_place_and_nearly_its_volume(
    spacing_mm: tuple[float, float, float],
) -> None:
    radius_mm, middle = 12.0, np.array([5.0, -3.0, 8.0])
    shape: Index3 = tuple(int(60 / one) for one in spacing_mm)  # type: ignore[assignment]
    geometry = Geometry.from_spacing(shape, spacing_mm=spacing_mm, origin_lps_mm=(-25.0, -33.0, -22.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    inside = np.linalg.norm(geometry.to_lps_mm(index) - middle, axis=-1) <= radius_mm
    content = surface(inside, geometry, spacing_mm=1.5)
    assert content is not None
    points, faces = mz3(content)
    a, b, c = (points[faces[:, n]] for n in range(3))
    volume = abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6
    assert volume == pytest.approx(4 / 3 * np.pi * radius_mm**3, rel=0.08)  # it is smoothed, for looking at
    middle_ras = middle * (-1, -1, 1)
    assert (points.min(0) + points.max(0)) / 2 == pytest.approx(middle_ras, abs=1.0)
    assert np.ptp(points, axis=0) == pytest.approx([2 * radius_mm] * 3, abs=2.5)


def test_empty_mask_has_no_surface() -> None:
    assert surface(np.zeros((4, 5, 6), dtype=bool), turned(), spacing_mm=2.0) is None


def grey_hu(small: SmallScan) -> NDArray[np.float64]:
    return small.grey.astype(np.float64) * STEP_HU + LOWEST_HU


def test_whole_scan_is_kept_where_there_is_room() -> None:
    analysis = first_scan()
    small = shrink(analysis, most_voxels=10**7)
    assert small.geometry.spacing_mm == pytest.approx(analysis.geometry.spacing_mm)
    hu = np.clip(analysis.scan.volume.hu, LOWEST_HU, LOWEST_HU + 255 * STEP_HU)
    start = np.rint(analysis.geometry.to_index(small.geometry.to_lps_mm((0, 0, 0)))).astype(int)
    part = hu[tuple(slice(a, a + n) for a, n in zip(start, small.grey.shape, strict=True))]
    assert np.abs(grey_hu(small) - part).max() <= STEP_HU / 2


@pytest.mark.parametrize("most_voxels", [10_000, 1_000])
def test_smaller_grid_keeps_within_its_voxels_and_shows_the_same_places(most_voxels: int) -> None:
    analysis = first_scan()
    small = shrink(analysis, most_voxels=most_voxels)
    assert small.grey.size <= most_voxels
    for place, value in ((RIGHT_LPS_MM, 1), (FAINT_LPS_MM, 2)):
        k, j, i = np.rint(small.geometry.to_index(place)).astype(int)
        assert small.lesions[k, j, i] == value
    k, j, i = np.rint(small.geometry.to_index((-15.0, -30.0, -440.0))).astype(int)
    assert grey_hu(small)[k, j, i] == pytest.approx(MUSCLE_HU, abs=STEP_HU / 2)


def test_lesion_of_one_voxel_is_not_lost_on_the_coarsest_grid() -> None:
    small = shrink(analysis_of((RIGHT_LPS_MM, 0.1)), most_voxels=500)
    assert int(small.lesions.sum()) == 1


def test_library_is_a_module_that_ends_with_what_the_viewer_uses() -> None:
    script = viewer_library()
    assert "export{" not in script[-5000:].replace(" ", "")
    assert script.rstrip().splitlines()[-1].startswith("const niivue = { Niivue: ")
    assert "</script" not in script.lower()


@pytest.mark.parametrize(
    ("widget", "reason"),
    [
        ("const a = 1;", "as a module"),
        (f'"{"x" * 1_000_000}export%20%7B a as Other %7D%3B"', "exports no Niivue"),
    ],
    ids=["built otherwise", "other exports"],
)
def test_library_built_otherwise_is_named_as_missing(
    widget: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "widget.js"
    file.write_text(widget)
    monkeypatch.setattr(library, "_widget", lambda: file)
    with pytest.raises(LibraryMissing, match=reason):
        viewer_library.__wrapped__()
