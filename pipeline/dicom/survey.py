"""What a folder holds and what would become of each series: the answer without the measurement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.dicom.acquisition import clean_text
from pipeline.dicom.choose import choose_series
from pipeline.dicom.discover import Inventory, Series, refuse_other_file, take_inventory
from pipeline.dicom.read import arrange, read_series
from pipeline.dicom.tree import Tree, open_tree
from pipeline.domain.scan import QualityFlag
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
    kernel: str | None
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


def survey(path: Path, *, series_uid: str | None = None) -> Survey:
    """Look at everything and read the series that would be measured.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, NOT_DICOM, RESOURCE_LIMIT: where there is nothing to list.
    """
    with open_tree(path) as tree:
        inventory = take_inventory(tree)
        refuse_other_file(path, inventory)
        chosen, refusal = _choice(inventory, series_uid)
        reports = tuple(_report(tree, one, inventory, chosen=one is chosen) for one in inventory.series)
    for report in reports:
        if report.chosen:
            refusal = report.refusal
    counts = Counter(one.reason for one in inventory.skipped)
    why = "" if chosen is None else _why(chosen, inventory, series_uid)
    return Survey(reports, tuple(counts.most_common()), why, refusal)


def _choice(inventory: Inventory, series_uid: str | None) -> tuple[Series | None, InputRefused | None]:
    try:
        return choose_series(inventory, series_uid), None
    except InputRefused as refusal:
        return None, refusal


def _why(chosen: Series, inventory: Inventory, series_uid: str | None) -> str:
    if series_uid is not None:
        return "named by the user"
    if len(inventory.series) == 1:
        return "the only CT series"
    kind = "original axial series" if chosen.is_original else "series, none being original and axial"
    return f"of the {kind} the one with the most slices, then the thinnest, then the softer kernel"


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
        kernel=clean_text(first.exam.kernel),
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
