"""The rows of a CSV file that a person wrote, with errors that name line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

SIZE_LIMIT_BYTES = 2**26
"""Of a manifest: half a million rows."""

DELIMITERS = ",;"


@dataclass(frozen=True, slots=True)
class Row:
    """One row by column; columns that the file has not are empty."""

    line: int  #: from 1; where the row ends, if a cell has several lines
    texts: Mapping[str, str]

    def error(self, column: str, reason: str) -> UsageError:
        """What to raise for a cell."""
        return UsageError(f"manifest line {self.line}, column {column}: {reason}")


def read_rows(file: Path, required: Sequence[str], optional: Sequence[str]) -> list[Row]:
    """The rows of a file with comma or semicolon, in UTF-8; rows without any text are left out.

    Raises
    ------
    UsageError
        Naming line and column of what is wrong.
    """
    lines = io.StringIO(_text(file), newline=None).readlines()
    header = next((n for n, line in enumerate(lines) if line.strip(f"{DELIMITERS} \t\r\n")), None)
    if header is None:
        raise UsageError("the manifest is empty")
    delimiter = ";" if lines[header].count(";") > lines[header].count(",") else ","
    cells = _cells(lines[header:], delimiter, header)
    line, names = next(cells)
    columns = _columns(line, names, required, optional)
    empty = dict.fromkeys((*required, *optional), "")
    return [_row(line, columns, row, empty) for line, row in cells if any(row)]


def _text(file: Path) -> str:
    try:
        if file.exists() and not file.is_file():
            raise UsageError("the manifest cannot be read: a folder, pipe or device")
        if file.stat().st_size > SIZE_LIMIT_BYTES:
            raise UsageError(f"the manifest is larger than {SIZE_LIMIT_BYTES >> 20} MB")
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"the manifest cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"manifest line {line}: expected UTF-8; save it as CSV UTF-8") from error


def _cells(lines: Sequence[str], delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = before + max(reader.line_num, 1)
            raise UsageError(f"manifest line {line}: not CSV: {error}") from error
        yield before + reader.line_num, [cell.strip() for cell in row]


def _columns(line: int, names: list[str], required: Sequence[str], optional: Sequence[str]) -> list[str]:
    columns = [name.lower() for name in names]
    known = ", ".join((*required, *optional))
    for n, name in enumerate(columns, 1):
        where = f"manifest line {line}, column {n}"
        if name not in required and name not in optional:
            raise UsageError(f"{where}: unknown column {names[n - 1][:32]!r}; there are {known}")
        if columns.index(name) < n - 1:
            raise UsageError(f"{where}: the column {name} is there twice")
    for name in required:
        if name not in columns:
            raise UsageError(f"manifest line {line}: the column {name} is missing")
    return columns


def _row(line: int, columns: list[str], cells: list[str], empty: Mapping[str, str]) -> Row:
    if any(cells[len(columns) :]):
        number = next(n for n, cell in enumerate(cells[len(columns) :], len(columns) + 1) if cell)
        reason = f"the header has {len(columns)} columns; put a text with a comma or semicolon in quotes"
        raise UsageError(f"manifest line {line}, column {number}: {reason}")
    return Row(line, {**empty, **dict(zip(columns, cells, strict=False))})
