"""The tables of a study hold what the patients' files hold, in one form, and nothing of the run."""

from __future__ import annotations

import csv
import io
import json
import shutil
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from pipeline.batch.job import Plan
from pipeline.batch.tables import write_tables
from pipeline.domain.change import Comparison
from pipeline.errors import OutputError
from pipeline.results.cohort.columns import DEPTHS, LESIONS, PATIENTS, REGIONS, SCANS, TABLES, TRACKS
from pipeline.results.tables import lesions_csv, tracks_csv
from pipeline.steps.sites.muscles import REGION_OF_WORDS
from pipeline.steps.sites.territories import TERRITORIES
from tests.batch.cohorts import HOSTILE_KEY, Cohort, write_patient

FILES = sorted([f"{table.name}.{end}" for table in TABLES for end in ("csv", "parquet")] + ["cohort.xlsx"])


@pytest.fixture(scope="module")
def written(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tables") / "out"
    shutil.copytree(cohort.out, out)
    write_tables(out, cohort.plan, cohort.attempts)
    return out


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(out / f"{name}.parquet").to_pylist())


def texts(out: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / f"{name}.csv").read_text("utf-8"), newline="")))


def test_every_patient_has_one_row_in_order_of_key_with_what_became_of_it(written: Path) -> None:
    told = [(one["patient_key"], one["status"], one["code"]) for one in rows(written, "patients")]
    assert told == [
        ("absent", "refused", "NOT_FOUND"),
        ("broken", "failed", "OUT_OF_MEMORY"),
        ("late", "not_run", None),
        ("odd", "refused", "GANTRY_TILT"),
        ("p-three", "done", None),
        (HOSTILE_KEY, "done", None),
        ("أحمد", "done", None),
    ]


def test_lesions_and_tracks_are_those_of_the_patients_own_tables(
    written: Path, comparison: Comparison
) -> None:
    own = list(csv.DictReader(io.StringIO(lesions_csv(comparison.analyses[0]), newline="")))
    ours = [one for one in texts(written, "lesions") if one["patient_key"] == HOSTILE_KEY]
    assert len(own) == 3
    assert [{name: one[name] for name in own[0]} for one in ours] == own
    own = list(csv.DictReader(io.StringIO(tracks_csv(comparison), newline="")))
    ours = texts(written, "tracks")
    assert [{name: one[name] for name in own[0]} for one in ours] == own


def test_a_row_of_a_scan_says_what_its_file_says(written: Path) -> None:
    folder = written / "patients" / "p-three"
    compared = json.loads((folder / "comparison.json").read_text("utf-8"))
    ours = [one for one in rows(written, "scans") if one["patient_key"] == "p-three"]
    assert len(ours) == 3
    for n, row in enumerate(ours):
        told = json.loads((folder / f"t{n}" / "measurements.json").read_text("utf-8"))
        volume = told["burden"]["volume_mm3"]
        assert [row[f"volume_{part}mm3"] for part in ("", "lower_", "upper_")] == list(volume.values())
        assert str(row["study_date"]) == told["scan"]["study_date"]
        assert row["kvp"] == told["scan"]["kvp"]
        assert (row["flags"] or "").split() == [one["code"] for one in told["scan"]["flags"]]
        by_depth = {one: row[f"depth_{one}_mm3"] for one in DEPTHS if row[f"depth_{one}_mm3"]}
        assert by_depth == {name: value for name, value in told["burden"]["by_depth"].items() if value}
        assert sum(row[f"region_{one}_mm3"] for one in REGIONS) == pytest.approx(volume["value"], abs=0.01)
    for n, row in enumerate(ours[1:], 1):
        (change,) = [one for one in compared["burden_change"] if (one["from"], one["to"]) == (0, n)]
        assert row["change_mm3"] == change["change_mm3"]
        assert row["beyond_error"] == change["beyond_error"]
        (answer,) = [one for one in compared["response"] if one["date_index"] == n]
        assert row["response"] == answer["category"]
        assert row["response_calcinosis_25"] == answer["criteria"]["calcinosis_25"]
    assert ours[0]["change_mm3"] is None
    assert ours[2]["days_from_first"] == (ours[2]["study_date"] - ours[0]["study_date"]).days


def test_a_patient_is_summed_up_from_the_first_scan_to_the_last(written: Path) -> None:
    scans = [one for one in rows(written, "scans") if one["patient_key"] == "p-three"]
    (row,) = [one for one in rows(written, "patients") if one["patient_key"] == "p-three"]
    assert (row["scans"], row["days"]) == (3, scans[2]["days_from_first"])
    assert row["first_volume_mm3"] == scans[0]["volume_mm3"]
    assert row["last_volume_upper_mm3"] == scans[2]["volume_upper_mm3"]
    assert row["response"] == scans[2]["response"]
    tracks = rows(written, "tracks")
    counted = sum(row[name] for name in PATIENTS.names if name.startswith("tracks_"))
    assert counted == len({one["track_id"] for one in tracks})


def test_a_patient_with_one_scan_has_no_change_and_one_without_lesions_a_burden_of_nought(
    written: Path,
) -> None:
    one, empty = rows(written, "patients")[-2:]
    assert one["change_mm3"] is None
    assert one["response"] is None
    assert one["tracks_new"] is None
    assert one["scans"] == 1
    assert (empty["first_volume_mm3"], empty["lesion_count_first"], empty["first_date"]) == (0.0, 0, None)


def test_columns_keep_their_types_where_a_table_is_empty(written: Path, tmp_path: Path) -> None:
    write_tables(tmp_path, Plan(()), [])
    for table in TABLES:
        schema = pq.read_schema(tmp_path / f"{table.name}.parquet")
        assert schema.names == list(table.names)
        assert schema.equals(pq.read_schema(written / f"{table.name}.parquet"))
        assert not any(pa.types.is_null(kind) for kind in schema.types)
        assert texts(tmp_path, table.name) == []


def test_csv_and_workbook_hold_the_rows_of_parquet(written: Path) -> None:
    book = load_workbook(written / "cohort.xlsx", read_only=True)
    assert book.sheetnames == ["Patients", "Scans", "Lesions", "Tracks", "Definitions"]
    for table in TABLES:
        wanted = rows(written, table.name)
        sheet = list(book[table.title].iter_rows(min_row=2, values_only=True))
        assert len(wanted) == len(sheet) == len(texts(written, table.name))
        for row, cells, told in zip(wanted, sheet, texts(written, table.name), strict=True):
            for name, cell in zip_longest(table.names, cells):
                value = row[name]
                shown = cell.date() if hasattr(cell, "date") else cell
                assert shown == (value or None if isinstance(value, str) else value)
                assert told[name].removeprefix("'") in (
                    "" if value is None else str(value),
                    f"{value:g}" if type(value) is float else "",
                )


def test_no_text_becomes_a_formula(written: Path) -> None:
    assert [one["reason"] for one in texts(written, "patients") if one["patient_key"] == "odd"] == [
        "'=the slices <b>are</b> stacked 8.0 degrees away"
    ]
    book = load_workbook(written / "cohort.xlsx")
    assert not [cell for sheet in book for row in sheet for cell in row if cell.data_type == "f"]


def test_the_same_results_give_the_same_bytes_whoever_else_was_refused(
    cohort: Cohort, written: Path, tmp_path: Path
) -> None:
    before = {name: (written / name).read_bytes() for name in FILES}
    write_tables(written, cohort.plan, tuple(reversed(cohort.attempts[1:])))
    assert {name: (written / name).read_bytes() for name in FILES} == before
    assert not list(written.glob(".tables*"))
    good = Plan(tuple(job for job in cohort.plan.jobs if job.key in ("p-three", HOSTILE_KEY, "أحمد")))
    write_tables(written, good, cohort.attempts)
    for name in ("scans", "lesions", "tracks"):
        assert (written / f"{name}.parquet").read_bytes() == before[f"{name}.parquet"]
    write_tables(written, cohort.plan, cohort.attempts)


def test_damaged_results_of_a_patient_leave_all_tables_as_they_were(
    cohort: Cohort, comparison: Comparison, tmp_path: Path
) -> None:
    write_patient(tmp_path / "patients" / "p-three", comparison)
    plan = Plan(tuple(job for job in cohort.plan.jobs if job.key == "p-three"))
    (tmp_path / ".tables.dead.part").mkdir()
    write_tables(tmp_path, plan, cohort.attempts)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    assert sorted(before) == FILES
    (tmp_path / "patients" / "p-three" / "t1" / "measurements.json").write_text("{")
    with pytest.raises(OutputError, match="missing or damaged"):
        write_tables(tmp_path, plan, cohort.attempts)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*FILES, "patients"])


def test_every_region_and_unit_of_the_measurement_has_its_column() -> None:
    regions = {one.region for one in TERRITORIES} | {region for _, region in REGION_OF_WORDS}
    assert {*regions, "multiple", "unknown"} == set(REGIONS)
    for table in (PATIENTS, SCANS, LESIONS, TRACKS):
        assert len(set(table.names)) == len(table.names)
        assert all(one.meaning for one in table.columns)


def test_the_documentation_names_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cohort.md").read_text("utf-8")
    for table in (PATIENTS, SCANS):
        missing = [
            name
            for name in table.names
            if f"`{name}`" not in page and not name.startswith(("region_", "depth_", "tracks_"))
        ]
        assert not missing, table.name
