"""The timeline shows the numbers of the comparison and of the case, where they belong in time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.testing import assert_allclose

from pipeline.config import FigureSettings
from pipeline.domain.case import Case, Examination, LabValue, Score, Treatment
from pipeline.domain.change import Comparison
from pipeline.report.canvas import LESION, WARNING
from pipeline.report.figures import write_comparison_figures
from pipeline.report.timeline import can_be_drawn, compose_timeline, course_of, draw_timeline
from pipeline.report.timeline_lanes import BAR_INCHES, PLOT_WIDTH_INCHES, TREATMENT
from pipeline.report.timeline_series import MOST_SERIES, STRIP_INCHES, STRIP_PAD_INCHES
from pipeline.running.scans import drop_dates
from tests.report.courses import Shown, course, day, dense, many_scans, reference

CAUSAL = re.compile(
    r"\b(due to|response to|respond(s|ed)? to|effect|caus|because|result(s|ed)? (of|in|from)|led to|"
    r"lead(s|ing)? to|induc|owing|thanks|attribut|benefit|efficac|improve|success|fail|therefore)",
    re.IGNORECASE,
)
TWO = Shown(0, 800.0), Shown(365, 300.0, category="partial_response")


def words_of(figure: Figure) -> list[str]:
    return [one.get_text() for one in figure.texts]


def bars_of(figure: Figure) -> list[Polygon]:
    found = [one for axes in figure.axes for one in axes.patches if isinstance(one, Polygon)]
    return [one for one in found if same_color(one.get_facecolor(), TREATMENT)]


def same_day() -> Comparison:
    return course(Shown(0, 10.0), Shown(0, 12.0))


def two_weeks() -> Comparison:
    return course(Shown(0, 10.0), Shown(14, 0.0), case=Case(treatments=(Treatment("a", day(-1), day(3)),)))


def sixty_years() -> Comparison:
    scores = tuple(Score("CMAS", day(365 * n), float(n), (0.0, 60.0)) for n in range(61))
    return course(Shown(0, 0.0), Shown(365 * 60, 5e6), case=Case(scores=scores))


def hidden_dates() -> Comparison:
    return drop_dates(dense())


def one_treatment() -> Comparison:
    treatment = Treatment("diltiazem", day(-400), day(100), 60.0, "mg", "oral", "three times daily")
    return course(Shown(0, 420.0, 40.0), Shown(200, 300.0), case=Case(treatments=(treatment,)))


ALL = [reference, dense, many_scans, same_day, two_weeks, sixty_years, hidden_dates, one_treatment]


@pytest.mark.parametrize("make", ALL)
def test_no_words_lie_on_others_or_leave_the_sheet(
    make: Callable[[], Comparison], settings: FigureSettings
) -> None:
    figure = compose_timeline(make(), settings)
    figure.draw_without_rendering()
    boxes = [(one.get_text(), one.get_window_extent()) for one in figure.texts if one.get_text()]
    sheet = figure.bbox
    for words, box in boxes:
        assert sheet.x0 <= box.x0, words
        assert box.x1 <= sheet.x1, words
        assert sheet.y0 <= box.y0, words
        assert box.y1 <= sheet.y1, words
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        upwards = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across <= 0.5 or upwards <= 1.0, (one, other)  # pixels of a sheet of 50 to the inch


@pytest.mark.parametrize("make", ALL)
def test_nothing_is_said_to_have_brought_about_another_thing(
    make: Callable[[], Comparison], settings: FigureSettings
) -> None:
    assert CAUSAL.search("smaller due to alendronate")
    for words in words_of(compose_timeline(make(), settings)):
        assert not CAUSAL.search(words), words


@pytest.mark.parametrize("make", [reference, dense])
def test_same_course_gives_the_same_bytes_and_says_what_it_is(
    make: Callable[[], Comparison], settings: FigureSettings
) -> None:
    assert draw_timeline(make(), settings) == draw_timeline(make(), settings)
    assert "research use, not a medical device" in words_of(compose_timeline(make(), settings))


def marks(figure: Figure, marker: str) -> list[tuple[float, float]]:
    """Places of single marks in the panel of the burden, in inches and in its unit."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))  # type: ignore[index, arg-type]
        for line in figure.axes[0].lines
        if line.get_marker() == marker and len(line.get_xdata()) == 1  # type: ignore[arg-type]
    ]


