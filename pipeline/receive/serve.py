"""The node as a whole: it listens, watches, works and sends until it is told to stop."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.config import ReceiveSettings, Settings
from pipeline.dicom.identity import config_folder, keyed_hash, load_salt
from pipeline.errors import OutputError, UsageError
from pipeline.receive.node import Node, receiving_into
from pipeline.receive.send import send_due, tls_for_sending
from pipeline.receive.state import State
from pipeline.receive.store import Limits, Store
from pipeline.receive.telling import News, Teller, code_of, private
from pipeline.receive.watch import complete_studies
from pipeline.receive.work import PATIENTS, Desk, clear_up, forget_old, way_of, work_on_next

STATE, LOCK = "node.sqlite", "node.lock"
TICK_SECONDS = 0.5
TROUBLE_SECONDS = 5.0
"""Pause after a failure of the disk."""
FORGET_EVERY_SECONDS = 30.0


def serve(
    out: Path,
    settings: Settings,
    stop: threading.Event,
    show: Callable[[str], None],
    *,
    on_start: Callable[[int], None] = lambda _: None,
) -> None:
    """Run the node until `stop` is set.

    Parameters
    ----------
    show : callable
        Takes each line that is told, free of patient text.
    on_start : callable
        Told the port once it is listened on.

    Raises
    ------
    UsageError
        Where nobody can get a key, or the port cannot be had.
    OutputError
        If `out` cannot be written, or another node works there.
    """
    own, tell = settings.receive, Teller(show)
    tls_for_sending(own)  # so that a file that is missing is named now, and not when results are there
    salt = load_salt(config_folder())
    if salt is None:
        raise UsageError("the folder for settings cannot be written, which patients' keys need")
    with _ready(out), _quiet(tell):
        state = State(out / STATE)
        _check_salt(state, salt)
        store = Store(out, Limits.of(own), state)
        store.sweep(0)
        store.agree(salt)
        desk = Desk(out, own, way_of(settings), store, state, tell, stop)
        clear_up(desk)
        node = Node(own, store, salt, tell)
        with receiving_into(store.incoming):
            node.start()
            on_start(node.port)
            try:
                _run(desk, node)
            finally:
                stop.set()
                node.stop()
                state.close()


def describe(settings: ReceiveSettings, port: int) -> list[str]:
    """What the node will do, in lines for whoever starts it."""
    titles, networks = ", ".join(settings.known_titles), ", ".join(settings.allow_from)
    keep = f"{settings.keep_days:g} days" if settings.keep_days else "until they are measured"
    where = " (this machine alone)" if settings.host in ("127.0.0.1", "::1", "localhost") else ""
    return [
        f"Listening as {settings.aet} on {settings.host} port {port}{where}"
        f"{', TLS' if settings.tls_cert else ', not encrypted'}.",
        f"May send: {titles}{f', from {networks}' if networks else ''}."
        if titles
        else "May send: nobody, every association is refused. Give --allow TITLE.",
        f"Results go to: {', '.join(settings.send_to) or 'the output folder alone'}.",
        f"Images are kept {keep}. Storage commitment is not given: keep the originals elsewhere.",
    ]


def _run(desk: Desk, node: Node) -> None:
    workers = [
        threading.Thread(target=_repeat, args=(step, desk), name=step.__name__)
        for step in (work_on_next, send_due)
    ]
    for one in workers:
        one.start()
    try:
        _watch(desk, node, workers)
    finally:
        desk.stop.set()
        for one in workers:
            one.join()


def _watch(desk: Desk, node: Node, workers: list[threading.Thread]) -> None:
    """Look every half second for what is complete, and now and then for what is old."""
    last = 0.0
    while not desk.stop.wait(TICK_SECONDS):
        if not all(one.is_alive() for one in workers):
            raise RuntimeError("a thread of the node has failed; the log says with what kind of error")
        with _telling(desk):
            found = complete_studies(desk.state, desk.clock(), desk.settings, node.open_studies())
            for study in found:
                desk.tell(News("study complete", study.key, study.patient, count=study.images))
            desk.tell.tell_rest()
            desk.store.sweep(4 * desk.settings.network_seconds)
            if time.monotonic() - last > FORGET_EVERY_SECONDS:
                last = time.monotonic()
                gone = forget_old(desk)
                if gone:
                    desk.tell(News("images deleted", count=gone))


def _repeat(step: Callable[[Desk], bool], desk: Desk) -> None:
    while not desk.stop.is_set():
        busy = False
        with _telling(desk):
            busy = step(desk)
        if not busy:
            desk.stop.wait(TICK_SECONDS)


@contextmanager
def _telling(desk: Desk) -> Iterator[None]:
    """Tell of a failure of the disk, and go on after a pause."""
    try:
        yield
    except OSError as error:
        desk.tell(News("cannot write", code=code_of(error), bad=True))
        desk.stop.wait(TROUBLE_SECONDS)


def _check_salt(state: State, salt: bytes) -> None:
    check = keyed_hash("node", salt, kind="check") or ""
    if state.fact("salt", check) != check:
        state.close()
        raise UsageError(
            "the salt of this user is not the one this folder was made with: nobody would be recognised"
        )


@contextmanager
def _ready(out: Path) -> Iterator[None]:
    """The folder, locked to this process, in which nobody else may read what is written.

    Raises
    ------
    OutputError
        If it cannot be written, or is locked by another node.
    """
    mask = os.umask(0o077)
    try:
        out.mkdir(parents=True, exist_ok=True)
        private(out / PATIENTS)
        lock = sqlite3.connect(out / LOCK, timeout=0, isolation_level=None)
        lock.execute("PRAGMA locking_mode=EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as error:
        os.umask(mask)
        raise OutputError(f"{out} cannot be written, or another node works there") from error
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    finally:
        with suppress(sqlite3.Error):
            lock.close()
        os.umask(mask)


@contextmanager
def _quiet(tell: Teller) -> Iterator[None]:
    """Keep libraries from printing texts of headers: their warnings, and tracebacks of their threads."""
    before = threading.excepthook

    def hook(failed: threading.ExceptHookArgs) -> None:
        tell(News("association or thread ended by an error", code=failed.exc_type.__name__, bad=True))

    threading.excepthook = hook
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            threading.excepthook = before
