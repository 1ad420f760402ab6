"""A node within this process, and senders that behave well or badly."""

from __future__ import annotations

import gc
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from pipeline.config import Settings
from pipeline.receive.serve import serve
from tests.series import good_series

pynetdicom = pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")
WAIT_S = 20.0


def until(true: Callable[[], object], what: str = "", seconds: float = WAIT_S) -> None:
    """Wait until something holds; a test that waits in vain says for what."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain {what}")
        time.sleep(0.02)


@dataclass
class Running:
    """A node that runs, and what it has told."""

    out: Path
    stop: threading.Event
    lines: list[str] = field(default_factory=list)
    port: int = 0
    failure: BaseException | None = None

    def told(self, words: str) -> int:
        """How many lines hold these words."""
        return sum(words in line for line in self.lines)

    def images(self) -> list[Path]:
        return sorted((self.out / "images").glob("*/*.dcm"))

    def on_the_way(self) -> list[Path]:
        return sorted((self.out / "incoming").glob("*.dcm"))


@contextmanager
def running_node(out: Path, **receive: Any) -> Iterator[Running]:
    """A node with quick settings; an error of its own fails the test."""
    usual = {"port": 0, "allow": ["SCANNER"], "quiet_seconds": 3600, "free_gb": 0, "network_seconds": 5}
    settings = Settings().with_(receive={**usual, **receive}, figures={"enabled": False})
    one, ready = Running(out, threading.Event()), threading.Event()

    def started(port: int) -> None:
        one.port = port
        ready.set()

    def run() -> None:
        try:
            serve(out, settings, one.stop, one.lines.append, on_start=started)
        except BaseException as error:
            one.failure = error
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        if one.failure is None:
            yield one
    finally:
        one.stop.set()
        thread.join(WAIT_S)
    assert not thread.is_alive()
    _collect_sockets()
    if one.failure is not None:
        raise one.failure


def _collect_sockets() -> None:
    """As a requestor the library leaves the socket of a connection that was refused to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def box_study(patient: str = "P-1", *, seed: str = "study") -> list[Dataset]:
    """A small series under UIDs of its own."""
    images = good_series()
    for n, image in enumerate(images):
        image.PatientID = patient
        image.StudyInstanceUID = generate_uid(entropy_srcs=[seed])
        image.SeriesInstanceUID = generate_uid(entropy_srcs=[seed, "series"])
        image.SOPInstanceUID = generate_uid(entropy_srcs=[seed, str(n)])
    return images


@contextmanager
def association(node: Running, *, title: str = "SCANNER", called: str = "CALCINOSIS") -> Iterator[Any]:
    """An association for CT and for an echo; it may be refused."""
    entity = pynetdicom.AE(ae_title=title)
    for sop_class in ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.1"):
        entity.add_requested_context(sop_class, "1.2.840.10008.1.2.1")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    one = entity.associate("127.0.0.1", node.port, ae_title=called)
    try:
        yield one
    finally:
        if one.is_established:
            one.release()


def send(node: Running, images: Sequence[Dataset]) -> list[int]:
    """Send images over one association; the status of each answer."""
    with association(node) as one:
        assert one.is_established
        return [int(one.send_c_store(image).Status) for image in images]


def raw(node: Running, data: bytes = b"") -> socket.socket:
    """A connection that sends whatever it likes."""
    one = socket.create_connection(("127.0.0.1", node.port), timeout=10)
    one.sendall(data)
    return one


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, within some time."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
