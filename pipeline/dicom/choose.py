"""Which series of an inventory is measured: a rule that can be told in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.dicom.discover import ARCHIVE, Inventory, Series
from pipeline.dicom.kernels import KernelKind, kernel_kind
from pipeline.dicom.stack import MIN_SLICES
from pipeline.domain.scan import KernelPreference
from pipeline.errors import InputRefused

COVERING = 0.8
"""A series this long, as a part of the longest, shows what the longest shows: the pelvis lies in it."""

AS_LONG = 0.95
"""Two phases of one examination differ by a slice or two: no reason to prefer one."""

AS_THIN_MM = 0.5
"""Up to so much thicker than the thinnest, a series is as thin: the kernel weighs more."""

PELVIC_PARTS = ("PELV", "HIP", "ABDP", "ABDOMEN", "WHOLEBODY", "WHOLE BODY")
"""What the words of Body Part Examined hold (PS3.16 annex L) where the pelvis is in view."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A series, and by which steps of the rule it was chosen."""

    series: Series
    why: str


def choose_series(
    inventory: Inventory,
    uid: str | None = None,
    *,
    kernel: KernelPreference = "soft_tissue",
    passed_over: frozenset[Series] = frozenset(),
) -> Choice:
    """Choose the original axial series that covers the pelvis, thin, and of the kernel that is wanted.

    Of the original axial series: those that name the pelvis, if some do; of these, those at least
    80 % as long as the longest; those within 0.5 mm of the thinnest; those without contrast agent;
    those of the kernel that is wanted; the thinnest; the longer. Other series are chosen only where
    there is no original one. Nothing is chosen between different patients or studies, nor between
    equals.

    Parameters
    ----------
    uid : str, optional
        The Series Instance UID to take instead.
    passed_over : set of Series
        Not to be chosen, though they count where patients are compared.

    Raises
    ------
    InputRefused
        NO_CT, SERIES_NOT_FOUND, NOT_A_VOLUME, or AMBIGUOUS_SERIES with the list.
    """
    if not inventory.series:
        raise InputRefused("NO_CT", f"expected CT images, found none ({_others(inventory)})")
    if uid is not None:
        return Choice(_named(inventory, uid), "named by the user")
    volumes = [s for s in inventory.series if s.slice_count >= MIN_SLICES]
    if not volumes:
        largest = max(s.slice_count for s in inventory.series)
        raise InputRefused(
            "NOT_A_VOLUME", f"expected a series of at least {MIN_SLICES} slices, found {largest} at most"
        )
    _refuse_several_patients([s for s in volumes if s.is_original] or volumes)
    return _narrowed([s for s in volumes if s not in passed_over], kernel)


def _others(inventory: Inventory) -> str:
    """How many other files there are, and what of them may be what the user meant."""
    archives = sum(s.reason == ARCHIVE for s in inventory.skipped)
    words = [f"{len(inventory.skipped)} other files"]
    if archives:
        words.append(f"{archives} of them archives, which are not opened within a folder")
    if inventory.damaged_count:
        words.append(f"{inventory.damaged_count} of them damaged DICOM files: calcinosis check says how")
    return ", ".join(words)


def _named(inventory: Inventory, uid: str) -> Series:
    own = [s for s in inventory.series if s.uid == uid]
    if not own:
        known = _listed(inventory.series)
        raise InputRefused("SERIES_NOT_FOUND", f"no CT series has the UID asked for; there are: {known}")
    return own[0]


def _narrowed(volumes: list[Series], kernel: KernelPreference) -> Choice:
    """Leave fewer and fewer, step by step, and say which steps left some aside."""
    if len(volumes) == 1:
        return Choice(volumes[0], "the only CT series of three slices or more")
    left = volumes
    why = [f"of {len(volumes)} CT series"]
    for words, step in _STEPS:
        fewer = step(left, kernel)
        if len(fewer) < len(left):
            why.append(f"{len(fewer)} {words.format(kernel=kernel.replace('_', '-'))}")
        left = fewer
    if len(left) > 1:
        raise InputRefused("AMBIGUOUS_SERIES", f"{len(left)} series are equally fit: {_listed(left)}")
    return Choice(left[0], ", ".join(why))


def _originals(series: list[Series], _: KernelPreference) -> list[Series]:
    return [s for s in series if s.is_original] or series


def _naming_pelvis(series: list[Series], _: KernelPreference) -> list[Series]:
    named = [s for s in series if any(part in s.slices[0].exam.body_part for part in PELVIC_PARTS)]
    silent = [s for s in series if not s.slices[0].exam.body_part]
    return [s for s in series if s in named or s in silent] if named else series


def _covering(series: list[Series], _: KernelPreference) -> list[Series]:
    longest = max(s.extent_mm for s in series)
    return [s for s in series if s.extent_mm >= COVERING * longest]


def _thin(series: list[Series], _: KernelPreference) -> list[Series]:
    thinnest = min(s.resolution_mm for s in series)
    return [s for s in series if s.resolution_mm <= thinnest + AS_THIN_MM]


def _of_kernel(series: list[Series], wanted: KernelPreference) -> list[Series]:
    if wanted == "any":
        return series
    first: KernelKind = "soft" if wanted == "soft_tissue" else "sharp"
    for kind in (first, "unknown"):
        if found := [s for s in series if kernel_kind(s.slices[0].exam.kernel) == kind]:
            return found
    return series


def _thinnest(series: list[Series], _: KernelPreference) -> list[Series]:
    thinnest = min(s.resolution_mm for s in series)
    return [s for s in series if s.resolution_mm == thinnest]


def _longer(series: list[Series], _: KernelPreference) -> list[Series]:
    longest = max(s.extent_mm for s in series)
    return [s for s in series if s.extent_mm >= AS_LONG * longest]


def _native(series: list[Series], _: KernelPreference) -> list[Series]:
    return [s for s in series if not any(one.exam.contrast_agent for one in s.slices)] or series


_STEPS: tuple[tuple[str, Callable[[list[Series], KernelPreference], list[Series]]], ...] = (
    ("original and axial", _originals),
    ("of a body part with the pelvis", _naming_pelvis),
    (f"at least {COVERING:.0%} as long as the longest", _covering),
    (f"within {AS_THIN_MM} mm of the thinnest", _thin),
    ("without contrast agent", _native),
    ("by the kernel ({kernel})", _of_kernel),
    ("thinnest", _thinnest),
    ("longer", _longer),
)


def _refuse_several_patients(candidates: list[Series]) -> None:
    """Refuse to choose between patients or between studies of one patient."""
    for what, number in (
        ("patients", len({s.slices[0].patient.identifier for s in candidates})),
        ("studies", len({s.slices[0].exam.study_instance_uid for s in candidates})),
    ):
        if number > 1:
            raise InputRefused(
                "AMBIGUOUS_SERIES",
                f"expected one study, found series of {number} {what}; name one by its folder or --series, "
                f"or take `calcinosis batch`: {_listed(candidates)}",
            )


def _listed(series: list[Series] | tuple[Series, ...]) -> str:
    return ", ".join(f"{s.uid} ({s.slice_count} slices{_of_thickness(s.thickness_mm)})" for s in series)


def _of_thickness(thickness_mm: float | None) -> str:
    return "" if thickness_mm is None else f" of {thickness_mm} mm"
