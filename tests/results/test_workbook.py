"""Workbooks hold the tables, say what their columns mean, and are the same bytes each time."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.results.definitions import (
    EXCLUDED_DEFINITIONS,
    LESION_DEFINITIONS,
    TRACK_DEFINITIONS,
    header_of,
    unit_of,
)
from pipeline.results.tables import lesions_csv, tracks_csv
from pipeline.results.workbook import write_lesions_workbook, write_tracks_workbook

DOCS = Path(__file__).parents[2] / "docs" / "measurements.md"


def as_text(value: object) -> str:
    return "" if value is None else str(value)


def number_in(cell: str) -> float | str:
    """Zeros at the end do not count."""
    try:
        return float(cell)
    except ValueError:
        return cell


def sheet(file: Path, name: str) -> list[list[str]]:
    book = openpyxl.load_workbook(file)
    return [[as_text(value) for value in row] for row in book[name].iter_rows(values_only=True)]


@pytest.mark.parametrize(
    ("column", "header"),
    [
        ("volume_mm3", "volume (mm³)"),
        ("core_p95_hu", "core p95 (HU)"),
        ("change_percent", "change (%)"),
        ("side", "side"),
    ],
)
def test_a_header_names_the_unit(column: str, header: str) -> None:
    assert header_of(column) == header


def test_sheets_hold_the_tables(baseline: Analysis, comparison: Comparison, tmp_path: Path) -> None:
    write_lesions_workbook(baseline, tmp_path / "lesions.xlsx")
    write_tracks_workbook(comparison, tmp_path / "tracks.xlsx")
    for name, title, text in (
        ("lesions", "Lesions", lesions_csv(baseline)),
        ("tracks", "Tracks", tracks_csv(comparison)),
    ):
        headers, *rows = csv.reader(io.StringIO(text, newline=""))
        there = sheet(tmp_path / f"{name}.xlsx", title)
        assert there[0] == [header_of(one) for one in headers]
        assert [[number_in(cell) for cell in row] for row in there[1:]] == [
            [number_in(cell) for cell in row] for row in rows
        ]
    left_out = sheet(tmp_path / "lesions.xlsx", "Left out")
    assert len(left_out) == 1 + len(baseline.excluded)


def test_every_column_is_explained(baseline: Analysis, tmp_path: Path) -> None:
    write_lesions_workbook(baseline, tmp_path / "a.xlsx")
    _, *rows = sheet(tmp_path / "a.xlsx", "Definitions")
    assert [row[3] for row in rows if row[0] == "Lesions"] == list(LESION_DEFINITIONS)
    assert all(row[4] for row in rows)


def test_the_same_numbers_give_the_same_bytes(baseline: Analysis, tmp_path: Path) -> None:
    write_lesions_workbook(baseline, tmp_path / "a.xlsx")
    write_lesions_workbook(baseline, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert {entry.date_time[0] for entry in book.infolist()} == {1980}
        assert set(re.findall(rb"\d{4}-\d\d-\d\dT", book.read("docProps/core.xml"))) == {b"1980-01-01T"}


@pytest.mark.parametrize(
    "text", ["=cmd|'/c calc'!A1", "+1+1", "@SUM(A1)", "a\x1b[31m\x00b", "<img src=x onerror=a>"]
)
def test_a_text_is_no_formula_and_holds_no_control_character(
    text: str, baseline: Analysis, tmp_path: Path
) -> None:
    one = baseline.lesions[0]
    hostile = replace(one, site=replace(one.site, structure=text))
    write_lesions_workbook(replace(baseline, lesions=(hostile,)), tmp_path / "a.xlsx")
    column = list(LESION_DEFINITIONS).index("structure") + 1
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx")["Lesions"].cell(2, column)
    assert cell.data_type in ("s", "inlineStr")
    assert cell.value == "".join(c for c in text if c >= " ")


def test_without_lesions_there_are_headers_alone(baseline: Analysis, tmp_path: Path) -> None:
    write_lesions_workbook(replace(baseline, lesions=()), tmp_path / "a.xlsx")
    assert len(sheet(tmp_path / "a.xlsx", "Lesions")) == 1


@pytest.mark.parametrize(
    ("title", "definitions"),
    [
        ("`lesions.csv`", LESION_DEFINITIONS),
        ("`tracks.csv`", TRACK_DEFINITIONS),
        ("what was left out", EXCLUDED_DEFINITIONS),
    ],
)
def test_the_documentation_says_the_same(title: str, definitions: dict[str, str]) -> None:
    text = DOCS.read_text(encoding="utf-8").split(f"### Columns of {title}\n")[1].split("\n#")[0]
    rows = [f"| `{name}` | {unit_of(name)} | {words} |" for name, words in definitions.items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows
