from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Circle

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Geometry
from pipeline.errors import OutputError
from pipeline.report.figures import (
    draw_lesion,
    draw_overview,
    draw_place,
    write_comparison_figures,
    write_figures,
)
from pipeline.report.lesion_figure import compose_lesion
from pipeline.report.overview import compose_overview
from pipeline.report.panels import CORONAL
from pipeline.report.place_figure import NOT_COVERED, compose_place, shown_dates
from pipeline.report.projection import project
from tests.report.balls import RIGHT_LPS_MM, analysis_of, comparison_of

FOOTER = "research use, not a medical device"


def words_of(figure: Figure) -> list[str]:
    return [one.get_text() for one in (*figure.texts, *(t for axes in figure.axes for t in axes.texts))]


def test_same_input_gives_the_same_bytes(busy: Analysis, settings: FigureSettings) -> None:
    assert draw_lesion(busy, busy.lesions[0], settings) == draw_lesion(busy, busy.lesions[0], settings)
    assert draw_overview(busy, settings) == draw_overview(busy, settings)


def test_bytes_are_a_png_that_names_no_software_and_no_time(
    one_ball: Analysis, settings: FigureSettings
) -> None:
    content = draw_lesion(one_ball, one_ball.lesions[0], settings)
    assert content.startswith(b"\x89PNG\r\n")
    assert not any(chunk in content for chunk in (b"tEXt", b"iTXt", b"tIME"))


def test_settings_of_matplotlib_are_left_alone(one_ball: Analysis, settings: FigureSettings) -> None:
    before = dict(matplotlib.rcParams)
    draw_lesion(one_ball, one_ball.lesions[0], settings)
    draw_overview(one_ball, settings)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("radius_mm", [2.0, 9.0], ids=["in the closer look", "in the panel"])
def test_axes_are_labelled_with_the_measured_lengths(radius_mm: float, settings: FigureSettings) -> None:
    analysis = analysis_of((RIGHT_LPS_MM, radius_mm))
    size = analysis.lesions[0].size
    expected = sorted(
        f"{length:.1f} mm"
        for axes in (size.axial, size.coronal, size.sagittal)
        for length in (axes.long_axis_mm, axes.short_axis_mm)
    )
    figure = compose_lesion(analysis, analysis.lesions[0], settings)
    drawn = [one.get_text() for axes in figure.axes for one in axes.texts]
    assert sorted(one for one in drawn if one.endswith("mm") and one != "20 mm") == expected


def test_title_tells_number_status_volume_peak_side_and_slice(
    one_ball: Analysis, settings: FigureSettings
) -> None:
    lesion = one_ball.lesions[0]
    title = words_of(compose_lesion(one_ball, lesion, settings))[1]
    volume = f"{lesion.size.volume_mm3.value / 1000:.1f} mL"
    place = f"z = −{-lesion.size.axial.position_mm:.1f} mm"
    assert title.split("   ·   ") == ["Lesion 1", "definite", volume, "peak 700 HU", "right", place]


def test_sides_are_marked_in_every_panel(one_ball: Analysis, settings: FigureSettings) -> None:
    words = words_of(compose_lesion(one_ball, one_ball.lesions[0], settings))
    assert [words.count(letter) for letter in "RLHP"] == [4, 4, 4, 2]
    assert words.count("A") == 4  # upper border of the axial panels, left border of the sagittal ones
    assert words.count("20 mm") == 6


def test_every_sheet_says_that_it_is_no_medical_device(busy: Analysis, settings: FigureSettings) -> None:
    comparison = comparison_of(busy, busy, (RIGHT_LPS_MM, RIGHT_LPS_MM), "stable")
    for figure in (
        compose_lesion(busy, busy.lesions[0], settings),
        compose_overview(busy, settings),
        compose_place(comparison, comparison.tracks[0], settings),
    ):
        assert FOOTER in words_of(figure)


def test_words_on_panels_stay_inside_them(busy: Analysis, settings: FigureSettings) -> None:
    figure = compose_lesion(busy, busy.lesions[0], settings)
    figure.draw_without_rendering()
    for axes in figure.axes:
        panel = axes.get_window_extent()
        for text in axes.texts:
            extent = text.get_window_extent()
            assert min(extent.x0 - panel.x0, panel.x1 - extent.x1) >= 0
            assert min(extent.y0 - panel.y0, panel.y1 - extent.y1) >= 0


