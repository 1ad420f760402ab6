"""Limits on what a peer may send, counted without a network."""

from __future__ import annotations

import pytest

from pipeline.receive.guard import COMMAND_BYTES, Frame, Meter


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


HEAD_OF_10 = b"\x04\x00\x00\x00\x00\x0a"


def test_a_pdu_that_claims_too_much_ends_the_connection_at_its_head() -> None:
    frame = Frame(most_bytes=9, seconds=1)
    with pytest.raises(ConnectionAbortedError):
        frame.take(HEAD_OF_10)


@pytest.mark.parametrize("size", [1, 3, 6, 7, 16, 100])
def test_pdus_are_followed_however_their_bytes_come(size: int) -> None:
    frame = Frame(most_bytes=10, seconds=1)
    stream = (HEAD_OF_10 + bytes(10)) * 3
    for start in range(0, 48, min(size, 16)):
        end = min(start + min(size, 16), 48)
        if start // 16 != (end - 1) // 16:  # the library never reads over the end of a PDU
            middle = end // 16 * 16
            frame.take(stream[start:middle])
            frame.take(stream[middle:end])
        else:
            frame.take(stream[start:end])
    with pytest.raises(ConnectionAbortedError):
        frame.take(b"\x04\x00\xff\xff\xff\xff")


def test_a_pdu_must_come_within_its_time_and_the_next_one_has_its_own() -> None:
    clock = Clock()
    frame = Frame(most_bytes=10, seconds=5, clock=clock)
    assert frame.seconds_left() == 5
    frame.take(HEAD_OF_10)
    clock.now_s = 4
    assert frame.seconds_left() == 1
    frame.take(bytes(10))
    clock.now_s = 100
    assert frame.seconds_left() == 5
    clock.now_s = 105
    with pytest.raises(TimeoutError):
        frame.seconds_left()


COMMAND, LAST_COMMAND, DATA, LAST_DATA = b"\1", b"\3", b"\0", b"\2"


def a_meter(most_bytes: int = 100, clock: Clock | None = None) -> Meter:
    return Meter(most_bytes, 10, 1000, clock or Clock())


def test_a_dataset_is_cut_once_it_is_larger_than_it_may_be_and_the_next_one_is_not() -> None:
    meter = a_meter(most_bytes=100)
    assert meter.weigh(LAST_COMMAND + bytes(50)) == "take"
    verdicts = [meter.weigh(DATA + bytes(60)) for _ in range(3)]
    assert verdicts == ["take", "take", "leave_out"]  # 120 bytes tell that it was too large
    assert meter.weigh(LAST_DATA + bytes(60)) == "leave_out"
    assert meter.weigh(LAST_COMMAND + bytes(50)) == "take"
    assert meter.weigh(LAST_DATA + bytes(60)) == "take"


def test_a_command_without_end_ends_the_association() -> None:
    meter = a_meter()
    piece = COMMAND + bytes(COMMAND_BYTES // 4)
    assert [meter.weigh(piece) for _ in range(5)] == ["take"] * 4 + ["end"]


def test_a_fragment_without_a_byte_ends_the_association() -> None:
    assert a_meter().weigh(b"") == "end"


def test_an_object_that_drips_ends_the_association() -> None:
    clock = Clock()
    meter = a_meter(10**9, clock)
    meter.weigh(LAST_COMMAND)
    for clock.now_s in range(10):
        assert meter.weigh(DATA + b"x") == "take"
    clock.now_s = 11
    assert meter.weigh(DATA + b"x") == "end"


def test_an_object_that_comes_steadily_may_take_long() -> None:
    clock = Clock()
    meter = a_meter(10**9, clock)
    meter.weigh(LAST_COMMAND)
    for clock.now_s in range(1000):
        assert meter.weigh(DATA + bytes(1001)) == "take"
