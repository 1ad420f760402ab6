"""``calcinosis check``, and dates and keys in the results of ``measure`` and ``compare``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.dicom.survey import survey
from tests.series import dup, good_series, set_stored, stored, write_series


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Run the command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["calcinosis", *map(str, words)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def second_series(**values: str) -> list[Any]:
    series = [dup(d) for d in good_series()]
    for n, d in enumerate(series):
        d.SeriesInstanceUID, d.SOPInstanceUID = "1.2.9", f"1.2.9.{n + 1}"
        for keyword, value in values.items():
            setattr(d, keyword, value)
    return series


def test_check_lists_series_the_choice_and_what_is_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_series([*good_series(), *second_series(ConvolutionKernel="B70f")], tmp_path / "s")
    (folder / "Paula Box.txt").write_text("x")
    assert run(monkeypatch, "check", folder, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["measured"] == str(good_series()[0].SeriesInstanceUID)
    assert "by the kernel (soft-tissue)" in record["why"]
    chosen, other = sorted(record["series"], key=lambda one: not one["chosen"])
    assert chosen["spacing_mm"] == [3.0, 0.75, 1.0]
    assert (chosen["slice_count"], chosen["kernel"], chosen["kvp"]) == (12, "B30f", 120.0)
    assert (chosen["examined"], other["examined"]) == ("pixels", "headers")
    assert (other["kernel"], other["refusal"]) == ("B70f", None)
    assert record["skipped"] == [{"reason": "not DICOM", "count": 1}]
    assert run(monkeypatch, "check", folder) == 0
    out = capsys.readouterr().out
    assert "B70f" in out
    assert "Paula" not in out


def test_check_of_nothing_measurable_is_exit_3_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    series = good_series()
    del series[5]
    folder = write_series(series, tmp_path / "s")
    assert run(monkeypatch, "check", folder, "--json") == 3
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["measured"] is None
    assert record["refusal"]["code"] == "MISSING_SLICES"
    assert captured.err.startswith("calcinosis: MISSING_SLICES: ")
    assert run(monkeypatch, "check", folder, "--series", "1.2.3") == 3
    (tmp_path / "empty").mkdir()
    assert run(monkeypatch, "check", tmp_path / "empty") == 3
    assert "NO_CT" in capsys.readouterr().err


def test_survey_judges_each_series_by_itself(tmp_path: Path) -> None:
    broken = second_series(AccessionNumber="")
    del broken[5]
    reports = survey(write_series([*good_series(), *broken], tmp_path / "s")).series
    assert [one.refusal and one.refusal.code for one in sorted(reports, key=lambda r: r.slice_count)] == [
        "MISSING_SLICES",
        None,
    ]


def test_equal_series_of_one_kernel_are_a_tie(tmp_path: Path) -> None:
    found = survey(write_series([*good_series(), *second_series(StationName="")], tmp_path / "s"))
    assert found.refusal is not None
    assert found.refusal.code == "AMBIGUOUS_SERIES"
    assert not any(one.chosen for one in found.series)


@pytest.fixture
def two_dates(tmp_path: Path) -> tuple[Path, Path]:
    later = [dup(d) for d in good_series()]
    for d in later:
        d.StudyDate, d.StudyInstanceUID, d.SeriesInstanceUID = "20210311", "1.2.8", "1.2.9"
        set_stored(d, stored(d) + 1)
    return write_series(good_series(), tmp_path / "a"), write_series(later, tmp_path / "b")


def compared(out: Path) -> tuple[list[Any], list[Any], list[Any]]:
    """Dates and days of the comparison, and the patient keys of its time points."""
    points = json.loads((out / "comparison.json").read_text())["time_points"]
    keys = [
        json.loads((out / t / "measurements.json").read_text())["scan"]["patient_key"] for t in ("t0", "t1")
    ]
    return [one["date"] for one in points], [one["days_from_first"] for one in points], keys


def test_dates_are_kept_shifted_or_dropped_and_intervals_stay(
    tmp_path: Path, two_dates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for dates in ("keep", "shift", "drop"):
        out = tmp_path / dates
        words = (
            "compare",
            *two_dates,
            "-o",
            out,
            "--dates",
            dates,
            "--patient-key",
            "case 7",
            "--no-figures",
        )
        assert run(monkeypatch, *words) == 0
        found[dates] = compared(out)
    assert found["keep"][0] == ["2020-04-11", "2021-03-11"]
    assert found["drop"][0] == [None, None]
    assert not set(found["shift"][0]) & {"2020-04-11", "2021-03-11", None}
    assert {tuple(days) for _, days, _ in found.values()} == {(0, 334)}
    assert all(keys == ["case 7", "case 7"] for _, _, keys in found.values())
    assert "2020" not in (tmp_path / "drop" / "t0" / "measurements.json").read_text()


def test_reversed_dates_are_refused_even_when_dropped(
    tmp_path: Path, two_dates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("compare", *two_dates[::-1], "-o", tmp_path / "out", "--dates", "drop", "--no-figures")
    assert run(monkeypatch, *words) == 3


def test_shift_without_a_key_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = good_series()
    for d in series:
        d.PatientID = ""
    folder = write_series(series, tmp_path / "s")
    words = ("measure", folder, "-o", tmp_path / "out", "--dates", "shift", "--no-figures")
    assert run(monkeypatch, *words) == 2
