"""The tables and the page over all patients, written by a process of their own.

What they load and hold, tens of megabytes for a hundred patients, goes with it: a batch may be one of many
in a process that lives on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

from pipeline.batch.attempt import Attempt
from pipeline.batch.job import Plan
from pipeline.errors import OutputError


def write_summaries(out: Path, plan: Plan, attempts: Sequence[Attempt]) -> None:
    """Write the tables of a batch and ``cohort.html``.

    Raises
    ------
    UsageError
        If pyarrow is not installed.
    OutputError
        If a patient's results cannot be read, a file cannot be written, or the process was ended.
    """
    with ProcessPoolExecutor(
        max_workers=1, mp_context=get_context("spawn"), initializer=end_with_parent
    ) as processes:
        try:
            processes.submit(_write, out, plan, tuple(attempts)).result()
        except BrokenProcessPool as error:
            raise OutputError("the tables were not written: their process was ended from outside") from error


def end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ends.

    A process of a pool waits for work for ever otherwise: it holds both ends of the pipe that it waits on.
    """
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _write(out: Path, plan: Plan, attempts: Sequence[Attempt]) -> None:
    from pipeline.batch.cohort import write_cohort
    from pipeline.batch.tables import write_tables

    write_tables(out, plan, attempts)
    write_cohort(out, plan, attempts)