def test_each_scan_is_a_point_with_its_limits_on_its_day(settings: FigureSettings) -> None:
    comparison = reference()
    figure = compose_timeline(comparison, settings)
    axis = course_of(comparison).axis
    assert_allclose(marks(figure, "o"), [(axis.inches(0), 19.0), (axis.inches(334), 0.0)], atol=1e-9)
    limits = [one.get_segments()[0][:, 1] for one in figure.axes[0].collections]
    assert_allclose(limits, [(17.1, 22.8), (0.0, 0.0)], atol=1e-9)


def test_days_are_in_proportion_along_the_axis() -> None:
    axis = course_of(dense()).axis
    assert axis.inches(1800) - axis.inches(1200) == pytest.approx(6 / 7 * (axis.inches(700) - axis.inches(0)))
    assert 0 < axis.inches(0) < axis.inches(1800) < PLOT_WIDTH_INCHES


def test_what_is_said_of_each_date_is_date_distance_burden_and_category(settings: FigureSettings) -> None:
    words = words_of(compose_timeline(reference(), settings))
    for expected in (
        "t0  2019-04-11", "first scan", "19.0 mL (17.1 to 22.8)",
        "t1  2020-03-10", "after 11 months", "none, seen from 5.0 mm³", "complete resolution",
    ):  # fmt: skip
        assert words.count(expected) == 1, expected


def test_every_scan_has_its_category_where_there_are_many(settings: FigureSettings) -> None:
    words = words_of(compose_timeline(many_scans(), settings))
    assert words.count("stable") == 11
    assert [words.count(f"t{n}") for n in range(12)] == [1] * 12


