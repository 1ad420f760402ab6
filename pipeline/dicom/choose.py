"""Which series of an inventory is measured: a rule that can be told in one sentence."""

from __future__ import annotations

import re

from pipeline.dicom.discover import Inventory, Series
from pipeline.dicom.stack import MIN_SLICES
from pipeline.errors import InputRefused

SHARP_NAMES = frozenset(("BONE", "BONEPLUS", "BONE+", "EDGE", "LUNG", "D", "E", "L", "YC", "YD", "YE"))
"""Kernels of GE and Philips for bone and lung."""


def choose_series(inventory: Inventory, uid: str | None = None) -> Series:
    """Choose the original axial series with the most slices; among equals the thinnest, then the softest.

    A series with other kinds of images under its UID stands for its original ones. Derived series
    are chosen only where there is no original one. Nothing is chosen between different patients or
    studies, nor between equals.

    Parameters
    ----------
    uid : str, optional
        The Series Instance UID to take instead.

    Raises
    ------
    InputRefused
        NO_CT, SERIES_NOT_FOUND, NOT_A_VOLUME, or AMBIGUOUS_SERIES with the list.
    """
    if not inventory.series:
        raise InputRefused("NO_CT", f"expected CT images, found none ({len(inventory.skipped)} other files)")
    if uid is not None:
        return _named(inventory, uid)
    volumes = [s for s in inventory.series if s.slice_count >= MIN_SLICES]
    if not volumes:
        largest = max(s.slice_count for s in inventory.series)
        raise InputRefused(
            "NOT_A_VOLUME", f"expected a series of at least {MIN_SLICES} slices, found {largest} at most"
        )
    candidates = [s for s in volumes if s.is_original] or volumes
    _refuse_several_patients(candidates)
    best = min(_rank(s) for s in candidates)
    return _only([s for s in candidates if _rank(s) == best])


def _named(inventory: Inventory, uid: str) -> Series:
    own = [s for s in inventory.series if s.uid == uid]
    if not own:
        known = _listed(inventory.series)
        raise InputRefused("SERIES_NOT_FOUND", f"no CT series has the UID asked for; there are: {known}")
    return own[0]


def _rank(series: Series) -> tuple[int, float, bool]:
    kernel = series.slices[0].exam.kernel
    return -series.slice_count, series.thickness_mm or float("inf"), is_sharp(kernel)


def is_sharp(kernel: str) -> bool:
    """Whether a kernel is made for bone or lung: its edges overshoot and its noise is high.

    By name where the makers use words or letters, by number where they count: Siemens from 50 of
    100, Canon from FC30. An unknown name counts as soft.
    """
    name = kernel.split("\\")[0].strip().upper()
    if name in SHARP_NAMES:
        return True
    counted = re.match(r"(FC|[A-Z]{1,2})(\d{2})", name)
    return counted is not None and int(counted[2]) >= (30 if counted[1] == "FC" else 50)


def _refuse_several_patients(candidates: list[Series]) -> None:
    """Refuse to choose between patients or between studies of one patient."""
    for what, number in (
        ("patients", len({s.slices[0].patient.identifier for s in candidates})),
        ("studies", len({s.slices[0].exam.study_instance_uid for s in candidates})),
    ):
        if number > 1:
            raise InputRefused(
                "AMBIGUOUS_SERIES",
                f"expected one study, found series of {number} {what}: {_listed(candidates)}",
            )


def _only(best: list[Series]) -> Series:
    if len(best) > 1:
        raise InputRefused("AMBIGUOUS_SERIES", f"{len(best)} series are equally fit: {_listed(best)}")
    return best[0]


def _listed(series: list[Series] | tuple[Series, ...]) -> str:
    return ", ".join(f"{s.uid} ({s.slice_count} slices{_of_thickness(s.thickness_mm)})" for s in series)


def _of_thickness(thickness_mm: float | None) -> str:
    return "" if thickness_mm is None else f" of {thickness_mm} mm"
