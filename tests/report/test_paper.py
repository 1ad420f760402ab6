"""Figures for a paper, and the simulated radiograph."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon
from PIL import Image

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.report.paper import CIRCLE_FACTOR, compose_paper, draw_paper, row_of, rows_of_track
from pipeline.report.radiograph import (
    CALCIUM_GAIN,
    SOFT_HU,
    WATER_PER_MM,
    attenuation,
    draw_radiograph,
    radiograph,
)
from tests.report.balls import CALCIUM_HU, MUSCLE_HU, RIGHT_LPS_MM, SHAPE, SPACING_MM, analysis_of
from tests.report.pages import SHIFT_MM, resolved


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return resolved()


def arrows(figure: Figure) -> list[int]:
    """How many arrows each panel has."""
    return [sum(isinstance(one, Polygon) for one in axes.patches) for axes in figure.axes]


def test_svg_keeps_its_words_as_text_and_names_no_time(comparison: Comparison) -> None:
    svg = draw_paper(rows_of_track(comparison, comparison.tracks[0]), "svg").decode("utf-8")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert [one for one in words if one in "ABCDR"] == ["A", "R", "B", "R", "C", "R", "D", "R"]
    assert {"2019-04-11", "2020-03-10, after 11 months", "5 cm"} <= set(words)
    assert "research use, not a medical device" in words
    assert "<dc:date>" not in svg
    assert svg.count("<image") == 4


@pytest.mark.parametrize("form", ["png", "svg"])
def test_same_figure_gives_the_same_bytes_and_leaves_matplotlib_alone(
    form: str, comparison: Comparison
) -> None:
    before = dict(matplotlib.rcParams)
    rows = rows_of_track(comparison, comparison.tracks[0])
    assert draw_paper(rows, form) == draw_paper(rows, form)  # type: ignore[arg-type]
    assert dict(matplotlib.rcParams) == before


def test_png_has_300_dots_per_inch(comparison: Comparison) -> None:
    content = draw_paper(rows_of_track(comparison, comparison.tracks[0]), "png")
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == pytest.approx(300 * 6.86, abs=1)


def test_lesion_has_an_arrow_in_both_planes_and_its_place_a_circle_later(comparison: Comparison) -> None:
    figure = compose_paper(rows_of_track(comparison, comparison.tracks[0]))
    assert arrows(figure) == [1, 1, 0, 0]
    circles = [[one for one in axes.patches if isinstance(one, Circle)] for axes in figure.axes]
    assert [len(one) for one in circles] == [0, 0, 2, 2]  # a dark rim under a white line
    size = comparison.analyses[0].lesions[0].size
    for drawn, axes in zip(circles[2:], (size.axial, size.coronal), strict=True):
        assert drawn[0].get_radius() == pytest.approx(CIRCLE_FACTOR * axes.long_axis_mm / 2)
    middle = (comparison.analyses[1].geometry.bounds_lps_mm()).mean(axis=0)
    x, y, z = np.add(size.centroid_lps_mm, SHIFT_MM)
    assert circles[2][0].get_center() == pytest.approx((x - middle[0], middle[1] - y), abs=1.6)  # a voxel
    assert circles[3][0].get_center() == pytest.approx((x - middle[0], z - middle[2]), abs=4.1)


def test_every_definite_lesion_of_a_slice_has_its_arrow() -> None:
    analysis = analysis_of((RIGHT_LPS_MM, 9.0), ((20.0, 0.0, -440.0), 6.0), ((30.0, 30.0, -440.0), 5.0))
    row = row_of(analysis, analysis.lesions[0], "")
    assert arrows(compose_paper([row])) == [3, 2]  # the third lies 30 mm behind the coronal slice
    unsure = tuple(replace(one, status="indeterminate") for one in analysis.lesions[1:])
    few = replace(row, analysis=replace(analysis, lesions=(analysis.lesions[0], *unsure)))
    assert arrows(compose_paper([few])) == [1, 1]


def test_place_that_the_later_scan_does_not_show_has_no_row(comparison: Comparison) -> None:
    track = comparison.tracks[0]
    outside = replace(track, position_lps_mm=(track.position_lps_mm[0], None), evaluable=(True, False))
    (row,) = rows_of_track(replace(comparison, tracks=(outside,)), outside)
    assert row.caption == "2019-04-11"


def block(hu: int, depth_mm: float, *, inside: int | None = None) -> Analysis:
    """A block as deep as asked for, in a scan of 120 mm, over a table of 1.5 mm."""
    geometry = Geometry.from_spacing(SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(0.0, 0.0, 0.0))
    analysis = analysis_of(geometry=geometry)
    voxels = np.full(SHAPE, -1000, dtype=np.int16)
    deep = round(depth_mm / SPACING_MM[1])
    voxels[:, 5 : 5 + deep, 10:-10] = hu
    if inside is not None:
        voxels[:, 5 + deep // 2, 40:50] = inside
    voxels[:, 76, 2:-2] = 200
    return replace(analysis, scan=replace(analysis.scan, volume=CTVolume(voxels, geometry)))


def through_the_middle(analysis: Analysis) -> float:
    everything = np.ones((30, 80, 90), dtype=bool)
    return float(attenuation(analysis, everything)[15, 20])


@pytest.mark.parametrize("depth_mm", [30.0, 60.0])
def test_beam_is_weakened_as_by_water_of_that_depth(depth_mm: float) -> None:
    table = block(-1000, depth_mm)
    weakened = through_the_middle(block(0, depth_mm)) - through_the_middle(table)
    assert weakened == pytest.approx(WATER_PER_MM * depth_mm, rel=1e-4)


def test_calcium_stops_more_than_its_hu_tell() -> None:
    analysis = block(0, 60.0, inside=1000)
    film = attenuation(analysis, np.ones((30, 80, 90), dtype=bool))
    extra = WATER_PER_MM * SPACING_MM[1] * (1000 + (CALCIUM_GAIN - 1) * (1000 - SOFT_HU)) / 1000
    assert film[15, 45] - film[15, 20] == pytest.approx(extra, rel=1e-4)


def test_table_is_not_on_the_film() -> None:
    film, _, shown = radiograph(block(MUSCLE_HU, 60.0))
    assert shown[1] - shown[0] == pytest.approx(70 * 1.5, abs=2 * 8.0)  # the block, and two blocks of 4 mm
    assert film[15, 4] == 0


def test_lesion_on_the_patients_right_is_bright_in_the_left_half_of_the_film() -> None:
    film, _, _ = radiograph(analysis_of((RIGHT_LPS_MM, 9.0)))
    row, column = np.unravel_index(int(film.argmax()), film.shape)
    assert column < film.shape[1] / 2
    assert CALCIUM_HU > 500  # else it would not be the brightest
    assert row == pytest.approx(29 - (-440.0 + 500.0) / 4.0, abs=2)


@pytest.mark.parametrize("lesions", [0, 1])
def test_radiograph_is_drawn_with_and_without_lesions(lesions: int) -> None:
    analysis = analysis_of(*[(RIGHT_LPS_MM, 9.0)] * lesions)
    settings = FigureSettings(dots_per_inch=50)
    assert draw_radiograph(analysis, settings) == draw_radiograph(analysis, settings)


def test_scan_of_nothing_but_air_has_a_film() -> None:
    film, _, _ = radiograph(block(-1000, 30.0))
    assert np.isfinite(film).all()
