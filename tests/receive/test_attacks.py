"""Whatever a peer sends, the node lives, answers the next one, and keeps no half file."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.receive.peers import Running, association, box_study, is_closed, raw, running_node, send, until

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
"""The library leaves files and sockets of broken associations to the collector of garbage."""
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all attacks: it must survive the sum of them."""
    folder = tmp_path_factory.mktemp("attacked") / "out"
    with running_node(folder, network_seconds=1, associations=3, object_mb=2) as one:
        yield one
        until(lambda: not one.on_the_way(), "for what was left on its way")


@pytest.fixture(autouse=True)
def alive(node: Running) -> Iterator[None]:
    """After each attack the node answers a good peer."""
    yield
    until(lambda: _echo(node), "for an echo")


def _echo(node: Running) -> bool:
    with association(node) as one:
        return one.is_established and int(one.send_c_echo().Status) == 0


def element(number: int, value: bytes) -> bytes:
    """An element of a command set (PS3.7 6.3.1)."""
    return struct.pack("<HHI", 0, number, len(value)) + value


def command(*, instance: bytes = b"1.2.3", sop_class: bytes = CT.encode()) -> bytes:
    """The command set of a C-STORE request (PS3.7 9.3.1)."""

    def uid(text: bytes) -> bytes:
        return text + b"\0" * (len(text) % 2)

    fields = (
        (0x0002, uid(sop_class)),
        (0x0100, b"\1\0"),
        (0x0110, b"\1\0"),
        (0x0700, b"\0\0"),
        (0x0800, b"\0\0"),
        (0x1000, uid(instance)),
    )
    body = b"".join(element(number, value) for number, value in fields)
    return element(0, struct.pack("<I", len(body))) + body


def fragment(data: bytes, *, is_command: bool, last: bool, context: int = 1) -> bytes:
    """A P-DATA-TF PDU of one fragment (PS3.8 9.3.5)."""
    value = bytes([context, is_command | last << 1]) + data
    return b"\4\0" + struct.pack(">I", len(value) + 4) + struct.pack(">I", len(value)) + value


def wire(one: Any) -> socket.socket:
    connection: socket.socket = one.dul.socket.socket
    return connection


def ends(connection: socket.socket, data: bytes, *, times: int, pause_s: float = 0.0) -> bool:
    """Whether the other side ends a connection over which the same is sent again and again."""
    try:
        for _ in range(times):
            connection.sendall(data)
            time.sleep(pause_s)
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(6),
        b"\x01\x00\x00\x00\x00\x00",
        b"\x01\x00\xff\xff\xff\xff" + bytes(100),
        b"\x04\x00\x7f\xff\xff\xff" + bytes(100),
        b"\x01\x00\x00\x00\x00\x44" + b"\xff" * 0x44,
        b"\x05\x00\x00\x00\x00\x04" + bytes(4),
        b"\x07\x00\x00\x00\x00\x04" + bytes(4),
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",
        b"\x09\x00\x00\x00\x00\x04" + bytes(4),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    ],
    ids=range(11),
)
def test_what_is_no_association_is_closed(node: Running, data: bytes) -> None:
    with raw(node, data) as one:
        assert is_closed(one)


def test_pdus_with_bytes_changed_at_random_end_one_association_at_most(node: Running) -> None:
    chance = random.Random(5)
    good = fragment(command(), is_command=True, last=True) + fragment(bytes(60), is_command=False, last=True)
    for _ in range(25):
        broken = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        with association(node) as one:
            if one.is_established:
                wire(one).sendall(bytes(broken))
                time.sleep(0.02)
            one.abort()


def test_connections_that_say_nothing_are_closed_and_never_too_many(node: Running) -> None:
    idle = [raw(node, b"\x01\x00\x00") for _ in range(30)]
    try:
        until(lambda: sum(is_closed(one) for one in idle) == 30, "for the end of idle connections")
    finally:
        for one in idle:
            one.close()


def test_a_pdu_that_drips_is_not_waited_for(node: Running) -> None:
    with raw(node, b"\x01\x00\x00\x00\x10\x00") as one:
        started = time.monotonic()
        assert ends(one, b"x", times=100, pause_s=0.1)
        assert time.monotonic() - started < 5


def test_an_association_that_breaks_off_in_an_object_leaves_no_half_file_and_the_rest_stays(
    node: Running,
) -> None:
    image = box_study("P-7", seed="broken off")[0]
    before = len(node.images())
    with association(node) as one:
        assert int(one.send_c_store(image).Status) == 0
        wire(one).sendall(fragment(command(), is_command=True, last=True))
        wire(one).sendall(fragment(bytes(5000), is_command=False, last=False))
        until(node.on_the_way, "for the beginning of a file")
        one.abort()
    until(lambda: not node.on_the_way(), "for the half file to be removed")
    assert len(node.images()) == before + 1


