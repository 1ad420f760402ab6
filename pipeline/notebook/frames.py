"""Lesions, what was left out, and tracks as tables of pandas: the columns and figures of the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.notebook.optional import need
from pipeline.results.definitions import EXCLUDED_DEFINITIONS, unit_of
from pipeline.results.record import rounded
from pipeline.results.tables import LESION_COLUMNS, TRACK_COLUMNS, excluded_row, lesion_row, track_rows

if TYPE_CHECKING:
    from pandas import DataFrame

    from pipeline.domain.analysis import Analysis
    from pipeline.domain.change import Comparison


def lesions_frame(analysis: Analysis) -> DataFrame:
    """One row for each lesion, as in ``lesions.csv``."""
    return _frame(LESION_COLUMNS, (lesion_row(one) for one in analysis.lesions))


def excluded_frame(analysis: Analysis) -> DataFrame:
    """One row for each thing that was left out, as in ``lesions.xlsx``."""
    return _frame(tuple(EXCLUDED_DEFINITIONS), (excluded_row(one) for one in analysis.excluded))


def tracks_frame(comparison: Comparison) -> DataFrame:
    """One row for each track and date, as in ``tracks.csv``."""
    return _frame(TRACK_COLUMNS, track_rows(comparison))


def _frame(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """A table whose columns keep their kind where a cell is unknown, and where there is no row."""
    pandas = need("pandas", "a table")
    known = [rounded(row) for row in rows]
    cells = {name: [row.get(name) for row in known] for name in columns}
    return pandas.DataFrame(  # type: ignore[no-any-return]
        {name: pandas.array(values, dtype=_kind(name, values)) for name, values in cells.items()}
    )


def _kind(column: str, values: Sequence[Any]) -> str:
    """The kind of a column that may have unknown cells."""
    kinds = {type(value) for value in values if value is not None}
    for kind, name in ((bool, "boolean"), (str, "string"), (float, "Float64"), (int, "Int64")):
        if kind in kinds:
            return name
    return "Float64" if unit_of(column) else "string"
