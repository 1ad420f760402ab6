"""What a case file tells, laid beside the scans that are compared."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.case_file.read import CaseFile, ScanDate, read_case
from pipeline.case_file.tree import refuse
from pipeline.domain.case import Case
from pipeline.domain.scan import Scan
from pipeline.running.inputs import Dates
from pipeline.running.scans import dated

DATE_LIKE = re.compile(r"(?<!\d)(19|20)\d\d(\d{4})?(?!\d)|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{2}")
"""A year, or a day with month and year, within a text."""


def open_case(path: Path | None, *, dates: Dates) -> CaseFile:
    """What a case file tells; nothing without one.

    Raises
    ------
    InputRefused
        With line and key of what is wrong in it; BAD_CASE too for what may be a date within a text
        where dates are to be hidden.
    """
    told = CaseFile() if path is None else read_case(path)
    for one in told.texts if dates is not Dates.KEEP else ():
        if DATE_LIKE.search(one.text):
            raise refuse(one.line, one.where, f"this may hold a date, which --dates {dates} would not hide")
    return told


def with_case_dates(scans: Sequence[Scan], told: CaseFile) -> list[Scan]:
    """Scans, dated by the case file where they have no date of their own.

    Raises
    ------
    InputRefused
        CASE_MISMATCH where the file lists other scans than were given.
    """
    if not told.scans:
        return list(scans)
    if len(told.scans) != len(scans):
        reason = f"there are {len(told.scans)} in it, and {len(scans)} were given"
        raise refuse(told.scans[0].line, "scans", reason, code="CASE_MISMATCH")
    return [_checked(n, scan, known) for n, (scan, known) in enumerate(zip(scans, told.scans, strict=True))]


def _checked(n: int, scan: Scan, known: ScanDate) -> Scan:
    own = scan.acquisition.study_date
    if own is not None and own != known.date:
        raise refuse(known.line, f"scans[{n}].date", f"t{n} has another date", code="CASE_MISMATCH")
    return dated(scan, known.date)


def case_beside(told: CaseFile, scans: Sequence[Scan], moved: Sequence[Scan]) -> Case:
    """The case, counted from the first scan, its dates moved as those of the scans were."""
    first, shown = scans[0].acquisition.study_date, moved[0].acquisition.study_date
    if first is None or shown is None:
        return told.case
    offset: dt.timedelta = shown - first
    return told.case.counted_from(first).moved(offset)
