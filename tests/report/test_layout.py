from __future__ import annotations

import numpy as np

from pipeline.report.layout import SOLID, empty_ground, place_arrow
from pipeline.report.panels import Section


def square(side_mm: float, middle_mm: tuple[float, float] = (0.0, 0.0)) -> Section:
    centres = np.arange(-side_mm / 2 - 0.5, side_mm / 2 + 1.0)
    inside = np.pad(np.ones((len(centres) - 2, len(centres) - 2), dtype=bool), 1)
    return Section(centres + middle_mm[0], centres + middle_mm[1], inside)


def test_words_do_not_cover_what_is_taken() -> None:
    ground = empty_ground(50.0, 50.0)
    ground.cover_section(square(40.0), SOLID)
    size = np.array([20.0, 5.0])
    place = ground.place_box(size, np.array([[0.0, 0.0]]), far_from_mm=np.empty((0, 2)))
    assert (np.abs(place) - size / 2 >= 20.0).any()


def test_words_stay_inside_the_panel_when_their_anchor_lies_at_its_border() -> None:
    ground = empty_ground(50.0, 50.0)
    size = np.array([20.0, 5.0])
    place = ground.place_box(size, np.array([[50.0, 50.0]]), far_from_mm=np.empty((0, 2)))
    assert (np.abs(place) + size / 2 <= 50.0).all()


def test_two_words_at_one_anchor_do_not_overlap() -> None:
    ground = empty_ground(50.0, 50.0)
    size, anchor = np.array([20.0, 5.0]), np.array([[0.0, 0.0]])
    first = ground.place_box(size, anchor, far_from_mm=np.empty((0, 2)))
    second = ground.place_box(size, anchor, far_from_mm=np.empty((0, 2)))
    assert (np.abs(first - second) >= size).any()


def test_arrow_ends_beside_its_section_and_points_at_it() -> None:
    ground, section = empty_ground(50.0, 50.0), square(20.0)
    ground.cover_section(section, SOLID)
    arrow = place_arrow(ground, section, length_mm=15.0, gap_mm=2.0)
    way = np.linspace(0.0, 1.0, 50)[:, None] * (arrow.tail_mm - arrow.tip_mm) + arrow.tip_mm
    assert not section.holds(way).any()
    onward = arrow.tip_mm + (arrow.tip_mm - arrow.tail_mm) / 15.0 * 3.0
    assert section.holds(onward[None]).all()


def test_arrow_comes_from_the_side_with_room() -> None:
    ground, section = empty_ground(50.0, 50.0), square(10.0, (40.0, 0.0))
    ground.cover_section(section, SOLID)
    arrow = place_arrow(ground, section, length_mm=15.0, gap_mm=2.0)
    assert arrow.tail_mm[0] < 40.0


def test_arrow_does_not_cross_a_neighbour() -> None:
    ground, section = empty_ground(50.0, 50.0), square(10.0)
    neighbours = [square(14.0, place) for place in ((-16.0, 0.0), (0.0, 16.0), (0.0, -16.0))]
    for one in (section, *neighbours):
        ground.cover_section(one, SOLID)
    arrow = place_arrow(ground, section, length_mm=15.0, gap_mm=2.0)
    assert arrow.tail_mm[0] > 10.0