def test_what_is_not_counted_is_explained_only_where_it_is_seen(
    busy: Analysis, one_ball: Analysis, settings: FigureSettings
) -> None:
    with_it = words_of(compose_lesion(busy, busy.lesions[0], settings))
    without = words_of(compose_lesion(one_ball, one_ball.lesions[0], settings))
    assert "□ not counted: phlebolith" in with_it
    assert not any("not counted" in words for words in without)


def test_lesion_on_the_patients_right_is_in_the_left_half_of_the_drawn_overview(
    one_ball: Analysis, settings: FigureSettings
) -> None:
    figure = compose_overview(one_ball, settings)
    figure.draw_without_rendering()
    panel = figure.axes[0].get_window_extent()
    picture = imread(io.BytesIO(draw_overview(one_ball, settings)))[::-1]
    coronal = picture[int(panel.y0) : int(panel.y1), int(panel.x0) : int(panel.x1)]
    amber = (coronal[..., 0] - coronal[..., 2] > 0.3) & (coronal[..., 0] > 0.5)
    columns = np.flatnonzero(amber.any(axis=0))
    assert columns.size > 0
    assert columns.max() < coronal.shape[1] / 2


def test_frame_keeps_millimetres_square_in_thick_slices(settings: FigureSettings) -> None:
    geometry = Geometry.from_spacing((25, 90, 90), spacing_mm=(5.0, 1.0, 1.0), origin_lps_mm=(-45, -45, -60))
    analysis = analysis_of(((0.0, 0.0, 0.0), 20.0), geometry=geometry)
    figure = compose_lesion(analysis, analysis.lesions[0], settings)
    figure.draw_without_rendering()
    for axes in figure.axes:
        box, (left, right), (bottom, top) = axes.get_window_extent(), axes.get_xlim(), axes.get_ylim()
        across, upwards = box.width / (right - left), box.height / (top - bottom)
        assert across == pytest.approx(upwards, rel=0.02)  # one pixel of a thumbnail


@pytest.mark.parametrize(
    "middle_lps_mm",
    [(-67.0, -60.0, -500.0), (66.0, 58.0, -384.0)],
    ids=["first voxel", "last voxel"],
)
def test_lesion_in_the_corner_of_the_scan_is_drawn(
    middle_lps_mm: tuple[float, float, float], settings: FigureSettings
) -> None:
    analysis = analysis_of((middle_lps_mm, 8.0))
    assert analysis.lesions[0].touches_edge
    figure = compose_lesion(analysis, analysis.lesions[0], settings)
    assert "cut by the edge of the scan" in words_of(figure)
    assert draw_lesion(analysis, analysis.lesions[0], settings)


def test_lesion_of_one_voxel_is_drawn(settings: FigureSettings) -> None:
    analysis = analysis_of((RIGHT_LPS_MM, 0.1))
    assert analysis.lesions[0].mask.voxel_count == 1
    assert draw_lesion(analysis, analysis.lesions[0], settings)


def test_scan_of_a_single_slice_is_drawn(settings: FigureSettings) -> None:
    geometry = Geometry.from_spacing((1, 80, 80), spacing_mm=(5.0, 1.0, 1.0), origin_lps_mm=(-40, -40, 0))
    analysis = analysis_of(((0.0, 0.0, 0.0), 6.0), geometry=geometry)
    assert draw_lesion(analysis, analysis.lesions[0], settings)
    assert draw_overview(analysis, settings)


def test_overview_without_a_lesion_says_so(settings: FigureSettings) -> None:
    analysis = analysis_of()
    assert "No definite lesion" in words_of(compose_overview(analysis, settings))
    assert draw_overview(analysis, settings)


def test_overview_tells_how_many_and_how_much(busy: Analysis, settings: FigureSettings) -> None:
    words = words_of(compose_overview(busy, settings))
    total = f"{busy.burden.volume_mm3.value / 1000:.1f} mL"
    assert f"3 definite lesions   ·   {total} together" in words
    assert [words.count(str(number)) for number in (1, 2, 3)] == [2, 2, 2]
    assert "not counted: phlebolith" in words


