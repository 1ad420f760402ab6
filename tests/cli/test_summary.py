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


def test_what_is_in_the_sum_and_what_is_not_is_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = analyse(a_scan(*pelvis_of_two_shafts({(0.0, 26.0, 0.0): 5.0})))
    unsure = tuple(replace(one, status="indeterminate", why_indeterminate="faint") for one in found.lesions)
    nothing = replace(found.burden, lesion_count=0, indeterminate_volume_mm3=500.0)
    print_analysis(replace(found, lesions=unsure, burden=nothing), Path("out"))
    line = next(line for line in capsys.readouterr().out.splitlines() if " in all" in line)
    assert line.startswith("0 definite lesions, ")
    assert f"{len(unsure)} indeterminate, 500 mm³, not in the sum" in line


def test_why_a_track_could_not_be_followed_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = analyse(a_scan(*pelvis_of_two_shafts({(0.0, 26.0, 0.0): 5.0})))
    comparison = compare([_dated(found, year) for year in (2019, 2020)])
    track = comparison.tracks[0]
    lost = replace(track.steps[-1], kind="not_evaluable", reason="out of view")
    unsure = replace(track, kind="not_evaluable", steps=(lost,))
    print_comparison(replace(comparison, tracks=(unsure, unsure)), Path("out"))
    assert capsys.readouterr().out.count("not_evaluable, 2 tracks: out of view\n") == 1


def _dated(analysis: Analysis, year: int) -> Analysis:
    acquisition = replace(analysis.scan.acquisition, study_date=dt.date(year, 4, 11))
    return replace(analysis, scan=replace(analysis.scan, acquisition=acquisition))
