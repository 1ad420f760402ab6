"""Associations: who may open one, what is taken, and what the peer is told."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pipeline.config import ReceiveSettings
from pipeline.dicom.codecs import COMPRESSED
from pipeline.dicom.parse import DEFLATED
from pipeline.dicom.pixels import NATIVE
from pipeline.errors import InputRefused, UsageError
from pipeline.receive.guard import ASSOCIATE_BYTES, MOST_QUEUED, Frame, GuardedServer, Meter, tls_context
from pipeline.receive.identify import CT_CLASSES, content_hash, dataset_start, identify
from pipeline.receive.store import Store
from pipeline.receive.telling import News, Teller, code_of

TRANSFER_SYNTAXES = (*(one for one in NATIVE if one != DEFLATED), *COMPRESSED)
"""What the reader decodes; a deflated dataset could be any size, and every sender can do without."""

STATUS = {
    "WRONG_CLASS": 0x0122,
    "RESOURCE_LIMIT": 0xA700,
    "STORE_FULL": 0xA700,
    "BAD_UID": 0xA900,
    "UNREADABLE": 0xC000,
}
"""What a sender is told (PS3.4 B.2.3)."""
NOT_WRITTEN = 0xA701
TAKEN = 0x0000
LOOK_AT_DISK_BYTES = 2**24
"""After each so many bytes of an object it is asked whether the disk is full."""
GRACE_SECONDS = 3.0
"""How long associations may go on when the node stops."""


class Node:
    """Listens for associations and puts what they bring into the store."""

    def __init__(self, settings: ReceiveSettings, store: Store, salt: bytes, tell: Teller) -> None:
        self._settings, self._store, self._salt, self._tell = settings, store, salt, tell
        self._lock = threading.Lock()
        self._brought: dict[Association, dict[str, int]] = {}
        self._meters: dict[Association, Meter] = {}
        self._server: GuardedServer | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        UsageError
            If the address or port cannot be had.
        """
        own, context = self._settings, None
        if own.tls_cert is not None and own.tls_key is not None:
            context = tls_context(own.tls_cert, own.tls_key, own.tls_ca)
        try:
            server = self._application().make_server(
                (own.host, own.port),
                ssl_context=context,
                evt_handlers=self._handlers(),
                server_class=GuardedServer,
                networks=[ip_network(one) for one in own.allow_from],
                make_frame=lambda: Frame(max(own.pdu_bytes + 64, ASSOCIATE_BYTES), own.network_seconds),
                failed=lambda: self._tell(News("connection refused or broken", bad=True)),
            )
        except OSError as error:
            why = error.strerror or "no such address"
            raise UsageError(f"cannot listen on {own.host} port {own.port}: {why}") from error
        self._server = cast(GuardedServer, server)
        threading.Thread(target=server.serve_forever, args=(0.2,), name="listener", daemon=True).start()

    def _application(self) -> AE:
        own = self._settings
        entity = AE(ae_title=own.aet)
        entity.add_supported_context(Verification)
        for sop_class in CT_CLASSES:
            entity.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))
        entity.require_called_aet = True
        entity.require_calling_aet = list(own.known_titles) or [secrets.token_hex(8)]  # empty means anybody
        entity.maximum_associations = own.associations
        entity.maximum_pdu_size = own.pdu_bytes
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = own.network_seconds
        return entity

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_PDU_RECV, self._on_pdu),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_C_ECHO, lambda _: TAKEN),
            (evt.EVT_REJECTED, lambda _: self._tell(News("association refused", bad=True))),
        ]

    def stop(self) -> None:
        """Take no more associations; those that are open may end what they are at, for a moment."""
        if self._server is None:
            return
        self._server.shutdown()
        until = time.monotonic() + GRACE_SECONDS
        while self._server.active_associations and time.monotonic() < until:
            time.sleep(0.05)
        for one in self._server.active_associations:
            _hang_up(one)
        for one in self._server.active_associations:
            one.join(timeout=GRACE_SECONDS)
        self.open_studies()

    def open_studies(self) -> set[str]:
        """Studies that an open association has brought images of; tells of those that have ended."""
        with self._lock:
            ended = [one for one in self._brought if not one.is_alive()]
            counts = [sum(self._brought.pop(one).values()) for one in ended]
            for one in [one for one in self._meters if not one.is_alive()]:
                del self._meters[one]
            found = {study for studies in self._brought.values() for study in studies}
        for count in counts:
            self._tell(News("association ended", count=count))
        return found

    def _on_pdu(self, event: Event) -> None:
        """Weigh each fragment before it is put to the others."""
        pdu = event.pdu
        if not isinstance(pdu, P_DATA_TF):
            return
        meter = self._meter(event.assoc)
        for item in pdu.presentation_data_value_items:
            before, fragment = meter.received_bytes, item.presentation_data_value or b""
            verdict = meter.weigh(fragment)
            if verdict == "leave_out":
                item.presentation_data_value = fragment[:1]
            look = before // LOOK_AT_DISK_BYTES < meter.received_bytes // LOOK_AT_DISK_BYTES
            flooded = event.assoc.dimse.msg_queue.qsize() > MOST_QUEUED
            if verdict == "end" or flooded or (look and self._store.disk_is_full()):
                pdu.presentation_data_value_items = []
                _hang_up(event.assoc)
                self._tell(News("association ended by this node", code="RESOURCE_LIMIT", bad=True))
                return

    def _meter(self, association: Association) -> Meter:
        own = self._settings
        with self._lock:
            if association not in self._meters:
                rate = own.least_kb_per_second * 1000
                self._meters[association] = Meter(self._store.limits.object_bytes, own.network_seconds, rate)
            return self._meters[association]

    def _on_store(self, event: Event) -> int | Dataset:
        try:
            return self._take(event)
        except (InputRefused, OSError) as error:
            code = code_of(error)
            self._tell(News("image refused", code=code, bad=True))
            return _answer(STATUS.get(code, 0xC000 if isinstance(error, InputRefused) else NOT_WRITTEN), code)

    def _take(self, event: Event) -> int:
        """Put one object that came whole into the store."""
        request, path = cast(C_STORE, event.request), Path(event.dataset_path)
        if str(request.AffectedSOPClassUID) != str(event.context.abstract_syntax):
            raise InputRefused("WRONG_CLASS", "an object is of another class than was agreed on")
        if path.stat().st_size - dataset_start(path) > self._store.limits.object_bytes:
            raise InputRefused("RESOURCE_LIMIT", "an object is larger than it may be")
        arrival = identify(path, self._salt)
        if arrival.sop_instance_uid != str(request.AffectedSOPInstanceUID):
            raise InputRefused("BAD_UID", "an object has another UID than was said")
        with self._lock:
            studies = self._brought.setdefault(event.assoc, {})
            studies[arrival.study] = studies.get(arrival.study, 0) + 1
        content = content_hash(path, str(event.context.transfer_syntax))
        kept = self._store.keep(path, arrival, content, time.time())
        if kept == "conflict":
            self._tell(News("image kept apart", study=arrival.study, code="UID_CONFLICT", bad=True))
        return TAKEN


def _hang_up(association: Association) -> None:
    """Break the connection; the library notices, and ends the association as one that was broken off."""
    with suppress(OSError, AttributeError):  # it may end by itself at this moment
        association.dul.socket.socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


def _answer(status: int, code: str) -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, code
    return answer


@contextmanager
def receiving_into(folder: Path) -> Iterator[None]:
    """Let the library write what it receives into files of a folder, instead of keeping it in memory."""
    before = tempfile.tempdir, _config.STORE_RECV_CHUNKED_DATASET, _config.LOG_HANDLER_LEVEL
    tempfile.tempdir = str(folder)
    _config.STORE_RECV_CHUNKED_DATASET, _config.LOG_HANDLER_LEVEL = True, "none"
    try:
        yield
    finally:
        tempfile.tempdir, _config.STORE_RECV_CHUNKED_DATASET, _config.LOG_HANDLER_LEVEL = before
