from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pipeline as cc
from pipeline.notebook import change, viewer
from pipeline.notebook.change import ChangeViewer, passages
from pipeline.notebook.montage import Picture
from pipeline.notebook.pictures import LESION_RGB, Painted, Shown
from pipeline.notebook.viewer import Viewer
from pipeline.report.panels import AXIAL, CORONAL, PLANES, SAGITTAL, Plane
from pipeline.report.windows import SOFT_TISSUE
from tests.builders import a_scan, pelvis_of_two_shafts
from tests.conftest import FRONT

NO_CROSS = Shown(crosshair=False)
ASIDE = (11.0, -23.0, 8.0)


def pixels(png: bytes) -> NDArray[np.int16]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def orange(picture: NDArray[np.generic]) -> NDArray[np.bool_]:
    red, _, blue = (picture[..., n].astype(int) for n in range(3))
    return np.asarray(red - blue > 60)


@pytest.fixture(scope="module")
def one_sided() -> cc.Analysis:
    """One lesion, off the middle to the left, the front and the head."""
    hu, geometry = pelvis_of_two_shafts({ASIDE: 4.0})
    return cc.analyse(a_scan(hu, geometry))


def corners_lps_mm(painted: Painted) -> NDArray[np.float64]:
    """(2, 3): the first and the last voxel that are shown."""
    ends = [[s.start for s in painted.box], [s.stop - 1 for s in painted.box]]
    return painted.analysis.geometry.to_lps_mm(ends)


def at(analysis: cc.Analysis, place: tuple[float, float, float]) -> tuple[int, int, int]:
    k, j, i = np.rint(analysis.geometry.to_index(place)).astype(int)
    return int(k), int(j), int(i)


@pytest.mark.parametrize(
    ("plane", "right", "up"),
    [(AXIAL, (1, 0, 0), (0, -1, 0)), (CORONAL, (1, 0, 0), (0, 0, 1)), (SAGITTAL, (0, 1, 0), (0, 0, 1))],
)
def test_a_lesion_is_painted_on_the_side_where_it_lies(
    one_sided: cc.Analysis, plane: Plane, right: tuple[int, ...], up: tuple[int, ...]
) -> None:
    painted = Painted(one_sided)
    picture = painted.slice_rgb(plane, at(one_sided, ASIDE), NO_CROSS)
    rows, columns = np.nonzero(orange(picture))
    shown = columns.mean() / picture.shape[1], 1 - rows.mean() / picture.shape[0]
    for share, way in zip(shown, (right, up), strict=True):
        low, high = sorted(np.dot(corners_lps_mm(painted), way))
        assert share == pytest.approx((np.dot(ASIDE, way) - low) / (high - low), abs=0.03)


def test_pixels_are_square_in_the_patient(baseline: cc.Analysis) -> None:
    painted = Painted(baseline)
    picture = painted.slice_rgb(CORONAL, at(baseline, FRONT), NO_CROSS)
    mm = [n * (s.stop - s.start) for n, s in zip(baseline.geometry.spacing_mm, painted.box, strict=True)]
    assert picture.shape[0] / picture.shape[1] == pytest.approx(mm[0] / mm[2], abs=0.01)


def test_masks_can_be_switched_off_one_by_one(baseline: cc.Analysis) -> None:
    own = Viewer(baseline)
    axial = own.planes.pictures["axial"]
    assert orange(pixels(axial.value)).any()
    own.controls.layers["lesions"].value = False
    assert not orange(pixels(axial.value)).any()
    before = axial.value
    own.controls.layers["skeleton"].value = True
    assert axial.value != before


def test_a_slider_moves_its_plane_and_the_crosshair_of_the_others(baseline: cc.Analysis) -> None:
    own = Viewer(baseline).planes
    before = {plane.name: own.pictures[plane.name].value for plane in PLANES}
    caption = own.captions["axial"].value
    own.sliders["axial"].value += 3
    assert all(own.pictures[plane.name].value != before[plane.name] for plane in PLANES)
    assert own.captions["axial"].value != caption
    assert own.place_lps_mm[2] == pytest.approx(baseline.geometry.to_lps_mm(own.at)[2])


