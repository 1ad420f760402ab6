"""What a command prints when it is done."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cli.summary import print_analysis, print_comparison
from pipeline.domain.analysis import Analysis
from pipeline.workflow import analyse, compare
from tests.builders import a_scan, pelvis_of_two_shafts


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_a_place_is_never_cut_short(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    plain = analyse(a_scan(*pelvis_of_two_shafts({(0.0, 26.0, 0.0): 5.0})))
    placed = [
        replace(one, site=replace(one.site, side="right", region="ischiofemoral_space"))
        for one in plain.lesions
    ]
    placed_there = replace(plain, lesions=tuple(placed))
    print_analysis(placed_there, Path("out"))
    comparison = compare([_dated(placed_there, year) for year in (2019, 2020)])
    unsure = tuple(replace(track, kind="not_evaluable") for track in comparison.tracks)
    print_comparison(replace(comparison, tracks=unsure), Path("out"))
    table_lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert sum("ischiofemoral" in line for line in table_lines) == 2 * len(placed)
    assert not any("…" in line for line in table_lines)


def _dated(analysis: Analysis, year: int) -> Analysis:
    acquisition = replace(analysis.scan.acquisition, study_date=dt.date(year, 4, 11))
    return replace(analysis, scan=replace(analysis.scan, acquisition=acquisition))
