"""One pass over the headers of a tree: which studies of which patients lie where. No pixel is read.

What is kept grows with the number of studies and folders, not with that of files.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.dicom.acquisition import age_years, study_date
from pipeline.dicom.discover import ARCHIVE, DAMAGED, NOT_DICOM, look_at
from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.stack import MIN_SLICES
from pipeline.dicom.tree import Skipped, Tree, open_tree
from pipeline.errors import InputRefused
from pipeline.results.staging import RESULT_NAMES

DAYS_PER_YEAR = 365.2425
NIFTI_ENDINGS = (".nii", ".nii.gz")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who was scanned, in a text to be hashed: never shown."""

    kind: str  #: "patient" for an identifier, so that its hash is the patient's key in all results
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of the tree, or one within a zip of the tree."""

    container: Path  #: the folder or the zip that is opened
    inside: PurePosixPath


@dataclass(slots=True)
class Study:
    """A patient's study as far as its headers tell."""

    identity: Identity
    uid: str
    date: dt.date | None
    born: float | None  #: in years, by age and date; None where one is not known
    birth_date: str
    sex: str
    slices_at: Counter[Place] = field(default_factory=Counter)
    slices_of: Counter[str] = field(default_factory=Counter)  #: by series UID

    @property
    def may_be_a_volume(self) -> bool:
        """Whether a series has three slices or more."""
        return any(count >= MIN_SLICES for count in self.slices_of.values())


@dataclass(slots=True)
class Census:
    """All that was found in a tree."""

    studies: dict[tuple[Identity, str], Study] = field(default_factory=dict)
    slices_below: Counter[Place] = field(default_factory=Counter)  #: of all studies, also further down
    volumes: list[str] = field(default_factory=list)  #: names of NIfTI files within the tree
    aside: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Folder directly below the root (empty for the root) → reason → number of files that are no CT image."""
    refused: dict[str, InputRefused] = field(
        default_factory=dict
    )  #: the same folders → why a file was refused
    tops: set[str] = field(default_factory=set)  #: folders directly below the root that hold CT images


def take_census(root: Path) -> Census:
    """Look at every header of a folder, of the zips in it, or of one file.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE; RESOURCE_LIMIT for a zip that is the root.
    """
    census = Census()
    with open_tree(root) as tree:
        zips = list(_count(census, tree, root, top=None))
    for name in zips:
        _count_zip(census, root / name, top_of(name))
    return census


def top_of(name: str) -> str:
    """The folder directly below the root that a name lies in; empty for the root itself."""
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else ""


def slices_in(place: Place, study: Study) -> Iterator[SliceHeader]:
    """The headers of a study again, from the folders it was found in."""
    with open_tree(place.container) as tree:
        for name in tree.names:
            if Place(place.container, PurePosixPath(name).parent) not in study.slices_at:
                continue
            found = look_at(tree, name)
            for header in [] if isinstance(found, Skipped) else found:
                if _study_key(header, study.identity.text) == (study.identity, study.uid):
                    yield header


def _count_zip(census: Census, path: Path, top: str) -> None:
    try:
        with open_tree(path) as tree:
            for _ in _count(census, tree, path, top=top):
                pass  # a zip within a zip stays closed
    except InputRefused as refusal:
        census.refused.setdefault(top, refusal)


def _count(census: Census, tree: Tree, container: Path, *, top: str | None) -> Iterator[str]:
    """Count all of a tree; gives the names of the zips in it."""
    for skipped in tree.skipped:
        census.aside[top_of(skipped.name) if top is None else top][skipped.reason] += 1
    for name in tree.names:
        own = top_of(name) if top is None else top
        if PurePosixPath(name).name in RESULT_NAMES:
            continue  # SEG and SR of an earlier run, where results are kept within the tree
        if name.lower().endswith(NIFTI_ENDINGS):
            if top is None and container.is_dir():
                census.volumes.append(name)
            continue
        try:
            found = look_at(tree, name)
        except InputRefused as refusal:
            census.refused.setdefault(own, refusal)
            continue
        if not isinstance(found, Skipped):
            _add(census, found, Place(container, PurePosixPath(name).parent), own)
        elif found.reason == ARCHIVE and top is None and container.is_dir() and _is_zip(container / name):
            yield name
        else:
            census.aside[own][DAMAGED if found.reason.startswith(DAMAGED) else found.reason] += 1


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError:
        return False


def _add(census: Census, slices: list[SliceHeader], place: Place, top: str) -> None:
    census.tops.add(top)
    for header in slices:
        key = _study_key(header, top)
        study = census.studies.setdefault(key, _first_of(header, key))
        study.date = study.date or study_date(header.exam)
        study.slices_at[place] += 1
        study.slices_of[header.series_instance_uid] += 1
        for folder in (place.inside, *place.inside.parents):
            census.slices_below[Place(place.container, folder)] += 1


def _study_key(header: SliceHeader, top: str) -> tuple[Identity, str]:
    """Whose study it is; without an identifier by name and date of birth, else by the folder."""
    who = header.patient
    if who.identifier:
        identity = Identity("patient", who.identifier)
    elif who.name or who.birth_date:
        identity = Identity("name", f"{who.name}\0{who.birth_date}")
    else:
        identity = Identity("folder", top)
    return identity, header.exam.study_instance_uid or header.exam.study_date


def _first_of(header: SliceHeader, key: tuple[Identity, str]) -> Study:
    date = study_date(header.exam)
    age = age_years(header.exam, header.patient.birth_date)
    born = None if date is None or age is None else date.toordinal() / DAYS_PER_YEAR - age
    birth_date = header.patient.birth_date.replace(".", "")
    return Study(key[0], key[1], date, born, birth_date, header.patient.sex.upper())


def holds_dicom(reasons: Counter[str]) -> bool:
    """Whether files that are no CT image are DICOM all the same, or were."""
    return any(reason not in (NOT_DICOM, ARCHIVE) and "link" not in reason for reason in reasons)
