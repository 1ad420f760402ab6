"""Whether scans belong together, and in this order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import isclose

from pipeline.domain.scan import Acquisition, QualityFlag
from pipeline.errors import InputRefused


def check_succession(acquisitions: Sequence[Acquisition], *, same_patient: bool) -> None:
    """Refuse scans that cannot be a patient's baseline and follow-ups in this order.

    Parameters
    ----------
    same_patient : bool
        The user vouches for it: identifiers, sex and dates of birth are not compared.

    Raises
    ------
    InputRefused
        SAME_SCAN, PATIENT_MISMATCH, BAD_DATE or DATES_REVERSED, naming the time points.
    """
    for (m, earlier), (n, later) in combinations(enumerate(acquisitions), 2):
        names = f"t{m} and t{n}"
        _check_different(earlier, later, names)
        if not same_patient:
            _check_patient(earlier, later, names)
    for n, (earlier, later) in enumerate(pairwise(acquisitions)):
        _check_dates(earlier, later, f"t{n} and t{n + 1}")


SAME_NUMBER = 1e-3
"""Relative difference up to which two thicknesses or voltages are the same, written otherwise."""


def flag_changes(first: Acquisition, later: Acquisition) -> tuple[QualityFlag, ...]:
    """What a later scan was made with otherwise than the first; what is unknown is not compared."""
    flags = []
    for code, what, one, other in (
        ("KVP_CHANGED", "tube voltage", first.kvp, later.kvp),
        ("KERNEL_CHANGED", "kernel", first.kernel, later.kernel),
        ("THICKNESS_CHANGED", "slice thickness", first.slice_thickness_mm, later.slice_thickness_mm),
        ("CONTRAST_CHANGED", "contrast agent", bool(first.contrast_agent), bool(later.contrast_agent)),
    ):
        if one is not None and other is not None and not _same(one, other):
            flags.append(QualityFlag(code, "warning", f"another {what} than the first scan"))
    return tuple(flags)


def _same(one: float | str, other: float | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return isclose(one, other, rel_tol=SAME_NUMBER)


def _check_different(earlier: Acquisition, later: Acquisition, names: str) -> None:
    hashes = zip(_hashes(earlier), _hashes(later), strict=True)
    if any(one is not None and one == other for one, other in hashes):
        raise InputRefused("SAME_SCAN", f"expected two scans, {names} are the same one")


def _hashes(one: Acquisition) -> tuple[str | None, str | None]:
    return one.input_sha256, one.voxels_sha256


def _check_patient(earlier: Acquisition, later: Acquisition, names: str) -> None:
    compared = (
        ("patient identifier", earlier.patient_key, later.patient_key),
        ("date of birth", earlier.birth_key, later.birth_key),
        ("sex", earlier.sex, later.sex),
    )
    for what, one, other in compared:
        if one is not None and other is not None and one != other:
            raise InputRefused(
                "PATIENT_MISMATCH",
                f"expected one patient, {names} differ in {what}; --same-patient if they are one",
            )


def _check_dates(earlier: Acquisition, later: Acquisition, names: str) -> None:
    for n, one in enumerate((earlier, later)):
        if one.study_date is None:
            which = names.split(" and ")[n]
            raise InputRefused("BAD_DATE", f"{which} has no valid study date; give --date {which}=YYYY-MM-DD")
    if (
        earlier.study_date is not None
        and later.study_date is not None
        and later.study_date < earlier.study_date
    ):
        raise InputRefused("DATES_REVERSED", f"expected rising dates, {names} are the wrong way round")
