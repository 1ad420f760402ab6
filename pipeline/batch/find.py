"""Patients and dates found in a tree: DICOM by its headers, NIfTI by the names of folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.batch.bids import find_volumes
from pipeline.batch.census import Census, Identity, Place, Study, holds_dicom, slices_in, take_census
from pipeline.batch.job import PatientJob, Plan, Refusal
from pipeline.dicom.choose import Choice
from pipeline.dicom.discover import Inventory, series_of
from pipeline.dicom.identity import config_folder, keyed_hash, load_salt
from pipeline.dicom.read import choose_by_headers
from pipeline.domain.scan import KernelPreference
from pipeline.errors import InputRefused, UsageError
from pipeline.running.inputs import ScanInput

BORN_TOLERANCE_YEARS = 2.5
"""Ages are whole years, and some consoles keep that of the registration: more apart are two people."""

ADVICE = "a manifest can say what is meant"


def find_patients(root: Path, *, kernel: KernelPreference = "soft_tissue") -> Plan:
    """Find the patients of a tree and their scans in order of date.

    A patient of DICOM images is who has one Patient ID, whatever the folders are; the key is its keyed hash,
    as in all results. Where a folder holds one study alone, measuring it chooses the series; else the series
    is chosen here, by the same rule and by headers alone. NIfTI files are patients by the names of their
    folders (`pipeline.batch.bids`), unless DICOM images lie beside them.

    Parameters
    ----------
    kernel : str
        Of what kernel the series should be, where there are several.

    Raises
    ------
    UsageError
        Where there is no salt to make keys with.
    InputRefused
        NOT_FOUND, UNREADABLE, RESOURCE_LIMIT for the root itself.
    """
    salt = load_salt(config_folder())
    if salt is None:
        raise UsageError("the folder for settings cannot be written, which keys need: give a manifest")
    census = take_census(root)
    found: list[PatientJob | Refusal] = []
    for identity, studies in _by_patient(census).items():
        key = keyed_hash(identity.text, salt, kind=identity.kind) or "unknown"
        found.append(_job(key, studies, census, kernel))
    volumes = find_volumes(root, census.volumes, beside=census.tops, salt=salt)
    found.extend(volumes.found)
    taken = {one.key for one in found}
    found.extend(one for one in _without_ct(census, salt) if one.key not in taken)
    jobs = sorted((one for one in found if isinstance(one, PatientJob)), key=lambda one: one.key)
    refusals = sorted((one for one in found if isinstance(one, Refusal)), key=lambda one: one.key)
    return Plan(tuple(jobs), tuple(refusals), (*_notes(census), *volumes.notes))


def _by_patient(census: Census) -> dict[Identity, list[Study]]:
    patients: dict[Identity, list[Study]] = defaultdict(list)
    for study in census.studies.values():
        patients[study.identity].append(study)
    return patients


def _job(
    key: str, studies: Sequence[Study], census: Census, kernel: KernelPreference
) -> PatientJob | Refusal:
    volumes = [one for one in studies if one.may_be_a_volume] or list(studies)
    try:
        _check_one_person(volumes)
        ordered = _in_order(volumes)
        return PatientJob(key, tuple(_scan(one, census, kernel) for one in ordered))
    except InputRefused as refusal:
        return Refusal(key, refusal.code, refusal.reason)


def _check_one_person(studies: Sequence[Study]) -> None:
    """Refuse what one identifier was given to several people, as placeholders for it are."""
    for what, values in (
        ("dates of birth", {one.birth_date for one in studies} - {""}),
        ("sexes", {one.sex for one in studies} - {""}),
    ):
        if len(values) > 1:
            raise InputRefused("PATIENT_MISMATCH", f"one patient identifier, {len(values)} {what}: {ADVICE}")
    born = [one.born for one in studies if one.born is not None]
    if born and max(born) - min(born) > BORN_TOLERANCE_YEARS:
        years = f"{max(born) - min(born):.0f} years apart"
        raise InputRefused(
            "PATIENT_MISMATCH", f"one patient identifier, births {years} by the ages: {ADVICE}"
        )


def _in_order(studies: Sequence[Study]) -> list[Study]:
    """One study for each date."""
    dates = [one.date for one in studies if one.date is not None]
    if len(studies) > 1 and len(dates) < len(studies):
        reason = f"{len(studies) - len(dates)} of {len(studies)} studies have no valid date: {ADVICE}"
        raise InputRefused("BAD_DATE", reason)
    most = max((dates.count(date) for date in dates), default=1)
    if most > 1:
        raise InputRefused("AMBIGUOUS_SERIES", f"expected one study a date, found {most}: {ADVICE}")
    return sorted(studies, key=lambda one: str(one.date))


def _scan(study: Study, census: Census, kernel: KernelPreference) -> ScanInput:
    """The smallest folder that holds all of a study; with the series to take where it holds more."""
    place = _common_place(study)
    path = place.container if place.container.is_file() else place.container / place.inside
    if census.slices_below[place] == study.slices_at.total():
        return ScanInput(path)
    return ScanInput(path, series_uid=_choice(place, study, kernel).series.uid or None)


def _choice(place: Place, study: Study, kernel: KernelPreference) -> Choice:
    return choose_by_headers(Inventory(series_of(slices_in(place, study)), ()), kernel=kernel)


def _common_place(study: Study) -> Place:
    """Below which all images of a study lie; in the container that has most, where they lie in several."""
    counts: dict[Path, int] = defaultdict(int)
    for place, count in study.slices_at.items():
        counts[place.container] += count
    container = min(counts, key=lambda one: (-counts[one], str(one)))
    folders = [place.inside for place in study.slices_at if place.container == container]
    shared = (
        one
        for one in (folders[0], *folders[0].parents)
        if all(one == other or one in other.parents for other in folders)
    )
    return Place(container, next(shared, PurePosixPath()))


def _without_ct(census: Census, salt: bytes) -> list[Refusal]:
    """A refusal for each folder below the root that holds DICOM files, but no CT image."""
    folders = sorted({*census.tops, *census.aside, *census.refused} - {""})
    refusals = []
    for n, top in enumerate(folders, 1):
        if top in census.tops or not (top in census.refused or holds_dicom(census.aside[top])):
            continue
        key = keyed_hash(top, salt, kind="folder") or "unknown"
        where = f"folder {n} of {len(folders)} below the root, in order of name"
        refused = census.refused.get(top)
        if refused is not None:
            refusals.append(Refusal(key, refused.code, f"{refused.reason} ({where})"))
            continue
        reasons = ", ".join(f"{count} {reason}" for reason, count in census.aside[top].most_common(3))
        refusals.append(Refusal(key, "NO_CT", f"expected CT images, found none: {reasons} ({where})"))
    return refusals


def _notes(census: Census) -> tuple[str, ...]:
    """What was left aside in the tree, counted by its reason."""
    notes = []
    empty = [top for top in census.aside if top and top not in census.tops]
    other = sum(not holds_dicom(census.aside[top]) and top not in census.refused for top in empty)
    if other:
        notes.append(f"{other} folders below the root hold no DICOM at all")
    uids = [uid for _, uid in census.studies]
    twice = len(uids) - len(set(uids))
    if twice:
        notes.append(f"{twice} studies lie under more than one patient identifier, and count for each")
    small = sum(not one.may_be_a_volume for one in census.studies.values())
    if small:
        notes.append(f"{small} studies have no series of three CT images or more")
    reasons: dict[str, int] = defaultdict(int)
    for counts in census.aside.values():
        for reason, count in counts.items():
            reasons[reason] += count
    notes.extend(f"{count} files: {reason}" for reason, count in sorted(reasons.items()))
    return tuple(notes)
