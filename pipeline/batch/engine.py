"""Who runs the processes of the patients: this machine, or a cluster."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.batch.attempt import Outcome
from pipeline.batch.process import Limits, run_child

WAKE_S = 0.5
"""A lock without an end cannot be interrupted on Windows."""


@dataclass(frozen=True, slots=True)
class Task:
    """One patient to be done."""

    number: int  #: of the attempt in the ledger
    key: str
    stage: Path  #: holds the job


OnDone = Callable[[Task, Outcome], None]


class Engine(Protocol):
    """Runs tasks, as many at a time as it has room for."""

    @property
    def room(self) -> int:
        """How many tasks run at the same time."""

    def run(self, tasks: Iterator[Task], limits: Limits, on_done: OnDone) -> None:
        """Take tasks one by one, each when there is room for it; tell how each ended, in this thread.

        Whatever is raised by `tasks` or `on_done`, an interrupt too, ends all processes.
        """


class LocalProcesses:
    """Processes on this machine, each on one of its processors."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    @property
    def room(self) -> int:
        """How many tasks run at the same time."""
        return self._workers

    def run(self, tasks: Iterator[Task], limits: Limits, on_done: OnDone) -> None:
        """Take tasks one by one, each when there is room for it."""
        stop = threading.Event()
        running: dict[Future[Outcome], tuple[Task, int | None]] = {}
        places = processors(self._workers)
        with ThreadPoolExecutor(self._workers) as threads:
            try:
                while True:
                    while places and (task := next(tasks, None)) is not None:
                        place = places.pop()
                        future = threads.submit(run_child, task.stage, limits, stop=stop, processor=place)
                        running[future] = task, place
                    if not running:
                        return
                    for future in wait(running, timeout=WAKE_S, return_when=FIRST_COMPLETED).done:
                        task, place = running.pop(future)
                        places.append(place)
                        on_done(task, future.result())
            finally:
                stop.set()


def processors(workers: int) -> list[int | None]:
    """For each worker the processor it runs on, in turn; none where a process cannot be kept to one.

    One each, so that n workers do n times as much as one. The first is another one in each run, so that
    two runs on a machine do not both take the first.
    """
    if sys.platform != "linux":
        return [None] * workers
    known = sorted(os.sched_getaffinity(0))
    return [known[(os.getpid() + n) % len(known)] for n in range(workers)]
