"""Results go back to the archive by C-STORE; what does not arrive is kept and tried again."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from pipeline.config import ReceiveSettings
from pipeline.errors import UsageError
from pipeline.receive.state import Letter
from pipeline.receive.telling import News
from pipeline.receive.work import MOST_WAIT_SECONDS, Desk, uid_of

NOT_REACHED, NO_ANSWER, NOT_AGREED = "NOT_REACHED", "NO_ANSWER", "NOT_AGREED"
WARNINGS = range(0xB000, 0xC000)
"""Stored, though not as it was sent (PS3.7 C.4)."""


def send_due(desk: Desk) -> bool:
    """Send what is due to each place that is still sent to; whether anything was."""
    due = [one for one in desk.state.due(desk.clock()) if one.destination in desk.settings.send_to]
    for destination, letters in groupby(due, key=lambda one: one.destination):
        good = [one for one in letters if _is_there(desk, one)]
        if good:
            _send_to(desk, destination, good)
    return bool(due)


def _is_there(desk: Desk, letter: Letter) -> bool:
    """Whether the object is still the one that was posted; one that took its place was posted itself."""
    if uid_of(desk.out / letter.path) == letter.uid:
        return True
    desk.state.drop(letter)
    return False


def _send_to(desk: Desk, destination: str, letters: Sequence[Letter]) -> None:
    title, host, port = _address(desk.settings, destination)
    association = _entity(desk.settings).associate(
        host,
        port,
        contexts=_contexts(desk.out / one.path for one in letters),
        ae_title=title,
        tls_args=_with_name(tls_for_sending(desk.settings), host),
    )
    failures = {}
    for letter in letters:
        code = _send_one(association, desk.out / letter.path)
        if code is None:
            desk.state.sent(letter)
        else:
            failures[letter] = code
    if association.is_established:
        association.release()
    for letter in failures:
        wait = min(desk.settings.retry_seconds * 2 ** min(letter.tries, 20), MOST_WAIT_SECONDS)
        desk.state.put_off(letter, desk.clock() + wait)
    _tell(desk, len(letters) - len(failures), sorted(failures.values()))


def _tell(desk: Desk, sent: int, failures: Sequence[str]) -> None:
    if sent:
        desk.tell(News("results sent", count=sent))
    for code, group in groupby(failures):
        desk.tell(News("results not sent, to be tried again", count=len(list(group)), code=code, bad=True))


def _send_one(association: Association, file: Path) -> str | None:
    """Send one object; the code of what went wrong."""
    if not association.is_established:
        return NOT_REACHED
    try:
        answer = association.send_c_store(dcmread(file))
    except ValueError:
        return NOT_AGREED  # the archive takes no objects of this class
    except (RuntimeError, OSError):
        return NO_ANSWER
    if "Status" not in answer:
        return NO_ANSWER
    status = int(answer.Status)
    return None if status == 0 or status in WARNINGS else f"STATUS_{status:04X}"


def _entity(settings: ReceiveSettings) -> AE:
    entity = AE(ae_title=settings.aet)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.network_seconds
    entity.connection_timeout = settings.network_seconds
    return entity


def _contexts(files: Iterable[Path]) -> list[PresentationContext]:
    """What is proposed: each class in the one syntax it is written in."""
    found: dict[tuple[str, str], None] = {}
    for file in files:
        head = dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        found[head.SOPClassUID, head.file_meta.TransferSyntaxUID] = None
    return [build_context(sop_class, syntax) for sop_class, syntax in found]


def _address(settings: ReceiveSettings, destination: str) -> tuple[str, str, int]:
    return dict(zip(settings.send_to, settings.destinations, strict=True))[destination]


def _with_name(context: ssl.SSLContext | None, host: str) -> tuple[ssl.SSLContext, str] | None:
    return None if context is None else (context, host)


def tls_for_sending(settings: ReceiveSettings) -> ssl.SSLContext | None:
    """TLS for what is sent, with the node's own certificate where it has one; None for plain text.

    Raises
    ------
    UsageError
        If a file cannot be read.
    """
    if not settings.send_tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_cert is not None and settings.tls_key is not None:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise UsageError("a file of TLS cannot be read: certificate, key or authorities") from error
    return context
