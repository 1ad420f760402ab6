"""Sheets of calcium under the skin, and what near the skin is none."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import SheetSettings
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.sheets import find_skin_sheets, hide_sheets
from pipeline.steps.voxels import Voxels
from pipeline.workflow import analyse
from tests.builders import Values, a_scan, add_bone, add_noise, centred_grid, ct, cylinder, paint

GRID = centred_grid((30, 120, 120), (2.0, 1.0, 1.0))
LIMB_MM = 50.0


def limb() -> Values:
    """A thigh: skin at 50 mm, muscle within 38 mm, a shaft in the middle."""
    air = np.full(GRID.shape, -1000.0)
    fat = paint(air, cylinder(GRID, 0, 0, LIMB_MM), -100.0)
    return add_bone(paint(fat, cylinder(GRID, 0, 0, 38.0), 60.0), GRID, 0.0, 0.0)


def ring(depth_mm: float, thickness_mm: float = 3.0) -> Values:
    """Signed distance to a sheet around the limb, its middle this deep under the skin."""
    return np.abs(cylinder(GRID, 0, 0, LIMB_MM - depth_mm)) - thickness_mm / 2


def sheets_in(hu: Values) -> Voxels | None:
    volume = ct(hu, GRID)
    body = Mask(cylinder(GRID, 0, 0, LIMB_MM) < 0, GRID)
    return find_skin_sheets(volume, body, SheetSettings(), bright_hu=180.0)


@pytest.mark.parametrize("depth_mm", [3.0, 6.0, 10.0])
def test_a_sheet_around_a_limb_is_found_and_the_shaft_is_not(depth_mm: float) -> None:
    found = sheets_in(add_noise(paint(limb(), ring(depth_mm), 450.0), 8.0))
    assert found is not None
    assert found[ring(depth_mm) < -0.5].mean() > 0.98
    assert not found[cylinder(GRID, 0, 0, 20.0) < 0].any()


@pytest.mark.parametrize("half", ["half", "lacy"])
def test_an_open_sheet_is_found(half: str) -> None:
    distance = ring(6.0)
    columns = np.arange(GRID.shape[2])[None, None, :] + 0 * distance
    slices = np.arange(GRID.shape[0])[:, None, None] + 0 * distance
    hole = columns < 60 if half == "half" else (np.hypot(columns % 14 - 7, 2 * (slices % 7 - 3)) < 4)
    found = sheets_in(paint(limb(), np.where(hole, 5.0, distance), 450.0))
    assert found is not None
    assert found[(distance < -0.5) & ~hole].mean() > 0.9


def test_bone_near_the_skin_is_no_sheet() -> None:
    hu = add_bone(limb(), GRID, 0.0, -34.0)  # a shin: its wall lies 6 mm under the skin
    assert sheets_in(add_noise(hu, 8.0)) is None


def test_a_small_plaque_and_a_rod_are_no_sheets() -> None:
    small = np.maximum(ring(6.0), cylinder_of_height(8.0))
    assert sheets_in(paint(limb(), small, 450.0)) is None
    assert sheets_in(paint(limb(), cylinder(GRID, 0.0, -44.0, 3.0), 450.0)) is None


def cylinder_of_height(radius_mm: float) -> Values:
    """Signed distance to a cylinder from front to back through the middle."""
    z, x = np.arange(30)[:, None, None] * 2.0 - 29.0, np.arange(120)[None, None, :] - 59.5
    return np.asarray(np.hypot(z, x) - radius_mm + 0 * ring(6.0))


def test_a_lump_near_the_skin_is_no_sheet() -> None:
    assert sheets_in(paint(limb(), np.maximum(ring(10.0, 16.0), cylinder_of_height(20.0)), 450.0)) is None


def test_hiding_sheets_leaves_the_rest() -> None:
    volume = CTVolume(np.arange(8, dtype=np.int16).reshape(2, 2, 2) * 100, centred_grid((2, 2, 2)))
    assert hide_sheets(volume, None) is volume
    sheets = np.zeros((2, 2, 2), dtype=bool)
    sheets[1, 1, 1] = True
    assert hide_sheets(volume, sheets).hu.ravel().tolist() == [0, 100, 200, 300, 400, 500, 600, 50]


def test_an_exoskeleton_is_one_definite_lesion_and_no_bone() -> None:
    hu = add_noise(paint(limb(), ring(6.0), 450.0), 8.0)
    analysis = analyse(a_scan(hu, GRID))
    (sheet,) = [one for one in analysis.lesions if one.size.volume_mm3.value > 1000]
    assert sheet.status == "definite"
    # drawn at 255 HU, halfway between muscle and 450 HU; against fat, blurred by 0.72 mm, that
    # lies 0.27 mm inside the surface
    outer, inner = LIMB_MM - 4.5 - 0.27, LIMB_MM - 7.5 + 0.27
    drawn_mm3 = np.pi * (outer**2 - inner**2) * 60.0
    assert sheet.size.voxel_volume_mm3 == pytest.approx(drawn_mm3, rel=0.05)
    truth_mm3 = np.pi * ((LIMB_MM - 4.5) ** 2 - (LIMB_MM - 7.5) ** 2) * 60.0
    assert sheet.size.volume_mm3.value == pytest.approx(truth_mm3, rel=0.05)  # the counted one lacks 18 %
    bone = analysis.skeleton.values > 0
    assert not bone[ring(6.0) < 0].any()
    assert bone[cylinder(GRID, 0, 0, 8.0) < 0].mean() > 0.95