def test_windows_show_what_they_are_for(baseline: cc.Analysis) -> None:
    own = Viewer(baseline)
    wide = pixels(own.planes.pictures["axial"].value)
    own.controls.window.value = SOFT_TISSUE.name
    assert pixels(own.planes.pictures["axial"].value).mean() > wide.mean()


def test_choosing_a_finding_leads_to_it_and_says_what_it_is(baseline: cc.Analysis) -> None:
    own = Viewer(baseline)
    for _, finding in own.controls.picker.options:
        own.controls.picker.value = finding
        if finding is None:
            assert own.words.value == ""
        else:
            assert tuple(own.planes.at) in {tuple(one) for one in finding.mask.index_kji().tolist()}
            assert str(finding.id) in own.words.value
    assert len(own.controls.picker.options) == 1 + len(baseline.lesions) + len(baseline.excluded)


def test_words_of_a_finding_are_no_markup(baseline: cc.Analysis) -> None:
    from dataclasses import replace

    from pipeline.domain.lesion import Excluded

    one = baseline.lesions[0]
    evil = Excluded(9, one.mask, "phlebolith", "<b>round</b>", 3.0, one.size.centroid_lps_mm, 500.0)
    own = Viewer(replace(baseline, excluded=(evil,)))
    own.controls.picker.value = evil
    assert "&lt;b&gt;round" in own.words.value


def test_both_dates_move_together_through_the_bones(comparison: cc.Comparison) -> None:
    own = ChangeViewer(comparison, (0, 1))
    there, _ = passages(comparison, 0, 1)
    for moved, step in ((0, 4), (1, -3)):
        half, other = own.halves[moved], own.halves[1 - moved]
        half.sliders["axial"].value += step
        forth = own._ways[moved].carry(np.asarray([half.place_lps_mm]))[0]
        away = np.abs(np.subtract(other.place_lps_mm, forth))
        assert (away <= np.array(comparison.analyses[0].geometry.spacing_mm[::-1]) / 2 + 1e-6).all()
    assert there.carry(np.zeros((1, 3))).shape == (1, 3)


def test_choosing_a_track_shows_its_place_on_both_dates(comparison: cc.Comparison) -> None:
    own = ChangeViewer(comparison, (0, 1))
    for track in comparison.tracks:
        own.controls.picker.value = track
        for date, half in enumerate(own.halves):
            place = track.position_lps_mm[date]
            if place is not None:
                assert np.abs(np.subtract(half.place_lps_mm, place)).max() <= 1.0
        assert f"Track {track.track_id}" in own.words.value


def test_other_time_points_than_there_are_are_refused(comparison: cc.Comparison) -> None:
    for first, last in ((1, 1), (2, 0), (0, 3)):
        with pytest.raises(cc.UsageError, match="time points 0 to 2"):
            cc.show_change(comparison, first=first, last=last)


def test_without_widgets_a_still_picture_is_shown_and_a_line_says_so(
    baseline: cc.Analysis,
    comparison: cc.Comparison,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for room in (viewer, change):
        monkeypatch.setattr(room, "is_installed", lambda package: package != "ipywidgets")
    for look, result in ((cc.show, baseline), (cc.show_change, comparison)):
        assert isinstance(look(result), Picture)  # type: ignore[operator]
        said = capsys.readouterr().out
        assert "ipywidgets is not installed" in said
        assert "pip install 'calcinosis-ct[notebook]'" in said


def test_a_montage_is_a_small_picture_and_can_be_saved(
    baseline: cc.Analysis, comparison: cc.Comparison, tmp_path: pytest.TempPathFactory
) -> None:
    from dataclasses import replace
    from pathlib import Path

    for result in (baseline, comparison, replace(baseline, lesions=())):
        shown = cc.montage(result)._repr_jpeg_()
        assert shown[:2] == b"\xff\xd8"
        assert len(shown) < 400_000
    file = cc.montage(baseline, most=1).save(Path(str(tmp_path)) / "figure.png", dots_per_inch=50)
    assert file.stat().st_size > 1000
    with pytest.raises(cc.UsageError, match="1 to 5 rows"):
        cc.montage(baseline, most=0)
    assert LESION_RGB[0] > LESION_RGB[2]
