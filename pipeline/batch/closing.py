"""The tables and the page over all patients, written by a process of their own.

What they load and hold, tens of megabytes for a hundred patients, goes with it: a batch may be one of many
in a process that lives on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
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
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as processes:
        try:
            processes.submit(_write, out, plan, tuple(attempts)).result()
        except BrokenProcessPool as error:
            raise OutputError("the tables were not written: their process was ended from outside") from error


def _write(out: Path, plan: Plan, attempts: Sequence[Attempt]) -> None:
    from pipeline.batch.cohort import write_cohort
    from pipeline.batch.tables import write_tables

    write_tables(out, plan, attempts)
    write_cohort(out, plan, attempts)
