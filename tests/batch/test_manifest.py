"""A manifest says whose each scan is; what is wrong in it is named by line and column."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.batch.job import Plan, Refusal
from pipeline.batch.manifest import read_manifest
from pipeline.errors import UsageError
from tests.series import good_series, write_series

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a manifest, and files for it to name."""

    def manifest(text: str | bytes, *, there: Sequence[str] = ("a", "b", "c")) -> Path:
        for name in there:
            (tmp_path / name).mkdir(exist_ok=True)
        file = tmp_path / "manifest.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return manifest


def refused(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_manifest(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only(plan: Plan) -> Refusal:
    (refusal,) = plan.refusals
    assert not plan.jobs
    return refusal


def test_scans_are_put_in_order_of_date_and_paths_count_from_the_manifest(write: Write) -> None:
    plan = read_manifest(write("patient,path,date\nP1,b,2020-03-10\nP2,c,\nP1,a,2019-04-11\n"))
    assert [job.key for job in plan.jobs] == ["P1", "P2"]
    assert [scan.path.name for scan in plan.jobs[0].scans] == ["a", "b"]
    assert [scan.date for scan in plan.jobs[0].scans] == [dt.date(2019, 4, 11), dt.date(2020, 3, 10)]
    assert plan.jobs[0].scans[0].path.parent == write("patient,path\n").parent
    assert plan.jobs[1].scans[0].date is None
    assert plan.notes == ()


def test_semicolons_a_byte_order_mark_and_windows_line_ends_are_read(write: Write) -> None:
    text = "\ufeffPatient ;PATH;Case\r\n\r\nP1;a;\r\n;;\r\nP1;b;c\r\n"
    (job,) = read_manifest(write(text)).jobs
    assert (len(job.scans), job.case and job.case.name) == (2, "c")


def test_every_column_reaches_its_scan(write: Write) -> None:
    text = "lesions,names,anatomy,series,path,patient\nc,b,a,1.2.3,a,P1\n"
    ((scan,),) = [job.scans for job in read_manifest(write(text)).jobs]
    assert scan.series_uid == "1.2.3"
    assert [path.name for path in (scan.anatomy, scan.names, scan.lesions) if path] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the manifest is empty"),
        ("patient,path\n", "the manifest names no scan"),
        ("patient\nP1\n", "line 1: the column path is missing"),
        ("patient,path,anatmy\n", "line 1, column 3: unknown column 'anatmy'; there are patient, path, date"),
        ("patient,path,path\n", "line 1, column 3: the column path is there twice"),
        ("patient,path\n,a\n", "line 2, column patient: must not be empty"),
        ("\n\npatient,path\nP1,a\nP1,\n", "line 5, column path: must not be empty"),
        ("patient,path,date\nP1,a,11.04.2019\n", "line 2, column date: expected a date as YYYY-MM-DD"),
        ("patient,path,date\nP1,a,2019-02-30\n", "line 2, column date"),
        ("patient,path,date\nP1,a,=1+1\x1b\n", r"found '=1+1\x1b'"),
        ("patient,path\nP1,a,b\n", "line 2, column 3: the header has 2 columns"),
        ("patient,path,names\nP1,a,b\n", "line 2, column names: goes with a label map"),
        ("patient,path,series\nP1,a,../x\n", "line 2, column series: expected a Series Instance UID"),
        ("patient,path\nP1,a\0b\n", "line 2, column path: no path holds a null character"),
        ('patient,path\nP1,"a\nP2,b\n', "line 3: not CSV"),
        ("patient,path,case\nP1,a,a\nP1,b,b\n", "line 3, column case: another case file than in line 2"),
        ("patient,path\nP1,a\nP2,b\xff\n".encode("latin-1"), "line 3: expected UTF-8"),
        ("patient,path\nP1,a\n".encode("utf-16"), "line 1: expected UTF-8"),
    ],
)
def test_a_bad_manifest_is_refused_by_line_and_column(write: Write, text: str | bytes, expected: str) -> None:
    assert expected in refused(write(text))


def test_a_manifest_that_is_a_folder_or_a_pipe_is_refused_in_a_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nowhere"):
        assert "the manifest cannot be read" in refused(tmp_path / name)


def test_missing_files_refuse_their_patient_alone(write: Write) -> None:
    text = "patient,path,anatomy,case\nP1,a,,\nP2,nowhere,,\nP3,b,lost.nii,\nP4,c,,gone.yaml\n"
    plan = read_manifest(write(text))
    assert [job.key for job in plan.jobs] == ["P1"]
    assert [(one.key, one.code) for one in plan.refusals] == [(f"P{n}", "NOT_FOUND") for n in (2, 3, 4)]
    assert [one.message.split("(")[1] for one in plan.refusals] == [
        "line 3, column path of the manifest)",
        "line 4, column anatomy of the manifest)",
        "line 5, column case of the manifest)",
    ]


def test_the_same_scan_twice_refuses_all_whose_it_is_said_to_be(write: Write) -> None:
    file = write("patient,path\nP1,a\nP2,./a\nP3,b\n")
    plan = read_manifest(file)
    assert [job.key for job in plan.jobs] == ["P3"]
    assert [(one.key, one.code) for one in plan.refusals] == [("P1", "SAME_SCAN"), ("P2", "SAME_SCAN")]
    assert "lines 2 and 3" in plan.refusals[0].message
    (file.parent / "link").symlink_to("b")
    assert only(read_manifest(write("patient,path\nP1,b\nP1,link\n"))).code == "SAME_SCAN"


def test_two_series_of_one_folder_are_two_scans(write: Write) -> None:
    (job,) = read_manifest(write("patient,path,series\nP1,a,1.2\nP1,a,1.3\n")).jobs
    assert [scan.series_uid for scan in job.scans] == ["1.2", "1.3"]


def test_dates_of_the_headers_order_scans_that_have_none_in_the_manifest(tmp_path: Path) -> None:
    for name, date in (("late", "20210101"), ("early", "20190101")):
        series = good_series()[:2]
        for one in series:
            one.StudyDate = date
        write_series(series, tmp_path / name)
    file = tmp_path / "m.csv"
    file.write_text("patient,path\nP1,late\nP1,early\n")
    assert [one.path.name for one in read_manifest(file).jobs[0].scans] == ["early", "late"]
    file.write_text("patient,path\nP1,late\nP1,early\nP1,m.csv\n")  # one without any date
    assert [one.path.name for one in read_manifest(file).jobs[0].scans] == ["late", "early", "m.csv"]


def test_hostile_labels_become_harmless_keys_and_are_counted(write: Write) -> None:
    plan = read_manifest(write("patient,path\n../../x,a\n=cmd|'/c calc'!A1,b\nأحمد,c\n"))
    keys = [job.key for job in plan.jobs]
    assert len(keys) == 3
    assert "أحمد" in keys
    assert not any(set("/=|'!") & set(key) for key in keys)
    assert plan.notes == ("2 labels of patients are no names for folders, or differ by case alone: changed",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"patient,path\n{text}")))
def test_whatever_a_manifest_holds_it_is_a_plan_or_a_line_of_usage(
    tmp_path: Path, content: bytes | str
) -> None:
    file = tmp_path / "m.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    problem = problem_of(file)
    assert problem.isprintable()
    assert problem or read_manifest(file).jobs or read_manifest(file).refusals


def problem_of(file: Path) -> str:
    try:
        read_manifest(file)
    except UsageError as error:
        return str(error)
    return ""
