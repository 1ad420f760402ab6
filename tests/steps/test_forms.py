"""Bodies without blur, words for forms, and what RECIST can measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from pipeline.config import VolumeSettings
from pipeline.domain.image import CTVolume
from pipeline.domain.lesion import Morphology
from pipeline.steps.forms.axes import all_axes
from pipeline.steps.forms.body import Body, outline_body, sharp_body
from pipeline.steps.forms.morphology import Form, measure_form, name_form
from pipeline.steps.forms.recist import is_recist_measurable
from pipeline.steps.size import measure_size
from pipeline.steps.volumes.measure import Scene, cut_region
from pipeline.steps.volumes.optics import Blur
from tests.builders import ball as ball_mm
from tests.builders import boxed, centred_grid, coordinates_mm

SIGMA_MM = 0.7


def seen_ball(diameter_mm: float, slice_mm: float) -> Scene:
    """A ball of 700 HU in muscle, as a scanner shows it: drawn finely, blurred, in slices."""
    fine = centred_grid((60, 120, 120), (0.5, 0.25, 0.25))
    share = np.clip(0.5 - ball_mm(fine, (0.2, -0.1, 0.3), diameter_mm / 2) / 0.3, 0, 1)
    parts = round(slice_mm / 0.5)
    blurred = ndimage.gaussian_filter(share, (0, SIGMA_MM / 0.25, SIGMA_MM / 0.25))
    voxels = blurred.reshape(60 // parts, parts, 40, 3, 40, 3).mean((1, 3, 5))
    geometry = centred_grid((60 // parts, 40, 40), (slice_mm, 0.75, 0.75))
    hu = np.rint(60 + 640 * voxels).astype(np.int16)
    mask = boxed(hu > 380, geometry)
    return Scene(CTVolume(hu, geometry), None, (mask,), Blur(SIGMA_MM, slice_mm, 0.05, True), 2.0)


def body_of(scene: Scene, volume_mm3: float) -> Body:
    return sharp_body(scene, 0, cut_region(scene, 0, VolumeSettings()), volume_mm3)


@pytest.mark.parametrize("slice_mm", [1.0, 2.5, 5.0])
@pytest.mark.parametrize("diameter_mm", [8.0, 14.0])
def test_a_ball_is_as_wide_as_high_whatever_the_slices(slice_mm: float, diameter_mm: float) -> None:
    body = body_of(seen_ball(diameter_mm, slice_mm), np.pi / 6 * diameter_mm**3)
    axial, coronal, sagittal = all_axes(body)
    for axes in (axial, coronal, sagittal):
        # the goal: 1 mm, or half of the spacing along the axis; no noise here
        across = 1.0 if axes is axial else max(1.0, slice_mm / 2)
        assert axes.long_axis_mm == pytest.approx(diameter_mm, abs=across)
        assert axes.short_axis_mm == pytest.approx(diameter_mm, abs=across)


def test_a_body_holds_the_volume_and_lies_where_the_lesion_lies() -> None:
    body = body_of(seen_ball(14.0, 2.0), 1437.0)
    inside = np.argwhere(body.inside).astype(np.float64)
    assert len(inside) * np.prod(body.spacing_mm) == pytest.approx(1437.0, rel=0.01)
    assert body.to_lps_mm(inside).mean(0) == pytest.approx((0.2, -0.1, 0.3), abs=0.2)


def test_an_outline_drawn_wider_by_hand_has_nearly_the_same_axes() -> None:
    scene = seen_ball(14.0, 2.0)
    geometry = scene.volume.geometry
    wide = boxed(ball_mm(geometry, (0.2, -0.1, 0.3), 8.0) < 0, geometry)
    own, edited = (
        all_axes(body_of(one, 1437.0))[0].long_axis_mm for one in (scene, replace(scene, masks=(wide,)))
    )
    assert measure_size(wide).axial.long_axis_mm > own + 1
    assert edited == pytest.approx(own, abs=0.5)


def test_an_outline_is_its_own_body_where_nothing_else_is_known() -> None:
    geometry = centred_grid((9, 20, 20), (2.0, 1.0, 1.0))
    mask = boxed(ball_mm(geometry, (0, 0, 0), 6.0) < 0, geometry)
    assert np.count_nonzero(outline_body(mask).inside) == mask.voxel_count
    assert all_axes(outline_body(mask))[0] == measure_size(mask).axial


BALL = Form(10.0, 10.0, 9.0, 0.67, hollow=0.0, fill=1.0, blind_mm=0.5)


@pytest.mark.parametrize(
    ("form", "word"),
    [
        (BALL, "nodular"),
        (replace(BALL, length_mm=4.4, width_mm=4.0, thickness_mm=4.0), "punctate"),
        (replace(BALL, length_mm=6.9, width_mm=4.0, thickness_mm=4.0, blind_mm=2.5), "punctate"),
        (replace(BALL, length_mm=38.0, width_mm=30.0, thickness_mm=23.0), "bulky"),
        (replace(BALL, length_mm=50.0, width_mm=16.0, thickness_mm=10.0, rods=1.0), "ovoid"),
        (replace(BALL, length_mm=30.0, width_mm=3.0, thickness_mm=3.0, rods=1.0), "linear"),
        (replace(BALL, length_mm=60.0, width_mm=12.0, thickness_mm=11.0, rods=1.0), "linear"),
        (replace(BALL, length_mm=40.0, width_mm=30.0, thickness_mm=3.0, rods=12.0, fill=0.25), "sheet"),
        (replace(BALL, length_mm=40.0, width_mm=30.0, thickness_mm=3.0, rods=8.0, fill=0.08), "reticular"),
        # a line bent so far that it is wide: no more of it than a line has
        (replace(BALL, length_mm=30.0, width_mm=12.0, thickness_mm=3.0, rods=1.8, fill=0.06), "linear"),
        (replace(BALL, hollow=0.4), "shell"),
    ],
)
def test_every_form_has_its_word(form: Form, word: Morphology) -> None:
    assert name_form(form) == word


def test_a_plate_across_the_axes_is_a_sheet_and_a_thick_block_is_not() -> None:
    geometry = centred_grid((110, 110, 110), (0.5, 0.5, 0.5))
    x, y, z = coordinates_mm(geometry)
    across, along = (x + y + z) / np.sqrt(3), (x - y) / np.sqrt(2)
    other = (x + y - 2 * z) / np.sqrt(6)
    wide = (np.abs(along) < 18) & (np.abs(other) < 14)
    plate, block = (
        measure_form(outline_body(boxed(wide & (np.abs(across) < half), geometry))) for half in (2.0, 12.0)
    )
    assert plate.thickness_mm == pytest.approx(4.0, abs=1.0)  # a cell at either side
    assert plate.length_mm == pytest.approx(2 * np.hypot(18, 14), abs=11)  # side to diagonal
    assert name_form(plate) == "sheet"
    assert name_form(block) == "bulky"


def test_a_hollow_ball_is_a_shell_unless_a_side_is_open() -> None:
    geometry = centred_grid((40, 40, 40), (1.0, 1.0, 1.0))
    wall = np.abs(ball_mm(geometry, (0, 0, 0), 12.0)) < 1.5
    closed = measure_form(outline_body(boxed(wall, geometry)))
    bowl = measure_form(outline_body(boxed(wall & (coordinates_mm(geometry)[2] < 0), geometry)))
    assert name_form(closed) == "shell"
    assert name_form(bowl) != "shell"


@pytest.mark.parametrize(
    ("long_mm", "slice_mm", "measurable"),
    [(9.9, 1.0, False), (10.0, 5.0, True), (11.0, 6.0, False), (12.0, 6.0, True)],
)
def test_recist_asks_for_ten_millimetres_or_two_thick_slices(
    long_mm: float, slice_mm: float, measurable: bool
) -> None:
    geometry = centred_grid((9, 9, 9))
    size = measure_size(boxed(ball_mm(geometry, (0, 0, 0), 3.0) < 0, geometry))
    size = replace(size, axial=replace(size.axial, long_axis_mm=long_mm))
    assert is_recist_measurable(size, "ovoid", None, slice_thickness_mm=slice_mm) is measurable


@pytest.mark.parametrize(
    ("morphology", "region", "diameter_mm", "measurable"),
    [
        ("linear", "inguinal", 40.0, True),
        ("sheet", "inguinal", 40.0, False),
        ("reticular", "inguinal", 40.0, False),
        ("shell", "inguinal", 40.0, True),
        ("shell", "inguinal", 90.0, False),
        ("bulky", "multiple", 40.0, False),
    ],
)
def test_recist_asks_for_a_form_with_a_diameter(
    morphology: Morphology, region: str, diameter_mm: float, measurable: bool
) -> None:
    geometry = centred_grid((9, 9, 9))
    size = measure_size(boxed(ball_mm(geometry, (0, 0, 0), 3.0) < 0, geometry))
    size = replace(size, axial=replace(size.axial, long_axis_mm=40.0), diameter_3d_mm=diameter_mm)
    assert is_recist_measurable(size, morphology, region, slice_thickness_mm=1.0) is measurable
