from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

import pipeline as cc
from pipeline.notebook import optional
from pipeline.results.definitions import EXCLUDED_DEFINITIONS
from pipeline.results.tables import LESION_COLUMNS, TRACK_COLUMNS, lesions_csv, tracks_csv

Cell = float | str


def cells(frame: pd.DataFrame) -> list[list[Cell]]:
    """As they stand in a CSV, unknown cells empty."""
    rows = frame.itertuples(index=False)
    return [[_cell("" if pd.isna(value) else str(value)) for value in row] for row in rows]


def rows_of(text: str) -> list[list[Cell]]:
    return [[_cell(value) for value in row] for row in csv.reader(io.StringIO(text))]


def _cell(text: str) -> Cell:
    """A number where it is one: 0 and 0.0 are the same."""
    try:
        return float(text)
    except ValueError:
        return text


def test_the_table_of_lesions_is_the_one_of_the_file(baseline: cc.Analysis) -> None:
    frame = baseline.to_frame()
    assert [list(frame.columns), *cells(frame)] == rows_of(lesions_csv(baseline))
    assert len(frame) == 3


def test_the_table_of_tracks_is_the_one_of_the_file(comparison: cc.Comparison) -> None:
    frame = comparison.to_frame()
    assert tuple(frame.columns) == TRACK_COLUMNS
    assert cells(frame) == rows_of(tracks_csv(comparison))[1:]


def test_what_is_unknown_is_missing_and_numbers_stay_numbers(baseline: cc.Analysis) -> None:
    frame = baseline.to_frame()
    assert pd.api.types.is_integer_dtype(frame["id"])
    assert pd.api.types.is_float_dtype(frame["volume_mm3"])
    assert pd.api.types.is_bool_dtype(frame["touches_edge"])
    assert frame["region"].isna().all()


def test_a_scan_without_lesions_has_the_same_columns(baseline: cc.Analysis) -> None:
    from dataclasses import replace

    empty = replace(baseline, lesions=())
    assert tuple(empty.to_frame().columns) == LESION_COLUMNS
    assert len(empty.to_frame()) == 0
    assert tuple(empty.excluded_frame().columns) == tuple(EXCLUDED_DEFINITIONS)


def test_without_pandas_a_table_says_how_to_get_it(
    baseline: cc.Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(optional, "import_module", missing)
    with pytest.raises(cc.UsageError, match=r"pandas: pip install 'calcinosis-ct\[notebook\]'"):
        baseline.to_frame()
