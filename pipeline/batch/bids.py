"""NIfTI scans of a tree by the names of folders: BIDS (``sub-X/ses-Y``), or a folder for each patient."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.batch.job import PatientJob, Refusal
from pipeline.dicom.identity import keyed_hash
from pipeline.results.staging import RESULT_NAMES
from pipeline.running.inputs import ScanInput

SUBJECT = re.compile(r"sub-[0-9A-Za-z]{1,60}")
SESSION = re.compile(r"(?:^|_)(ses-[0-9A-Za-z]+)(?:_|$)")
"""BIDS 1.9, entities sub and ses: letters and digits alone."""

CT_SUFFIX = re.compile(r"_ct\.nii(\.gz)?$", re.IGNORECASE)
"""As BIDS extension proposal 24 names CT."""

NO_SCAN = re.compile(
    r"(^|[^a-z])(seg|dseg|probseg|segmentation|masks?|labels?|lesions?|skeleton|excluded|roi)([^a-z]|$)"
)
"""Words in the name of a file that holds labels."""

DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")
TABLE_LIMIT_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class Volumes:
    """Patients of NIfTI files, and what was left aside."""

    found: tuple[PatientJob | Refusal, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Volume:
    name: PurePosixPath
    session: str
    date: dt.date | None


def find_volumes(root: Path, names: Iterable[str], *, beside: Collection[str], salt: bytes) -> Volumes:
    """Group NIfTI files into patients and dates.

    Label maps by their names, derivatives of BIDS and results of this tool are left aside, and what lies
    beside DICOM images. A date is that of the BIDS tables (``acq_time``), else the one in a name.

    Parameters
    ----------
    names : iterable of str
        Within `root`, with slashes.
    beside : collection of str
        Folders directly below the root that hold DICOM images.
    salt : bytes
        For keys of folders that do not bear a BIDS label; such names may be those of people.
    """
    paths = [PurePosixPath(name) for name in names]
    scans = [one for one in paths if not _is_aside(one, beside)]
    patients: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for one in scans:
        patients[_home(one)].append(one)
    keys = _keys(patients, salt)
    found = tuple(_patient(root, keys[home], own) for home, own in sorted(patients.items()))
    aside = len(paths) - len(scans)
    return Volumes(found, (f"{aside} NIfTI files: label maps, derived, or beside DICOM",) if aside else ())


def _is_aside(name: PurePosixPath, beside: Collection[str]) -> bool:
    folders = name.parts[:-1]
    return (
        bool(folders and folders[0] in beside)
        or "derivatives" in folders
        or name.name in RESULT_NAMES
        or NO_SCAN.search(name.name.lower()) is not None
    )


def _subject(name: PurePosixPath) -> str | None:
    """The BIDS label in the folders of a file."""
    return next((part for part in name.parts[:-1] if SUBJECT.fullmatch(part)), None)


def _home(name: PurePosixPath) -> PurePosixPath:
    """The folder of the patient, or the file at the root that is all there is."""
    subject = _subject(name)
    return PurePosixPath(*name.parts[: name.parts.index(subject) + 1 if subject else 1])


def _keys(homes: Iterable[PurePosixPath], salt: bytes) -> dict[PurePosixPath, str]:
    """A BIDS label as it stands, where no other is alike; else the keyed hash of the name."""
    different = sorted(homes)
    labels = Counter(one.name.casefold() for one in different)
    return {
        one: one.name
        if SUBJECT.fullmatch(one.name) and labels[one.name.casefold()] == 1
        else keyed_hash(str(one), salt, kind="folder") or "unknown"
        for one in different
    }


def _patient(root: Path, key: str, names: Sequence[PurePosixPath]) -> PatientJob | Refusal:
    named_ct = [one for one in names if CT_SUFFIX.search(one.name)]
    tables = dict(_dates_of_tables(root, names[0]))
    volumes = [_volume(one, tables) for one in named_ct or names]
    places = [one.session or str(one.date or "") for one in volumes]
    if len(set(places)) < len(places):
        reason = "expected one volume for each session or date, found more: a manifest can say what is meant"
        return Refusal(key, "AMBIGUOUS_SERIES", reason)
    if len(volumes) > 1 and any(one.date is None for one in volumes):
        reason = "NIfTI files have no dates: name them in the BIDS tables, in folder names or in a manifest"
        return Refusal(key, "BAD_DATE", reason)
    ordered = sorted(volumes, key=lambda one: str(one.date))
    return PatientJob(key, tuple(ScanInput(root / one.name, date=one.date) for one in ordered))


def _volume(name: PurePosixPath, tables: dict[str, dt.date]) -> _Volume:
    sessions = (SESSION.search(part.split(".")[0]) for part in reversed(name.parts))
    session = next((one[1] for one in sessions if one is not None), "")
    listed = [date for path, date in tables.items() if path and str(name).endswith(f"/{path}")]
    date = listed[0] if listed else tables.get(session) or _date_in_name(name)
    return _Volume(name, session, date)


def _date_in_name(name: PurePosixPath) -> dt.date | None:
    """The last date that the names of the folders below the patient's, or the file's, hold."""
    for part in reversed(name.parts[1:] or name.parts):
        if found := DATE.search(part):
            return _date("-".join(found.groups()))
    return None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None


def _dates_of_tables(root: Path, name: PurePosixPath) -> Iterator[tuple[str, dt.date]]:
    """Session, or path of a file below its session's folder → date, from the tables of BIDS."""
    subject = _subject(name)
    if subject is None:
        return
    folder = root / PurePosixPath(*name.parts[: name.parts.index(subject) + 1])
    for table in sorted(
        (*folder.glob("*_sessions.tsv"), *folder.glob("*_scans.tsv"), *folder.glob("*/*_scans.tsv"))
    ):
        column = "session_id" if table.name.endswith("_sessions.tsv") else "filename"
        for row in _rows(table):
            date = _date(row.get("acq_time") or "")
            if date is not None and row.get(column):
                yield row[column], date


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        if not table.is_file() or table.is_symlink() or table.stat().st_size > TABLE_LIMIT_BYTES:
            return []
        with table.open(encoding="utf-8-sig", newline="") as file:
            return [
                {k: v for k, v in row.items() if k and isinstance(v, str)}
                for row in csv.DictReader(file, delimiter="\t")
            ]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
