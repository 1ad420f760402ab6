"""What the node tells, to its log and on the terminal: words of this program, keys, counts and codes."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputRefused, PipelineError

LOGGER = logging.getLogger("pipeline")
MOST_IN_MINUTE, MINUTE_S = 10, 60.0


@dataclass(frozen=True, slots=True)
class News:
    """One event. No field may hold a text that came over the network or out of a file."""

    event: str
    study: str | None = None  #: key of the study
    patient: str | None = None  #: key of the patient
    count: int | None = None
    code: str | None = None
    seconds: float | None = None
    bad: bool = False  #: something was lost or refused

    def line(self) -> str:
        """The event for people."""
        parts = [self.event]
        parts += [f"study {self.study}"] if self.study else []
        parts += [f"patient {self.patient}"] if self.patient else []
        parts += [] if self.count is None else [str(self.count)]
        parts += [self.code] if self.code else []
        parts += [] if self.seconds is None else [f"{self.seconds:.1f} s"]
        return ", ".join(parts)

    def fields(self) -> dict[str, str | int | float]:
        """The event for the log."""
        known = {
            "study_key": self.study,
            "patient_key": self.patient,
            "count": self.count,
            "code": self.code,
            "seconds": self.seconds,
        }
        return {name: value for name, value in known.items() if value is not None}


class Teller:
    """Tells the log and whoever reads along; a peer that is refused over and over fills neither.

    Parameters
    ----------
    show : callable
        Takes a line.
    clock : callable
        Seconds.
    """

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show, self._clock = show, clock
        self._lock = threading.Lock()
        self._minute = 0.0
        self._told: Counter[tuple[str, str | None]] = Counter()

    def __call__(self, news: News) -> None:
        """Tell one event; of failures of no study the first of a minute, later how many more."""
        if news.bad and news.study is None:
            self.tell_rest()
            with self._lock:
                self._told[news.event, news.code] += 1
                if self._told[news.event, news.code] > MOST_IN_MINUTE:
                    return
        self._tell(news)

    def tell_rest(self) -> None:
        """Tell how many more there were, once the minute is over."""
        with self._lock:
            if self._clock() - self._minute < MINUTE_S:
                return
            told, self._told, self._minute = self._told, Counter(), self._clock()
        for (event, code), count in told.items():
            if count > MOST_IN_MINUTE:
                self._tell(News(f"{event}, more of these", code=code, count=count - MOST_IN_MINUTE, bad=True))

    def _tell(self, news: News) -> None:
        level = logging.WARNING if news.bad else logging.INFO
        if LOGGER.handlers:
            LOGGER.log(level, news.event, extra=news.fields())
        now = dt.datetime.now().astimezone()
        self._show(f"{now:%Y-%m-%d %H:%M:%S} {news.line()}")


def code_of(error: BaseException) -> str:
    """What may be told of an error: the code of a refusal, else its kind; never its words."""
    if isinstance(error, InputRefused):
        return error.code
    return type(error).__name__ if isinstance(error, PipelineError | OSError) else "FAILED"


def private(folder: Path) -> Path:
    """The folder, made if need be, open to its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