def test_indeterminate_volume_is_a_fainter_ring_where_there_is_some(settings: FigureSettings) -> None:
    comparison = course(Shown(0, 800.0, unsure_mm3=200.0), Shown(365, 300.0))
    figure = compose_timeline(comparison, settings)
    rings = [line for line in figure.axes[0].lines if line.get_alpha() is not None]
    assert [float(line.get_ydata()[0]) for line in rings] == [200.0]  # type: ignore[index, arg-type]
    assert rings[0].get_markerfacecolor() == "none"
    assert rings[0].get_alpha() < 1
    assert any("indeterminate" in words for words in words_of(figure))
    assert not any("indeterminate" in words for words in words_of(compose_timeline(course(*TWO), settings)))


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (Shown(365, 300.0, kvp=80.0), "80 kVp, t0 120 kVp"),
        (Shown(365, 300.0, contrast=True), "contrast agent at t1, none at t0"),
        (Shown(365, 300.0, evaluable=False), "1 place could not be judged"),
        (Shown(365, 300.0, kvp=80.0, evaluable=False), "80 kVp, t0 120 kVp, 1 place could not be judged"),
    ],
)
def test_a_scan_that_is_not_fully_comparable_is_marked_with_the_reason(
    later: Shown, why: str, settings: FigureSettings
) -> None:
    comparison = course(Shown(0, 800.0), later)
    figure = compose_timeline(comparison, settings)
    assert_allclose(marks(figure, "D"), [(course_of(comparison).axis.inches(365), 300.0)])
    assert f"◇ t1 is not fully comparable: {why}" in words_of(figure)
    date = next(one for one in figure.texts if one.get_text().startswith("t1 "))
    assert same_color(date.get_color(), WARNING)
    lines = [line for line in figure.axes[0].lines if same_color(line.get_color(), LESION)]
    joined = [line for line in lines if line.get_marker() in ("None", "") and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert any(line.is_dashed() for line in joined) == (comparison.burden_changes[0].change_mm3 is None)


def test_a_scan_like_the_one_before_but_not_the_first_is_marked_too(settings: FigureSettings) -> None:
    comparison = course(Shown(0, 800.0), Shown(100, 700.0, kvp=80.0), Shown(200, 600.0, kvp=80.0))
    words = words_of(compose_timeline(comparison, settings))
    assert "◇ t2 is not fully comparable: 80 kVp, t0 120 kVp" in words
    assert not any("not fully" in one for one in words_of(compose_timeline(course(*TWO), settings)))


def one_bar(treatment: Treatment, settings: FigureSettings) -> tuple[Sequence[Sequence[float]], list[str]]:
    """Corners of the only bar, and all words."""
    figure = compose_timeline(course(*TWO, case=Case(treatments=(treatment,))), settings)
    (bar,) = bars_of(figure)
    return bar.get_xy().tolist(), words_of(figure)


def flat(corners: Sequence[Sequence[float]], x: float) -> bool:
    """Whether the bar's whole height stands at x."""
    there = [up for across, up in corners if across == pytest.approx(x)]
    return max(there) - min(there) == pytest.approx(BAR_INCHES)


def test_a_bar_reaches_from_the_first_day_to_the_last(settings: FigureSettings) -> None:
    corners, words = one_bar(Treatment("a", day(10), day(300), 0.5, "mg", "oral", "weekly"), settings)
    axis = course_of(course(*TWO)).axis
    assert min(x for x, _ in corners) == pytest.approx(axis.inches(10))
    assert max(x for x, _ in corners) == pytest.approx(axis.inches(300))
    assert flat(corners, axis.inches(10))
    assert flat(corners, axis.inches(300))
    assert "0.5 mg  ·  oral  ·  weekly" in words


def test_a_treatment_without_an_end_goes_to_the_border_with_a_point(settings: FigureSettings) -> None:
    corners, _ = one_bar(Treatment("a", day(10)), settings)
    assert max(x for x, _ in corners) == pytest.approx(PLOT_WIDTH_INCHES)
    assert not flat(corners, PLOT_WIDTH_INCHES)


def test_a_treatment_from_before_is_cut_with_a_point_and_tells_its_start(settings: FigureSettings) -> None:
    corners, words = one_bar(Treatment("a", day(-400), day(100), 1.0, "mg"), settings)
    assert min(x for x, _ in corners) == 0
    assert not flat(corners, 0.0)
    assert max(x for x, _ in corners) == pytest.approx(course_of(course(*TWO)).axis.inches(100))
    assert "from 2018-03-07  ·  1 mg" in words


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (-1500, -1000, "from 2015-03-03 to 2016-07-15"),
        (2000, None, "from 2024-10-01"),
        (0, 2000, "to 2024-10-01"),
    ],
)
def test_days_that_the_axis_does_not_show_are_written(
    start: int, stop: int | None, expected: str, settings: FigureSettings
) -> None:
    treatment = Treatment("a", day(start), None if stop is None else day(stop))
    corners, words = one_bar(treatment, settings)
    assert expected in words
    assert min(x for x, _ in corners) >= 0
    assert max(x for x, _ in corners) <= PLOT_WIDTH_INCHES


def test_doses_in_turn_share_a_name_and_do_not_overlap(settings: FigureSettings) -> None:
    comparison = dense()
    figure = compose_timeline(comparison, settings)
    assert words_of(figure).count("prednisolone") == 1
    boxes = [one.get_extents() for one in bars_of(figure)]
    assert len(boxes) == len(comparison.case.treatments)
    for one, other in combinations(boxes, 2):
        assert not (
            one.x0 < other.x1 - 1 and other.x0 < one.x1 - 1 and one.y0 < other.y1 and other.y0 < one.y1
        )


def test_values_stand_at_their_height_between_the_ends_of_the_range(settings: FigureSettings) -> None:
    scores = (Score("CMAS", day(0), 0.0, (0.0, 52.0)), Score("CMAS", day(365), 39.0, (0.0, 52.0)))
    comparison = course(*TWO, case=Case(scores=scores))
    figure = compose_timeline(comparison, settings)
    (line,) = [one for one in figure.axes[-1].lines if one.get_marker() == "o"]
    axis, room = course_of(comparison).axis, STRIP_INCHES - 0.06 - 2 * STRIP_PAD_INCHES
    assert_allclose(line.get_xdata(), [axis.inches(0), axis.inches(365)])
    assert_allclose(line.get_ydata(), [STRIP_PAD_INCHES, STRIP_PAD_INCHES + 0.75 * room])
    words = words_of(figure)
    assert {"CMAS", "0 to 52", "0", "39"} <= set(words)


