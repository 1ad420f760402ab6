"""Ticks of time, and words packed in rows."""

from __future__ import annotations

import datetime as dt
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.packing import Span, beside, pack_rows, spread
from pipeline.report.time_axis import MOST_TICKS, day_text, distance_text, time_axis

FIRST = dt.date(2019, 4, 11)


@given(span=st.integers(0, 40_000), known=st.booleans())
def test_ticks_are_few_rise_and_lie_on_the_axis(span: int, known: bool) -> None:
    axis = time_axis([0, span], [], width_inches=10.0, first_date=FIRST if known else None)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    assert all(axis.holds(days) for days, _ in ticks)
    assert all(one[0] < other[0] for one, other in pairwise(ticks))
    assert len({label for _, label in ticks}) == len(ticks)


def test_ticks_are_the_firsts_of_months_with_their_names() -> None:
    ticks = time_axis([0, 334], [], width_inches=10.0, first_date=FIRST).ticks()
    for days, label in ticks:
        date = FIRST + dt.timedelta(days=days)
        assert (date.day, label) == (1, f"{date:%Y-%m}")
    assert [label for _, label in ticks][:3] == ["2019-04", "2019-05", "2019-06"]


def test_many_years_are_ticked_by_years() -> None:
    labels = [label for _, label in time_axis([0, 20_000], [], width_inches=10.0, first_date=FIRST).ticks()]
    assert labels[:3] == ["2020", "2025", "2030"]


def test_without_dates_ticks_count_from_the_first_scan() -> None:
    ticks = time_axis([0, 1100], [], width_inches=10.0, first_date=None).ticks()
    assert ticks[0] == (0.0, "0 months")
    assert (pytest.approx(730.485), "2 years") in ticks


def test_the_first_year_there_is_has_an_axis() -> None:
    axis = time_axis([0, 400], [], width_inches=10.0, first_date=dt.date(1, 1, 1))
    assert axis.ticks()[-1][1].startswith("0002-")


@given(st.lists(st.integers(-2000, 2000), max_size=8), st.integers(0, 900))
def test_the_axis_holds_the_scans_and_what_is_near_them(events: list[int], span: int) -> None:
    axis = time_axis([0, span], events, width_inches=10.0, first_date=None)
    reach = max(span / 2, 14)
    assert axis.start_days < 0
    assert axis.end_days > span
    for event in events:
        if -reach <= event <= span + reach:
            assert axis.holds(event)
    assert axis.inches(axis.end_days) == pytest.approx(10.0)


def test_time_is_told_in_days_months_and_years() -> None:
    told = [distance_text(days) for days in (0, 1, 59, 60, 334, 548, 730, 1826)]
    expected = ["0 days", "1 day", "59 days", "2 months", "11 months", "18 months", "2 years", "5 years"]
    assert told == expected
    assert day_text(-30, None) == "day −30"
    assert day_text(-30, FIRST) == "2019-03-12"


SPANS = st.lists(
    st.tuples(st.floats(0, 9), st.floats(0, 4)).map(lambda one: Span(one[0], one[0] + one[1])), max_size=12
)


@given(SPANS)
def test_in_a_row_no_spans_meet_and_rows_are_no_more_than_needed(spans: list[Span]) -> None:
    rows = pack_rows(spans)
    for (one, row), (other, other_row) in combinations(zip(spans, rows, strict=True), 2):
        assert row != other_row or not one.meets(other)
    if not any(one.meets(other) for one, other in combinations(spans, 2)):
        assert set(rows) <= {0}


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6).map(sorted), st.floats(0.1, 3))
def test_boxes_moved_apart_keep_their_order_and_their_room(middles: list[float], width: float) -> None:
    placed = spread(middles, width, 10.0)
    if placed is None:
        assert width * len(middles) > 10.0
        return
    assert placed[0] >= width / 2 - 1e-9
    assert placed[-1] <= 10.0 - width / 2 + 1e-9
    assert all(other - one >= width - 1e-9 for one, other in pairwise(placed))


def test_boxes_that_do_not_meet_stay_where_they_are() -> None:
    assert spread([1.0, 4.0, 8.0], 2.0, 10.0) == [1.0, 4.0, 8.0]


def test_words_stand_right_of_a_mark_or_left_where_the_room_ends() -> None:
    mark = Span(5.0, 5.2)
    assert beside(mark, 2.0, 10.0).left > mark.right
    assert beside(mark, 4.9, 10.0).right < mark.left
    assert beside(Span(1.0, 1.2), 9.5, 10.0).left > 1.2  # more room there, though not enough
