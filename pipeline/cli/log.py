"""What a run did, as lines of JSON that hold no text from the images: ``calcinosis --log FILE …``.

Only the fields named here are written, and the words of an event are constants of this program, so
that neither a tag nor a file's name can get in.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline import __version__
from pipeline.errors import InputRefused, OutputError, PipelineError
from pipeline.stages import OnStage

LOGGER = logging.getLogger("pipeline")
FIELDS = (
    "command", "version", "stage", "seconds", "code", "error", "exit_code", "attempt", "status", "peak_mb",
    "study_key", "patient_key", "count",
)  # fmt: skip


class JsonLines(logging.Formatter):
    """One object in a line: time (UTC), level, event, and those of `FIELDS` that the record holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; arguments and tracebacks are left out."""
        when = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
        line = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": str(record.msg),
        }
        known = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        return json.dumps({**line, **known})


class LogFile(logging.FileHandler):
    """A log that tells at its end that it is not whole, instead of breaking off what it tells of."""

    whole = True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002  (its name there)
        """Keep in mind that a line was lost."""
        self.whole = False

    def close(self) -> None:
        """Close the file; what its buffer still held may be lost."""
        try:
            super().close()
        except OSError:
            self.whole = False


def start_log(file: Path, command: str) -> None:
    """Append the events of this run to a file.

    Raises
    ------
    OutputError
        If it cannot be opened for writing.
    """
    try:
        handler = LogFile(file, mode="a", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the log {file} cannot be written: {error.strerror}") from error
    handler.setFormatter(JsonLines())
    handler.setLevel(logging.INFO)
    LOGGER.handlers = [handler]  # other libraries write texts of tags into theirs
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    LOGGER.info("started", extra={"command": command, "version": __version__})


def stop_log(exit_code: int) -> bool:
    """Write how the run ended and close the file; nothing where no log was started.

    Returns
    -------
    bool
        Whether all lines were written.
    """
    level = logging.INFO if exit_code == 0 else logging.ERROR
    if LOGGER.handlers:
        LOGGER.log(level, "ended", extra={"exit_code": exit_code})
    handlers, LOGGER.handlers = LOGGER.handlers, []
    for handler in handlers:
        handler.close()
    return all(one.whole for one in handlers if isinstance(one, LogFile))


def log_error(error: BaseException) -> None:
    """Write what stopped the run: the code of a refusal, else the kind of error; never its words."""
    if not LOGGER.handlers:
        return
    if isinstance(error, InputRefused):
        LOGGER.error("refused", extra={"code": error.code})
    elif isinstance(error, PipelineError):
        LOGGER.error("stopped", extra={"error": type(error).__name__})
    else:
        LOGGER.critical("failed", extra={"error": type(error).__name__})


@contextmanager
def logged_stages(begin: OnStage) -> Iterator[OnStage]:
    """A function to call as each stage begins, that also writes how long the one before it took."""
    started: list[tuple[str, float]] = []

    def finish() -> None:
        if started and LOGGER.handlers:
            stage, since = started.pop()
            LOGGER.info("stage", extra={"stage": stage, "seconds": round(time.monotonic() - since, 3)})

    def told(stage: str) -> None:
        finish()
        started[:] = [(stage, time.monotonic())]
        begin(stage)

    try:
        yield told
    finally:
        finish()
