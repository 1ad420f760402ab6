"""When a study is complete, by a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import ReceiveSettings
from pipeline.receive.identify import Arrival
from pipeline.receive.state import State
from pipeline.receive.watch import complete_studies

STUDY = "0123456789abcdef"
SETTINGS = ReceiveSettings(quiet_seconds=60.0, patience_seconds=900.0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """One image of one study came at second 1000."""
    one = State(tmp_path / "node.sqlite")
    add(one, 1000.0)
    yield one
    one.close()


def add(state: State, now_s: float, image: str = "a") -> None:
    arrival = Arrival(STUDY, "p", None, "F", None, image, "1.2")
    state.add(arrival, "c", 1, now_s)


def complete(state: State, now_s: float, *, is_open: bool = False) -> list[str]:
    found = complete_studies(state, now_s, SETTINGS, {STUDY} if is_open else set())
    return [one.key for one in found]


def test_a_study_is_complete_after_the_quiet_time_and_only_once(state: State) -> None:
    assert complete(state, 1059.9) == []
    assert complete(state, 1060.0) == [STUDY]
    assert complete(state, 1100.0) == []


def test_each_image_starts_the_quiet_time_anew(state: State) -> None:
    add(state, 1050.0, "b")
    assert complete(state, 1070.0) == []
    assert complete(state, 1110.0) == [STUDY]


def test_an_open_association_is_waited_for_but_not_for_ever(state: State) -> None:
    assert complete(state, 1800.0, is_open=True) == []
    assert complete(state, 1900.0, is_open=True) == [STUDY]


def test_a_later_image_makes_a_complete_study_incomplete(state: State) -> None:
    assert complete(state, 1060.0) == [STUDY]
    add(state, 1061.0, "b")
    assert complete(state, 1062.0) == []
    assert complete(state, 1121.0) == [STUDY]


def test_a_clock_that_was_set_back_does_not_hold_a_study_for_ever(state: State) -> None:
    assert complete(state, 10.0) == []
    assert complete(state, 69.0) == []
    assert complete(state, 70.0) == [STUDY]
