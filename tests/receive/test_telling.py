"""What is told of many events, and of errors."""

from __future__ import annotations

from pipeline.errors import InputRefused, OutputError
from pipeline.receive.telling import MOST_IN_MINUTE, News, Teller, code_of


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_peer_that_is_refused_over_and_over_does_not_fill_the_log() -> None:
    lines: list[str] = []
    clock = Clock()
    tell = Teller(lines.append, clock)
    for _ in range(1000):
        tell(News("association refused", bad=True))
    assert len(lines) == MOST_IN_MINUTE
    clock.now_s += 61
    tell.tell_rest()
    assert lines[-1].endswith("association refused, more of these, 990")
    tell(News("association refused", bad=True))
    assert len(lines) == MOST_IN_MINUTE + 2


def test_what_concerns_a_study_is_always_told() -> None:
    lines: list[str] = []
    tell = Teller(lines.append, Clock())
    for _ in range(100):
        tell(News("image kept apart", "1" * 16, code="UID_CONFLICT", bad=True))
    assert len(lines) == 100


def test_of_an_error_its_code_or_kind_is_told_and_never_its_words() -> None:
    assert code_of(InputRefused("NO_CT", "Paula")) == "NO_CT"
    assert code_of(OutputError("Paula")) == "OutputError"
    assert code_of(PermissionError("Paula")) == "PermissionError"
    assert code_of(ValueError("Paula")) == "FAILED"