def test_a_command_without_end_is_not_gathered(node: Running) -> None:
    with association(node) as one:
        piece = fragment(bytes(8000), is_command=True, last=False)
        assert ends(wire(one), piece, times=2000, pause_s=0.002)


def test_requests_that_wait_for_no_answer_are_not_queued_without_end(node: Running) -> None:
    request = fragment(command(), is_command=True, last=True)
    body = fragment(bytes(100_000), is_command=False, last=True)
    with association(node) as one:
        assert ends(wire(one), request + body, times=3000)
        assert len(node.on_the_way()) < 30


def test_an_object_without_end_fills_neither_memory_nor_disk(node: Running) -> None:
    own = psutil.Process()
    before = own.memory_info().rss
    piece = fragment(bytes(100_000), is_command=False, last=False)
    with association(node) as one:
        wire(one).sendall(fragment(command(), is_command=True, last=True))
        for _ in range(1000):
            wire(one).sendall(piece)
        until(node.on_the_way)
        assert max(file.stat().st_size for file in node.on_the_way()) < 3e6
        assert own.memory_info().rss - before < 50e6
        one.abort()


@pytest.mark.parametrize("instance", [b"../../x", b"1.2.3\0../x", b"9" * 64, b"", b"1" * 200, b"\xff\xfe"])
def test_a_hostile_uid_in_the_command_becomes_no_name(node: Running, instance: bytes) -> None:
    before = len(node.images())
    with association(node) as one:
        wire(one).sendall(fragment(command(instance=instance), is_command=True, last=True))
        wire(one).sendall(fragment(bytes(100), is_command=False, last=True))
        time.sleep(0.1)
        one.abort()
    assert len(node.images()) == before
    assert {path.name for path in node.out.parent.iterdir()} == {"out"}


def test_an_object_under_a_context_that_was_not_agreed_on_is_not_taken(node: Running) -> None:
    with association(node) as one:
        wire(one).sendall(fragment(command(), is_command=True, last=True, context=99))
        wire(one).sendall(fragment(bytes(100), is_command=False, last=True, context=99))
        time.sleep(0.1)
        one.abort()


def test_another_class_than_was_agreed_on_is_refused(node: Running) -> None:
    before = node.told("WRONG_CLASS")
    with association(node) as one:
        verification = command(sop_class=b"1.2.840.10008.5.1.4.1.1.4")
        wire(one).sendall(fragment(verification, is_command=True, last=True))
        wire(one).sendall(fragment(bytes(100), is_command=False, last=True))
        until(lambda: node.told("WRONG_CLASS") > before, "for a refusal")


@pytest.mark.parametrize(
    ("depth", "code"), [(10, "WRONG_CLASS"), (60, "RESOURCE_LIMIT"), (20_000, "RESOURCE_LIMIT")]
)
def test_sequences_within_sequences_are_walked_or_refused(node: Running, depth: int, code: str) -> None:
    opened = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth
    _is_refused(node, opened + closed, code)


def test_very_many_empty_elements_are_refused(node: Running) -> None:
    _is_refused(node, b"\x09\x00\x10\x00LO\0\0" * 200_000, "WRONG_CLASS")


def _is_refused(node: Running, dataset: bytes, code: str) -> None:
    """Send a dataset as it is, and see it refused by its code."""
    before = node.told(f"image refused, {code}")
    with association(node) as one:
        data = fragment(command(), is_command=True, last=True)
        pieces = [dataset[n : n + 100_000] for n in range(0, len(dataset), 100_000)]
        for n, piece in enumerate(pieces, 1):
            data += fragment(piece, is_command=False, last=n == len(pieces))
        wire(one).sendall(data)
        until(lambda: node.told(f"image refused, {code}") > before, f"for {code}")


def test_patients_and_studies_of_odd_names_stay_within_the_store(node: Running) -> None:
    odd = ["../../x", "=cmd|'/c calc'!A1", "<img src=x onerror=alert(1)>", "\x1b[31m\r\n", "山田^太郎"]
    for n, text in enumerate(odd):
        image = box_study(seed=f"odd {n}")[0]
        image.SpecificCharacterSet = "ISO_IR 192"
        image.add_new("PatientID", "UT", text)
        image["PatientID"].VR = "LO"
        assert send(node, [image]) == [0]
    assert {path.name for path in node.out.parent.iterdir()} == {"out"}
    shown = "\n".join(node.lines)
    assert not [text for text in odd if text in shown]
