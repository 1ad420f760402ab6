"""The child process that decodes: frames in on one pipe, numbers out on another, nothing else.

It limits its own memory before it sees a frame, writes no file, and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
import warnings
from typing import BinaryIO

from pipeline.dicom.codecs import FrameFormat, decode

REQUEST = struct.Struct("<64sIIBBdQ")
"""Transfer syntax, rows, columns, bits stored, signed, seconds to work, bytes of the frame that follows."""

ANSWER = struct.Struct("<BQ")
"""1 and the bytes of the numbers that follow, or 0 and those of what went wrong."""

MEMORY_LIMIT_BYTES = 3 * 2**29
"""1.5 GB of address space; a frame of 4096 x 4096 takes 0.3 GB to decode."""

MAX_REASON_BYTES = 64

DECODE_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    EOFError,
    OSError,
    SystemError,
    struct.error,
)
"""What the decoders were seen to raise on damaged codestreams; any other ends the child."""


def limit_itself() -> None:
    """Limit memory, and forbid files and core dumps, where the platform can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time and size limits remain
        return
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


def end_after(seconds: float) -> None:
    """Let the system end this process once it has worked for so long, by its own processor time.

    A clock would also count what other programs keep the processor for. Not on Windows: the parent's
    clock remains.
    """
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one request after the other until the parent closes the pipe."""
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        syntax, rows, columns, bits_stored, signed, seconds, length = REQUEST.unpack(head)
        frame = requests.read(length)
        end_after(seconds)
        form = FrameFormat(syntax.rstrip(b"\0").decode("ascii"), rows, columns, bits_stored, bool(signed))
        good, payload = answer(frame, form)
        answers.write(ANSWER.pack(good, len(payload)))
        answers.write(payload)
        answers.flush()


def answer(frame: bytes, form: FrameFormat) -> tuple[bool, bytes]:
    """The numbers of a frame, or the kind of error its decoder raised."""
    try:
        return True, decode(frame, form).astype("<u2", copy=False).tobytes()
    except DECODE_ERRORS as error:
        return False, type(error).__name__.encode("ascii", "replace")[:MAX_REASON_BYTES]


def main() -> None:
    """Take the pipes away from whatever the libraries print, then serve."""
    warnings.simplefilter("ignore")
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if sys.platform == "win32":
        import msvcrt

        for pipe in (requests, answers):
            msvcrt.setmode(pipe.fileno(), os.O_BINARY)
    limit_itself()
    serve(requests, answers)


if __name__ == "__main__":
    main()
