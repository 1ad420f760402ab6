"""Frames decoded in child processes, two at a time, each within limits of time and size.

A child that crashes, hangs or asks for too much ends that frame with a refusal and is replaced.
What crosses the pipes is plain bytes of lengths known beforehand; nothing is unpickled.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.decode_child import ANSWER, MAX_REASON_BYTES, REQUEST
from pipeline.dicom.headers import PixelFormat
from pipeline.dicom.parse import uid_name
from pipeline.errors import InputRefused

CHILDREN = 2

FRAME_LIMIT_S = 8.0
"""Of processor time. The largest frame allowed takes 4 s; damaged ones were seen to take for ever."""

PATIENCE = 6.0
"""How many times as long a child may take by the clock, on a machine that has much else to do."""

ATTEMPTS = 2
"""A child that died may have been harmed by an earlier frame: a fresh one tries once more."""


class _ChildDied(Exception):
    """The child ended or was ended before it answered."""


class _Child:
    """One decoding process."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        quiet = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-P", "-m", "pipeline.dicom.decode_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet},
        )
        self.timed_out = False

    @property
    def is_alive(self) -> bool:
        """Whether it can take a frame."""
        return not self.timed_out and self._process.poll() is None

    def decode(self, request: bytes, frame: bytes, limit_bytes: int) -> tuple[bool, bytes]:
        """Whether the frame could be decoded; its numbers, or what went wrong."""
        timer = threading.Timer(PATIENCE * FRAME_LIMIT_S, self._end)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(request, frame, limit_bytes)
        except (OSError, _ChildDied) as error:
            self.timed_out = self.timed_out or self._worked_too_long()
            raise _ChildDied from error
        finally:
            timer.cancel()

    def _worked_too_long(self) -> bool:
        """Whether the system ended it for the processor time it took."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1.0) == -getattr(signal, "SIGPROF", 0)
        return False

    def _exchange(self, request: bytes, frame: bytes, limit_bytes: int) -> tuple[bool, bytes]:
        requests, answers = _pipes(self._process)
        requests.write(request)
        requests.write(frame)
        requests.flush()
        good, length = ANSWER.unpack(_exactly(answers, ANSWER.size))
        if length > (limit_bytes if good else MAX_REASON_BYTES):
            raise _ChildDied
        return bool(good), _exactly(answers, length)

    def _end(self) -> None:
        self.timed_out = True
        self._process.kill()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        for pipe in _pipes(self._process):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise _ChildDied
    return process.stdin, process.stdout


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise _ChildDied
    return data


class Decoders:
    """A few children that are kept from frame to frame; threads may share it."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(CHILDREN):
            self._idle.put(None)

    def decode(self, request: bytes, frame: bytes, limit_bytes: int) -> tuple[bool, bytes]:
        """Decode by the next free child, or in a fresh one if it dies."""
        child = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                if child is None or not child.is_alive:
                    child = _replaced(child)
                with contextlib.suppress(_ChildDied):
                    return child.decode(request, frame, limit_bytes)
                if child.timed_out:
                    return False, b"time limit"
                child.timed_out = True
            return False, b"the decoder ended"
        finally:
            self._idle.put(child)

    def close(self) -> None:
        """End all children."""
        for _ in range(CHILDREN):
            with contextlib.suppress(queue.Empty):
                child = self._idle.get_nowait()
                if child is not None:
                    child.close()


def _replaced(child: _Child | None) -> _Child:
    if child is not None:
        child.close()
    return _Child()


_shared: list[Decoders] = []
_shared_lock = threading.Lock()


def shared_decoders() -> Decoders:
    """The children of this process; a forked process makes its own."""
    with _shared_lock:
        if not _shared or _shared[0].process_id != os.getpid():
            _shared.insert(0, Decoders())  # those of the parent are kept, and left to it
            atexit.register(_shared[0].close)
        return _shared[0]


def decode_frame(frame: bytes, shape: tuple[int, int], pixels: PixelFormat) -> NDArray[np.uint16]:
    """Decode one frame of a compressed syntax.

    Returns
    -------
    ndarray
        (rows, columns): the 16 bits of each stored number, whatever their sign.

    Raises
    ------
    InputRefused
        DECODER_FAILED.
    """
    syntax, size = pixels.transfer_syntax_uid, 2 * shape[0] * shape[1]
    signed, stored = int(pixels.signed), pixels.bits_stored or 16
    request = REQUEST.pack(syntax.encode("ascii"), *shape, stored, signed, FRAME_LIMIT_S, len(frame))
    good, payload = shared_decoders().decode(request, frame, size)
    if not good or len(payload) != size:
        found = f"{uid_name(syntax)}: {payload.decode('ascii', 'replace') if not good else 'another size'}"
        raise InputRefused("DECODER_FAILED", f"the compressed pixels cannot be decoded ({found})")
    return np.frombuffer(payload, "<u2").astype(np.uint16, copy=False).reshape(shape)
