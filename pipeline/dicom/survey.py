"""What a folder holds and what would become of each series: the answer without the measurement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.dicom.acquisition import clean_text
from pipeline.dicom.discover import Inventory, Series, refuse_other_file, take_inventory
from pipeline.dicom.kernels import KernelKind, kernel_kind
from pipeline.dicom.read import arrange, choose_usable, read_series
from pipeline.dicom.tree import Tree, open_tree
from pipeline.domain.scan import KernelPreference, QualityFlag
from pipeline.errors import InputRefused


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """One series, and whether it could be measured. Unknown is None."""

    series_instance_uid: str | None
    series_number: int | None
    slice_count: int
    matrix: tuple[int, int] | None  #: rows, columns
    spacing_mm: tuple[float, float, float] | None  #: between slices, rows, columns; as the positions say
    slice_thickness_mm: float | None
    extent_mm: float  #: along the normal of the slices; 0 where positions do not tell
    kernel: str | None
    kernel_kind: KernelKind
    kvp: float | None
    contrast_agent: bool
    original: bool
    chosen: bool
    examined: Literal["pixels", "headers"]  #: the pixels of the chosen series only are read
    refusal: InputRefused | None
    flags: tuple[QualityFlag, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything in a folder, zip or file; free of names, of patients and of files."""

    series: tuple[SeriesReport, ...]
    skipped: tuple[tuple[str, int], ...]  #: reason and number of files, most first
    why: str  #: by which rule the series was chosen; empty if none was
    refusal: InputRefused | None  #: why nothing would be measured


def survey(path: Path, *, series_uid: str | None = None, kernel: KernelPreference = "soft_tissue") -> Survey:
    """Look at everything and read the series that would be measured.

    Parameters
    ----------
    kernel : str
        Of what kernel the series should be, where there are several.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, NOT_DICOM, RESOURCE_LIMIT: where there is nothing to list.
    """
    with open_tree(path) as tree:
        inventory = take_inventory(tree)
        refuse_other_file(path, inventory)
        chosen, why, flags, refusal = _choice(tree, inventory, series_uid, kernel)
        reports = tuple(_report(tree, one, inventory, chosen=one is chosen) for one in inventory.series)
    reports = tuple(replace(one, flags=(*flags, *one.flags)) if one.chosen else one for one in reports)
    refusal = next((one.refusal for one in reports if one.chosen), refusal)
    counts = Counter(one.reason for one in inventory.skipped)
    return Survey(reports, tuple(counts.most_common()), why, refusal)


def _choice(
    tree: Tree, inventory: Inventory, series_uid: str | None, kernel: KernelPreference
) -> tuple[Series | None, str, tuple[QualityFlag, ...], InputRefused | None]:
    """The series, why it was chosen, flags of the choice; or the refusal."""
    try:
        choice, flags = choose_usable(tree, inventory, series_uid, kernel=kernel)
    except InputRefused as refusal:
        return None, "", (), refusal
    return choice.series, choice.why, flags, None


def _report(tree: Tree, series: Series, inventory: Inventory, *, chosen: bool) -> SeriesReport:
    first = series.slices[0]
    spacing_mm, flags, refusal = _examined(tree, series, inventory, pixels=chosen)
    rows, columns = first.grid.rows, first.grid.columns
    return SeriesReport(
        series_instance_uid=series.uid or None,
        series_number=first.series_number,
        slice_count=series.slice_count,
        matrix=(rows, columns) if rows and columns else None,
        spacing_mm=spacing_mm,
        slice_thickness_mm=series.thickness_mm,
        extent_mm=round(series.extent_mm, 2),
        kernel=clean_text(first.exam.kernel),
        kernel_kind=kernel_kind(first.exam.kernel),
        kvp=first.exam.kvp,
        contrast_agent=any(s.exam.contrast_agent for s in series.slices),
        original=series.is_original,
        chosen=chosen,
        examined="pixels" if chosen else "headers",
        refusal=refusal,
        flags=flags,
    )


def _examined(
    tree: Tree, series: Series, inventory: Inventory, *, pixels: bool
) -> tuple[tuple[float, float, float] | None, tuple[QualityFlag, ...], InputRefused | None]:
    """Spacing, flags and refusal; the spacing is known where the slices could be put in order."""
    spacing_mm = None
    try:
        stack, flags = arrange(tree, series, inventory)
        rows_mm, columns_mm = stack.slices[0].grid.spacing_mm or (0.0, 0.0)
        spacing_mm = (round(stack.spacing_mm, 6), rows_mm, columns_mm)
        if pixels:
            flags = read_series(tree, series, inventory).flags
    except InputRefused as refusal:
        return spacing_mm, (), refusal
    return spacing_mm, flags, None
