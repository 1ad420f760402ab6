"""What keeps a peer from holding or filling the node: limits on connections, on PDUs and on messages.

pynetdicom reads a PDU of whatever length its head claims, waits for the rest of it for ever, and gathers
the fragments of a message without bound. The limits are laid around it: a socket that counts and times, a
server that counts connections, and a meter of what a message has brought so far.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Literal, cast

from pynetdicom.transport import AssociationServer

from pipeline.errors import UsageError

HEAD = struct.Struct(">BBL")
"""Kind, a spare byte and length of a PDU (PS3.8 9.3.1)."""
ASSOCIATE_BYTES = 2**18
"""128 presentation contexts of 30 transfer syntaxes each, with long UIDs."""
COMMAND_BYTES = 2**14
"""A command set holds a dozen short elements (PS3.7 annex E)."""
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Acknowledge at once, where the system can (Linux): a sender that waits loses 40 ms with each image."""
MOST_QUEUED = 4
"""Requests may come only one at a time where no more were agreed on (PS3.7 D.3.3.3)."""
SPARE_CONNECTIONS = 4
"""Connections that may be open without an association, so that one too many can be told so."""
COMMAND, LAST = 1, 2
"""Bits of a fragment's first byte (PS3.8 E.2)."""


@dataclass(slots=True)
class Frame:
    """How far a stream of PDUs has been read, and by when the one that is on its way must have come."""

    most_bytes: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _head: bytearray = field(default_factory=bytearray)
    _left: int = 0
    _until: float | None = None

    def seconds_left(self) -> float:
        """Time that the PDU on its way has left; all of it between two PDUs.

        Raises
        ------
        TimeoutError
            When there is none.
        """
        if self._until is None:
            self._until = self.clock() + self.seconds
        left = self._until - self.clock()
        if left <= 0:
            raise TimeoutError("a PDU took too long")
        return left

    def take(self, data: bytes) -> None:
        """Follow the bytes that came.

        Raises
        ------
        ConnectionError
            At the head of a PDU that claims more than is taken.
        """
        if self._left == 0:
            missing = HEAD.size - len(self._head)
            self._head += data[:missing]
            data = data[missing:]
            if len(self._head) < HEAD.size:
                return
            _, _, self._left = HEAD.unpack(self._head)
            self._head.clear()
            if self._left > self.most_bytes:
                raise ConnectionAbortedError("a PDU is longer than was agreed on")
        self._left = max(0, self._left - len(data))
        if self._left == 0:
            self._until = None


Receive = Callable[[int, int], bytes]


class GuardedSocket(socket.socket):
    """A connection whose PDUs may be so long and take so long."""

    frame: Frame | None = None

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive as ever, within the limits of the frame."""
        return _guarded(self, super().recv, self.frame, bufsize, flags)

    def shutdown(self, how: int, /) -> None:
        """End a connection; one that the peer has ended is as good, and will be closed."""
        with suppress(OSError):
            super().shutdown(how)


class GuardedTlsSocket(ssl.SSLSocket):
    """The same over TLS; the handshake is part of the first read, so that nobody else waits for it."""

    frame: Frame | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as ever, within the limits of the frame."""
        return _guarded(self, super().recv, self.frame, buflen, flags)

    def shutdown(self, how: int) -> None:
        """As above."""
        with suppress(OSError):
            super().shutdown(how)


def _guarded(
    connection: socket.socket, receive: Receive, frame: Frame | None, size: int, flags: int
) -> bytes:
    if frame is None:
        return receive(size, flags)
    connection.settimeout(frame.seconds_left())
    data = receive(size, flags)
    connection.settimeout(frame.seconds)  # for what is sent
    if QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
    frame.take(data)
    return data


class GuardedServer(AssociationServer):
    """Takes connections from known networks, so many at once, and never waits for one of them."""

    def __init__(
        self,
        *arguments: Any,
        networks: Sequence[IPv4Network | IPv6Network],
        make_frame: Callable[[], Frame],
        failed: Callable[[], None],
        **more: Any,
    ) -> None:
        self._networks, self._make_frame, self._failed = networks, make_frame, failed
        super().__init__(*arguments, **more)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; TLS is spoken later, in its own thread."""
        listener = cast(socket.socket, self.socket)
        plain, address = listener.accept()
        guarded: GuardedSocket | GuardedTlsSocket
        if self.ssl_context is None:
            guarded = GuardedSocket(fileno=plain.detach())
        else:
            guarded = self.ssl_context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)  # type: ignore[assignment]
        guarded.frame = self._make_frame()
        guarded.settimeout(guarded.frame.seconds)
        return guarded, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Whether a connection is from where it may be, and not one too many."""
        most = self.ae.maximum_associations + SPARE_CONNECTIONS
        known = not self._networks or any(ip_address(client_address[0]) in one for one in self._networks)
        if known and len(self.active_associations) < most:
            return True
        self._failed()
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Tell that a connection failed, without the traceback that this would print."""
        self._failed()

    def shutdown(self) -> None:
        """Stop taking connections. The application entity does not know of this server."""
        super(AssociationServer, self).shutdown()
        self.server_close()


def tls_context(certificate: str, key: str, authorities: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer for those who connect; only with a certificate of theirs where authorities are named.

    Raises
    ------
    UsageError
        If a file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = GuardedTlsSocket
    try:
        context.load_cert_chain(certificate, key)
        if authorities is not None:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise UsageError("a file of TLS cannot be read: certificate, key or authorities") from error
    return context


Verdict = Literal["take", "leave_out", "end"]
"""Of a fragment: take it; take none of its bytes; end the association."""


@dataclass(slots=True)
class Meter:
    """What one association has brought of the message on its way."""

    most_bytes: int
    grace_seconds: float
    least_bytes_per_second: float
    clock: Callable[[], float] = time.monotonic
    received_bytes: int = 0  #: of the dataset of this message
    _command_bytes: int = 0
    _since: float | None = None

    def weigh(self, fragment: bytes) -> Verdict:
        """What to do with a fragment.

        A dataset is taken until it is larger than it may be, so that its size tells that it was cut.
        """
        if not fragment:
            return "end"
        if self._since is None:
            self._since = self.clock()
        if self._is_too_slow(self.clock() - self._since):
            return "end"
        kind = fragment[0]
        if kind & COMMAND:
            return self._weigh_command(len(fragment) - 1, last=bool(kind & LAST))
        full = self.received_bytes > self.most_bytes
        self.received_bytes += len(fragment) - 1
        if kind & LAST:
            self.received_bytes, self._since = 0, None
        return "leave_out" if full else "take"

    def _weigh_command(self, size: int, *, last: bool) -> Verdict:
        self._command_bytes += size
        if self._command_bytes > COMMAND_BYTES:
            return "end"
        if last:
            self._command_bytes, self.received_bytes, self._since = 0, 0, None
        return "take"

    def _is_too_slow(self, seconds: float) -> bool:
        return self.received_bytes < (seconds - self.grace_seconds) * self.least_bytes_per_second
