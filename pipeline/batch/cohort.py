"""``cohort.html`` of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline import __version__
from pipeline.batch.job import Plan
from pipeline.batch.tables import Ended, read_records
from pipeline.report.cohort.page import write_cohort_page


def write_cohort(out: Path, plan: Plan, attempts: Iterable[Ended]) -> Path:
    """Write the page over all patients of a plan, from their files.

    Raises
    ------
    OutputError
        If a patient's results cannot be read or the page cannot be written.
    """
    return write_cohort_page(out, read_records(out, plan, attempts), version=__version__)
