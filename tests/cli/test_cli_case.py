"""``calcinosis compare --case``: what happened around the scans, beside them."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.case_file.read import CaseFile, ScanDate
from pipeline.errors import InputRefused
from pipeline.running.case import with_case_dates
from tests.builders import a_scan, pelvis_of_two_shafts
from tests.cli.conftest import Run
from tests.cli.test_cli_measure import refused

CASE = """\
scans:
  - date: 2019-04-11
  - date: 2020-03-10
treatments:
  - {name: prednisolone, start: 2018-04-11, stop: 2019-06-10, dose: 0.00025, unit: g}
  - {name: alendronate, start: 2019-04-11}
examinations:
  - {name: radiograph, date: 2019-11-11, finding: clear}
scores:
  - {name: CMAS, date: 2019-04-10, value: 48, range: [0, 52]}
laboratory:
  - {name: CK, date: 2020-03-11, value: 93, unit: U/L}
"""
DAYS = [-365, 60, 0, 214, -1, 335]
"""Of every date in `CASE`, in its order, from 2019-04-11."""
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FEW = ("--set", "figures.most_lesions=0", "--set", "figures.dots_per_inch=50")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    file = tmp_path / "case.yaml"
    file.write_text(CASE, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def folders(baseline_dicom: Path, followup_dicom: Path) -> tuple[Path, Path]:
    return baseline_dicom, followup_dicom


def content_of(out: Path) -> Any:
    return json.loads((out / "comparison.json").read_text("utf-8"))


def days_of(case: Any) -> list[tuple[str | None, int]]:
    """All dates with their days, in the order of the file."""
    found = [day for one in case["treatments"] for day in (one["start"], one["stop"]) if day is not None]
    found += case["examinations"] + case["scores"] + case["laboratory"]
    return [(one["date"], one["days_from_first"]) for one in found]


def test_the_case_is_in_the_results_with_days_from_the_first_scan(
    folders: tuple[Path, Path], case: Path, tmp_path: Path, run: Run
) -> None:
    ended = run("compare", *folders, "--case", case, "-o", tmp_path / "out", *FEW)
    assert (ended.code, ended.err) == (0, "")
    content = content_of(tmp_path / "out")["case"]
    dates = re.findall(ISO_DATE, CASE)[2:]
    assert days_of(content) == list(zip(dates, DAYS, strict=True))
    assert content["treatments"][0]["dose"] == 0.00025
    assert content["scores"][0]["range"] == [0, 52]
    assert (tmp_path / "out" / "figures" / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_with_a_case_give_the_same_bytes(
    folders: tuple[Path, Path], case: Path, tmp_path: Path, run: Run
) -> None:
    for name in ("a", "b"):
        assert run("compare", *folders, "--case", case, "-o", tmp_path / name, *FEW).code == 0
    figures = ("figures/timeline.png", "figures/paper_001.svg", "t1/figures/radiograph.png")
    for file in ("comparison.json", "report.html", "t0/report.html", *figures):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_dates_of_the_case_move_with_those_of_the_scans(
    folders: tuple[Path, Path], case: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out"
    assert run("compare", *folders, "--case", case, "-o", out, "--no-figures", "--dates", "shift").code == 0
    text = (out / "comparison.json").read_text("utf-8")
    assert not set(re.findall(ISO_DATE, CASE)) & set(re.findall(ISO_DATE, text))
    content = json.loads(text)
    first = dt.date.fromisoformat(content["time_points"][0]["date"])
    found = days_of(content["case"])
    assert [days for _, days in found] == DAYS
    assert [date for date, _ in found] == [(first + dt.timedelta(days)).isoformat() for days in DAYS]


def test_no_date_of_the_case_is_left_where_dates_are_dropped(
    folders: tuple[Path, Path], case: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out"
    assert run("compare", *folders, "--case", case, "-o", out, "--no-figures", "--dates", "drop").code == 0
    assert not ISO_DATE.search((out / "comparison.json").read_text("utf-8"))
    assert days_of(content_of(out)["case"]) == [(None, days) for days in DAYS]


def test_without_a_case_the_lists_are_empty_and_the_burden_is_drawn(
    folders: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    assert run("compare", *folders, "-o", tmp_path / "out", *FEW).code == 0
    assert list(content_of(tmp_path / "out")["case"].values()) == [[], [], [], []]
    assert (tmp_path / "out" / "figures" / "timeline.png").is_file()


def written(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "Paula Box.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (CASE.replace("2019-11-11", "2019-02-30"), "BAD_DATE", "line 8, examinations[0].date"),
        (CASE.replace("2019-06-10", "2018-04-10"), "DATES_REVERSED", "line 5, treatments[0].stop"),
        (CASE.replace("dose", "patient_name"), "BAD_CASE", "line 5, treatments[0].patient_name"),
        (CASE.replace("0.00025", "a quarter"), "BAD_CASE", "line 5, treatments[0].dose"),
        (CASE + "scores: []\n", "BAD_CASE", "line 13, scores"),
        (CASE.replace("clear", "{a: b}"), "BAD_CASE", "line 8, examinations[0].finding"),
        (CASE.encode() + b"\xff", "BAD_CASE", "line 13"),
        (CASE + "]", "BAD_CASE", "line 13"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "RESOURCE_LIMIT", "line 1"),
        ("", "BAD_CASE", "empty"),
    ],
)
def test_a_case_that_is_wrong_is_refused_before_any_scan_is_read(
    text: str | bytes, code: str, place: str, tmp_path: Path, run: Run
) -> None:
    file, none = written(tmp_path, text), tmp_path / "no scan"
    line = refused(run("compare", none, none, "--case", file, "-o", tmp_path / "out"), 3)
    assert line.startswith(f"calcinosis: {code}: ")
    assert place in line
    assert not (tmp_path / "out").exists()


def test_a_case_file_that_is_not_there_is_refused(tmp_path: Path, run: Run) -> None:
    call = ("compare", tmp_path, tmp_path, "--case", tmp_path / "Paula Box.yaml", "-o", tmp_path / "out")
    assert "NOT_FOUND" in refused(run(*call), 3)


@pytest.mark.parametrize("finding", ["as in 2019", "as on 3.5.19", "as on 11/04/2019", "as of 20190411"])
@pytest.mark.parametrize("dates", ["shift", "drop"])
def test_a_date_within_a_text_is_refused_where_dates_are_hidden(
    finding: str, dates: str, tmp_path: Path, run: Run
) -> None:
    file = written(tmp_path, CASE.replace("clear", finding))
    call = ("compare", tmp_path / "no", tmp_path / "no", "--case", file, "-o", tmp_path / "out")
    line = refused(run(*call, "--dates", dates), 3)
    assert "BAD_CASE: case file, line 8, examinations[0].finding" in line
    assert "NOT_FOUND" in refused(run(*call), 3)  # a text like any other where they are kept


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (CASE.replace("  - date: 2020-03-10\n", ""), "line 2, scans: "),
        (CASE.replace("  - date: 2020-03-10", "  - date: 2020-03-11"), "line 3, scans[1].date: t1"),
    ],
)
def test_a_case_of_other_scans_is_refused(
    text: str, place: str, folders: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    file = written(tmp_path, text)
    line = refused(run("compare", *folders, "--case", file, "-o", tmp_path / "out", "--no-figures"), 3)
    assert "CASE_MISMATCH" in line
    assert place in line


def test_a_scan_without_a_date_takes_that_of_the_case() -> None:
    scan = a_scan(*pelvis_of_two_shafts({}))
    told = CaseFile(scans=(ScanDate(dt.date(2019, 4, 11), 2),))
    (found,) = with_case_dates([scan], told)
    assert found.acquisition.study_date == dt.date(2019, 4, 11)
    with pytest.raises(InputRefused, match="CASE_MISMATCH"):
        with_case_dates([found], CaseFile(scans=(ScanDate(dt.date(2019, 4, 12), 2),)))
    assert with_case_dates([scan], CaseFile()) == [scan]