def test_projection_is_the_brightest_voxel_and_keeps_its_type(one_ball: Analysis) -> None:
    projection = project(one_ball, CORONAL)
    assert projection.hu.dtype == np.int16
    assert np.array_equal(projection.hu, one_ball.scan.volume.hu.max(axis=1)[::-1])


def test_resolved_lesion_leaves_a_dashed_circle_of_its_size(
    one_ball: Analysis, settings: FigureSettings
) -> None:
    comparison = comparison_of(one_ball, analysis_of(), (RIGHT_LPS_MM, RIGHT_LPS_MM), "resolved")
    figure = compose_place(comparison, comparison.tracks[0], settings)
    circles = [one for axes in figure.axes for one in axes.patches if isinstance(one, Circle)]
    size = one_ball.lesions[0].size
    expected = [size.axial.long_axis_mm / 2] * 2 + [size.coronal.long_axis_mm / 2] * 2
    assert [one.get_radius() for one in circles] == pytest.approx(expected)
    words = words_of(figure)
    assert "Track 1   ·   resolved" in words[1]
    assert any(one.startswith("2020-01-05") for one in words)
    assert any(one.startswith("date unknown   ·   nothing seen") for one in words)


@pytest.mark.parametrize("later", [None, (0.0, 0.0, 900.0)], ids=["no position", "outside"])
def test_place_outside_the_later_scan_is_said_to_be_not_covered(
    later: tuple[float, float, float] | None, one_ball: Analysis, settings: FigureSettings
) -> None:
    comparison = comparison_of(one_ball, analysis_of(), (RIGHT_LPS_MM, later), "not_evaluable")
    words = words_of(compose_place(comparison, comparison.tracks[0], settings))
    assert words.count(NOT_COVERED) == 4
    assert not any("nothing seen" in one for one in words[3:])


def test_new_lesion_has_its_circle_on_the_earlier_date(one_ball: Analysis, settings: FigureSettings) -> None:
    comparison = comparison_of(analysis_of(), one_ball, (RIGHT_LPS_MM, RIGHT_LPS_MM), "new")
    figure = compose_place(comparison, comparison.tracks[0], settings)
    with_circle = [any(isinstance(one, Circle) for one in axes.patches) for axes in figure.axes]
    assert with_circle == [True, True, True, True, False, False, False, False]


def test_dates_shown_are_the_first_with_a_lesion_and_the_last(one_ball: Analysis) -> None:
    track = comparison_of(one_ball, one_ball, (None, None), "stable").tracks[0]
    assert shown_dates(replace(track, lesion_ids=((), (1,), ()))) == (1, 2)
    assert shown_dates(replace(track, lesion_ids=((), (), (1,)))) == (0, 2)


def test_largest_lesions_are_written_first_and_no_more_than_asked_for(busy: Analysis, tmp_path: Path) -> None:
    settings = FigureSettings(dots_per_inch=50, most_lesions=2, paper=1)
    written = write_figures(busy, tmp_path / "figures", settings)
    whole, lesions = ["overview.png", "radiograph.png"], ["lesion_001.png", "lesion_003.png"]
    assert [one.name for one in written] == [*whole, *lesions, "paper_001.png", "paper_001.svg"]
    assert sorted(one.name for one in (tmp_path / "figures").iterdir()) == sorted(one.name for one in written)


def test_nothing_is_written_where_pictures_are_switched_off(busy: Analysis, tmp_path: Path) -> None:
    assert write_figures(busy, tmp_path / "figures", FigureSettings(enabled=False)) == []
    assert not (tmp_path / "figures").exists()


def test_tracks_are_written_by_their_number(
    one_ball: Analysis, settings: FigureSettings, tmp_path: Path
) -> None:
    comparison = comparison_of(one_ball, one_ball, (RIGHT_LPS_MM, RIGHT_LPS_MM), "stable")
    written = write_comparison_figures(comparison, tmp_path, settings)
    assert [one.name for one in written] == ["track_001.png", "paper_001.png", "paper_001.svg"]
    assert written[0].read_bytes() == draw_place(comparison, comparison.tracks[0], settings)


def test_folder_that_cannot_be_written_is_an_output_error(
    one_ball: Analysis, settings: FigureSettings, tmp_path: Path
) -> None:
    (tmp_path / "figures").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match=r"overview\.png"):
        write_figures(one_ball, tmp_path / "figures", settings)
