"""What is posted arrives once at each place, whatever goes wrong before."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import Comprehensive3DSRStorage

from pipeline.config import Settings
from pipeline.receive.send import send_due
from pipeline.receive.state import Letter, State
from pipeline.receive.store import Limits, Store
from pipeline.receive.telling import Teller
from pipeline.receive.work import Desk, way_of
from tests.dicom_out.archive import free_port
from tests.receive.peers import box_study, pynetdicom

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
SR = str(Comprehensive3DSRStorage)


class Post:
    """A desk with one object in its outbox."""

    def __init__(self, folder: Path, port: int, **receive: Any) -> None:
        self.now_s, self.lines, self.port = 0.0, [], port  # type: float, list[str], int
        self.place = f"ARCHIVE@localhost:{port}"
        own = {"send_to": [self.place], "network_seconds": 3, "retry_seconds": 60, **receive}
        settings = Settings().with_(receive=own)
        self.state = State(folder / "node.sqlite")
        store = Store(folder, Limits(1, 1, 0, 1), self.state)
        self.desk = Desk(
            folder, settings.receive, way_of(settings), store, self.state, Teller(self.lines.append),
            threading.Event(), lambda: self.now_s,
        )  # fmt: skip
        self.file = folder / "results.dcm"
        image, *_ = box_study()
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = SR
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(self.file, enforce_file_format=True)
        self.uid = str(image.SOPInstanceUID)
        self.state.post(Letter(self.uid, self.place, self.file.name, "1" * 16, 0))

    def told(self, words: str) -> int:
        return sum(words in line for line in self.lines)


@contextmanager
def archive(
    port: int, *, status: int = 0, sop_class: str = SR, context: ssl.SSLContext | None = None
) -> Iterator[list[str]]:
    """One that answers with a status; the UIDs it was given."""
    got: list[str] = []
    entity = pynetdicom.AE(ae_title="ARCHIVE")
    entity.add_supported_context(sop_class)

    def take(event: Any) -> int:
        got.append(str(event.request.AffectedSOPInstanceUID))
        return status

    handlers = [(pynetdicom.evt.EVT_C_STORE, take)]
    server = entity.start_server(("127.0.0.1", port), block=False, ssl_context=context, evt_handlers=handlers)
    try:
        yield got
    finally:
        server.shutdown()


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, free_port())


def test_an_object_is_sent_once(post: Post) -> None:
    with archive(post.port) as got:
        assert send_due(post.desk)
        assert not send_due(post.desk)
    assert got == [post.uid]
    assert (post.state.unsent(), post.told("results sent, 1")) == (0, 1)


def test_what_cannot_be_sent_is_kept_and_sent_when_the_archive_is_there(post: Post) -> None:
    for wait_s in (60, 120, 240):
        assert send_due(post.desk)
        assert not send_due(post.desk)  # not before its time
        post.now_s += wait_s
    assert post.told("NOT_REACHED") == 3
    with archive(post.port) as got:
        send_due(post.desk)
    assert got == [post.uid]
    assert post.state.unsent() == 0


@pytest.mark.parametrize(("status", "code"), [(0xA700, "STATUS_A700"), (0x0124, "STATUS_0124")])
def test_what_an_archive_refuses_is_kept_with_its_answer(post: Post, status: int, code: str) -> None:
    with archive(post.port, status=status):
        send_due(post.desk)
    assert post.told(code) == 1
    assert post.state.unsent() == 1


def test_what_an_archive_stores_with_a_warning_has_arrived(post: Post) -> None:
    with archive(post.port, status=0xB000):
        send_due(post.desk)
    assert post.state.unsent() == 0


def test_an_archive_that_takes_no_such_class_is_named(post: Post) -> None:
    with archive(post.port, sop_class="1.2.840.10008.5.1.4.1.1.2"):
        send_due(post.desk)
    assert post.told("NOT_AGREED") + post.told("NOT_REACHED") == 1
    assert post.state.unsent() == 1


def test_an_object_that_another_one_has_replaced_is_forgotten(post: Post) -> None:
    post.file.unlink()
    send_due(post.desk)
    assert (post.lines, post.state.unsent()) == ([], 0)


def test_a_place_that_is_not_sent_to_any_more_is_left(post: Post) -> None:
    post.state.post(Letter(post.uid, "OLD@localhost:1", post.file.name, "1" * 16, 0))
    with archive(post.port) as got:
        send_due(post.desk)
    assert got == [post.uid]


@pytest.mark.parametrize(("known", "arrives"), [("own", True), ("other", False)])
def test_results_go_by_tls_to_an_archive_that_proves_its_name(
    keys: Path, tmp_path: Path, known: str, arrives: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "own.pem", keys / "own.key")
    post = Post(tmp_path, free_port(), send_tls=True, tls_ca=str(keys / f"{known}.pem"))
    with archive(post.port, context=context) as got:
        send_due(post.desk)
    assert bool(got) is arrives