def test_of_close_values_the_ends_and_the_extremes_have_their_numbers(settings: FigureSettings) -> None:
    values = [100 + (n * 37) % 90 for n in range(60)]
    values[20], values[40] = 11, 999
    labs = tuple(LabValue("CK", day(6 * n), float(value), "U/L") for n, value in enumerate(values))
    words = words_of(compose_timeline(course(*TWO, case=Case(laboratory=labs)), settings))
    assert {str(values[0]), str(values[-1]), "11", "999"} <= set(words)


def test_what_lies_far_off_does_not_stretch_the_axis_and_is_counted(settings: FigureSettings) -> None:
    case = Case(
        examinations=(Examination("MRI", day(-9000), "oedema"), Examination("MRI", day(20), "none")),
        laboratory=(LabValue("CK", day(5000), 90.0, "U/L"), LabValue("CK", day(100), 95.0, "U/L")),
    )
    words = words_of(compose_timeline(course(*TWO, case=case), settings))
    assert course_of(course(*TWO, case=case)).axis == course_of(course(*TWO)).axis
    assert "other examinations (1 earlier)" in words
    assert "U/L, 1 later" in words
    assert not any("oedema" in one for one in words)


def test_what_there_is_no_room_for_is_counted(settings: FigureSettings) -> None:
    labs = tuple(LabValue(f"value {n}", day(0), 1.0, "U/L") for n in range(MOST_SERIES + 3))
    treatments = tuple(Treatment(f"drug {n}", day(0)) for n in range(40))
    words = words_of(compose_timeline(course(*TWO, case=Case(treatments, laboratory=labs)), settings))
    assert "3 more laboratory values in comparison.json" in words
    assert "16 more treatments in comparison.json" in words


def test_no_date_is_drawn_where_dates_are_dropped(settings: FigureSettings) -> None:
    assert any(re.search(r"\d{4}-\d{2}", one) for one in words_of(compose_timeline(dense(), settings)))
    words = words_of(compose_timeline(hidden_dates(), settings))
    assert not any(re.search(r"\d{4}-\d{2}|\b(19|20)\d\d\b", one) for one in words)
    assert any(one.startswith("from day −300") for one in words)


def test_signs_that_the_font_does_not_have_are_question_marks(settings: FigureSettings) -> None:
    case = Case(examinations=(Examination("MRI", day(20), "浮腫 none"),))
    words = words_of(compose_timeline(course(*TWO, case=case), settings))
    assert "MRI 2019-05-01: ?? none" in words  # and no warning, which would fail


@pytest.mark.parametrize("words", ["from $5 to $6", "$x_", r"a $\frac$ b", r"\$ and $^$", "50 % {of} it"])
def test_words_are_no_formulas(words: str, settings: FigureSettings) -> None:
    case = Case(
        treatments=(Treatment(words, day(0), None, 1.0, "mg", words),),
        examinations=(Examination(words, day(20), words),),
        scores=(Score(words, day(20), 3.0),),
    )
    drawn = words_of(compose_timeline(course(*TWO, case=case), settings))
    assert f"{words} 2019-05-01: {words}" in drawn
    assert drawn.count(words) == 2  # names of the treatment and the score


def test_the_timeline_is_written_beside_the_tracks(settings: FigureSettings, tmp_path: Path) -> None:
    comparison = replace(reference(), tracks=())
    written = write_comparison_figures(comparison, tmp_path, settings)
    assert [one.name for one in written] == ["timeline.png"]
    assert written[0].read_bytes() == draw_timeline(comparison, settings)


def test_scans_of_unknown_days_have_no_timeline(settings: FigureSettings, tmp_path: Path) -> None:
    comparison = replace(reference(), tracks=())
    points = tuple(replace(point, date=None, days_from_first=None) for point in comparison.time_points)
    undated = replace(comparison, time_points=points, case=Case())
    assert not can_be_drawn(undated)
    assert write_comparison_figures(undated, tmp_path, settings) == []
