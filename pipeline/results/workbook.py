"""``lesions.xlsx`` and ``tracks.xlsx``: the tables as sheets, and one that says what each column means."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.results.definitions import (
    EXCLUDED_DEFINITIONS,
    LESION_DEFINITIONS,
    TRACK_DEFINITIONS,
    header_of,
    unit_of,
)
from pipeline.results.record import rounded
from pipeline.results.tables import excluded_row, lesion_row, track_rows

Row = Mapping[str, Any]
NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The first date a zip can hold; a workbook of the same numbers has the same bytes."""
WIDTHS = (9, 24, 70)
"""Least and greatest width of a column, and that of a definition, in characters."""
LONGEST_TEXT = 32_767
"""That a cell can hold."""
MOST_ROWS = 1_048_575
"""That a sheet can hold below its header."""


def write_lesions_workbook(analysis: Analysis, file: Path) -> None:
    """Sheets of the lesions, of what was left out, and of definitions."""
    tables = {
        "Lesions": (LESION_DEFINITIONS, [lesion_row(one) for one in analysis.lesions]),
        "Left out": (EXCLUDED_DEFINITIONS, [excluded_row(one) for one in analysis.excluded]),
    }
    write_sheets(tables, file)


def write_tracks_workbook(comparison: Comparison, file: Path) -> None:
    """Sheets of the tracks, one row for each date, and of definitions."""
    write_sheets({"Tracks": (TRACK_DEFINITIONS, list(track_rows(comparison)))}, file)


def write_sheets(tables: Mapping[str, tuple[Mapping[str, str], Iterable[Row]]], file: Path) -> None:
    """A workbook of sheets, and one of definitions; the same rows give the same bytes.

    Parameters
    ----------
    tables : mapping
        Title of a sheet → column with its meaning, and rows by column. What a sheet cannot hold is left out.
    """
    book = Workbook(write_only=True)
    for title, (definitions, rows) in tables.items():
        headers = [header_of(name) for name in definitions]
        cells = ([rounded(row.get(name)) for name in definitions] for row in rows)
        _add_sheet(book, title, headers, islice(cells, MOST_ROWS))
    explained = [
        [title, header_of(name), unit_of(name), name, words]
        for title, (definitions, _) in tables.items()
        for name, words in definitions.items()
    ]
    _add_sheet(book, "Definitions", ["sheet", "column", "unit", "name in CSV and JSON", "meaning"], explained)
    packed = BytesIO()
    book.save(packed)
    file.write_bytes(_without_clock(packed))


def _add_sheet(book: Workbook, title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "B2"
    for number, words in enumerate(headers, start=1):
        width = WIDTHS[2] if words == "meaning" else min(max(len(words) + 2, WIDTHS[0]), WIDTHS[1])
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append([_cell(sheet, words, bold=True) for words in headers])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: WriteOnlyWorksheet, value: Any, *, bold: bool = False) -> Cell:
    """A number, a truth or a text; a text is never a formula, whatever it begins with."""
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_TEXT])
    cell.data_type = "s"
    if bold:
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    return cell


def _without_clock(packed: BytesIO) -> bytes:
    """The same workbook without the time at which it was written."""
    result = BytesIO()
    made = dt.datetime(*NO_TIME).isoformat() + "Z"
    with zipfile.ZipFile(packed) as book, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as out:
        for name in book.namelist():
            content = book.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.encode(), content)
            entry = zipfile.ZipInfo(name, NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, content)
    return result.getvalue()
