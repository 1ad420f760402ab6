"""A manifest: a CSV file with one row for each scan, which says whose it is."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.batch.job import PatientJob, Plan, Refusal
from pipeline.batch.keys import keys_of
from pipeline.batch.rows import Row, read_rows
from pipeline.errors import InputRefused, UsageError
from pipeline.running.inputs import ScanInput

REQUIRED = ("patient", "path")
OPTIONAL = ("date", "series", "anatomy", "names", "lesions", "case")
FILES = ("path", "anatomy", "names", "lesions", "case")
SERIES_UID = re.compile(r"[0-9.]{1,64}")
"""The characters of a UID (PS3.5 9.1); headers in use hold malformed ones."""


@dataclass(frozen=True, slots=True)
class _Scan:
    line: int
    label: str
    input: ScanInput
    case: Path | None


def read_manifest(file: Path) -> Plan:
    """Read which scans are whose.

    The columns are ``patient`` and ``path``, and if wanted ``date`` (YYYY-MM-DD), ``series``, ``anatomy``,
    ``names``, ``lesions`` and ``case``. Relative paths count from the manifest's folder. Scans are put in
    order of date, by the header where no date is given; where one is not known, that of the rows stands.

    Raises
    ------
    UsageError
        Naming line and column of what is wrong.
    """
    rows = read_rows(file, REQUIRED, OPTIONAL)
    scans = [_scan(row, file.parent) for row in rows]
    if not scans:
        raise UsageError("the manifest names no scan")
    keys = keys_of(one.label for one in scans)
    patients: dict[str, list[_Scan]] = defaultdict(list)
    for one in scans:
        patients[keys[one.label]].append(one)
    twice = _named_twice(scans)
    jobs, refusals = [], []
    for key, own in sorted(patients.items()):
        case = _one_case(own)
        refusal = _refusal(key, own, twice)
        if refusal is None:
            jobs.append(PatientJob(key, tuple(one.input for one in _in_order(own)), case))
        else:
            refusals.append(refusal)
    return Plan(tuple(jobs), tuple(refusals), _notes(keys))


def _scan(row: Row, folder: Path) -> _Scan:
    for name in REQUIRED:
        if not row.texts[name]:
            raise row.error(name, "must not be empty")
    paths = {name: _path(row, name, folder) for name in FILES}
    if paths["names"] is not None and paths["anatomy"] is None:
        raise row.error("names", "goes with a label map in the column anatomy")
    series_uid = row.texts["series"] or None
    if series_uid is not None and not SERIES_UID.fullmatch(series_uid):
        raise row.error("series", "expected a Series Instance UID")
    path = paths.pop("path")
    case = paths.pop("case")
    given = ScanInput(path or folder, series_uid, _date(row), **paths)
    return _Scan(row.line, row.texts["patient"], given, case)


def _path(row: Row, name: str, folder: Path) -> Path | None:
    text = row.texts[name]
    if "\0" in text:
        raise row.error(name, "no path holds a null character")
    return folder / text if text else None


def _date(row: Row) -> dt.date | None:
    text = row.texts["date"]
    if not text:
        return None
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise row.error("date", f"expected a date as YYYY-MM-DD, found {text[:32]!r}") from error


def _one_case(own: Sequence[_Scan]) -> Path | None:
    """The case file that some rows of a patient name, or all."""
    named = [one for one in own if one.case is not None]
    for one in named[1:]:
        if one.case != named[0].case:
            reason = f"another case file than in line {named[0].line} for the same patient"
            raise UsageError(f"manifest line {one.line}, column case: {reason}")
    return named[0].case if named else None


def _named_twice(scans: Iterable[_Scan]) -> dict[int, int]:
    """Line → another line that names the same scan."""
    first: dict[tuple[str, str | None], int] = {}
    twice: dict[int, int] = {}
    for one in scans:
        same = os.path.realpath(one.input.path), one.input.series_uid
        line = first.setdefault(same, one.line)
        if line != one.line:
            twice[one.line] = line
            twice.setdefault(line, one.line)
    return twice


def _refusal(key: str, own: Sequence[_Scan], twice: dict[int, int]) -> Refusal | None:
    for one in own:
        if one.line in twice:
            lines = sorted((one.line, twice[one.line]))
            reason = (
                f"expected different scans, lines {lines[0]} and {lines[1]} of the manifest name the same"
            )
            return Refusal(key, "SAME_SCAN", reason)
    for one in own:
        given = one.input
        named = zip(FILES, (given.path, given.anatomy, given.names, given.lesions, one.case), strict=True)
        for column, path in named:
            if path is not None and not _exists(path):
                where = f"line {one.line}, column {column} of the manifest"
                return Refusal(key, "NOT_FOUND", f"there is no such file or folder ({where})")
    return None


def _exists(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except OSError:
        return False


def _notes(keys: Mapping[str, str]) -> tuple[str, ...]:
    changed = sum(label != key for label, key in keys.items())
    if not changed:
        return ()
    return (f"{changed} labels of patients are no names for folders, or differ by case alone: changed",)


def _in_order(own: Sequence[_Scan]) -> list[_Scan]:
    """By date, those of one date as they stand; all as they stand where a date is not known."""
    if len(own) < 2:
        return list(own)
    dates = [one.input.date or _header_date(one.input) for one in own]
    known = [(date, n) for n, date in enumerate(dates) if date is not None]
    return [own[n] for _, n in sorted(known)] if len(known) == len(own) else list(own)


def _header_date(given: ScanInput) -> dt.date | None:
    from pipeline.dicom.first_date import first_date

    try:
        return first_date(given.path, series_uid=given.series_uid)
    except InputRefused:
        return None  # measuring it will say why
