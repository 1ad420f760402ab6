"""The tables of a study: patients, scans, lesions and tracks as Parquet and CSV, and one workbook.

They are read back from the patients' files and hold nothing of the run, so that the same results give the
same bytes however often they were interrupted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from pipeline.batch.job import Plan
from pipeline.errors import OutputError, UsageError
from pipeline.results.cohort.columns import LESIONS, PATIENTS, SCANS, TABLES, TRACKS, Kind, Table
from pipeline.results.cohort.read import PatientRecord, PatientState, State, read_patient
from pipeline.results.cohort.rows import Row, lesion_rows, patient_row, scan_rows, track_rows
from pipeline.results.tables import write_csv
from pipeline.results.workbook import write_sheets

WORKBOOK = "cohort.xlsx"
PATIENTS_FOLDER = "patients"
STAGE_PREFIX, STAGE_SUFFIX = ".tables.", ".part"
GROUP_ROWS = 4096
"""Rows of a table that are held in memory."""
MISSING = "tables need the package pyarrow: pip install 'calcinosis-ct[batch]'"


class Ended(Protocol):
    """The last attempt at a patient, as the ledger has it."""

    @property
    def key(self) -> str:
        """Of the patient."""

    @property
    def status(self) -> str:
        """Running, done, refused or failed."""

    @property
    def code(self) -> str | None:
        """Of a refusal or failure."""

    @property
    def reason(self) -> str | None:
        """The same in words."""


def write_tables(out: Path, plan: Plan, attempts: Iterable[Ended]) -> None:
    """Write ``patients``, ``scans``, ``lesions`` and ``tracks`` (.parquet, .csv) and ``cohort.xlsx``.

    Parameters
    ----------
    out : Path
        The results of the batch, with a folder for each patient in ``patients/``.
    attempts : iterable
        Of any number for a patient, the last one counts.

    Raises
    ------
    UsageError
        If pyarrow is not installed.
    OutputError
        If a patient's results cannot be read or a table cannot be written; then all tables stay as they were.
    """
    check_installed()
    with _staged(out) as stage:
        writers = {table.name: _Writer(table, stage) for table in TABLES}
        try:
            for record in read_records(out, plan, attempts):
                for table, rows in rows_of(record).items():
                    writers[table.name].add(list(rows))
        finally:
            for writer in writers.values():
                writer.close()
        sheets = {table.title: (table.definitions, writers[table.name].again()) for table in TABLES}
        write_sheets(sheets, stage / WORKBOOK)


def check_installed() -> None:
    """Refuse to begin without what the tables need.

    Raises
    ------
    UsageError
        Naming what to install.
    """
    if find_spec("pyarrow") is None:  # not imported: a batch that has others write its tables stays small
        raise UsageError(MISSING)


def read_records(out: Path, plan: Plan, attempts: Iterable[Ended]) -> Iterator[PatientRecord]:
    """The records of all patients of a plan, in order of key, one at a time.

    Raises
    ------
    OutputError
        If the results of one who is done are missing or damaged.
    """
    for about in states_of(plan, attempts):
        yield read_patient(about, out, f"{PATIENTS_FOLDER}/{about.key}")


def states_of(plan: Plan, attempts: Iterable[Ended]) -> list[PatientState]:
    """What became of each patient of a plan, in order of key."""
    last = {one.key: one for one in attempts}
    states = [PatientState(one.key, "refused", one.code, one.message) for one in plan.refusals]
    states += [_state(job.key, last.get(job.key)) for job in plan.jobs]
    return sorted(states, key=lambda one: one.key)


def _state(key: str, attempt: Ended | None) -> PatientState:
    if attempt is None:
        return PatientState(key, "not_run")
    known: dict[str, State] = {"done": "done", "refused": "refused"}
    state = known.get(attempt.status, "failed")
    return PatientState(key, state, attempt.code, attempt.reason)


def rows_of(record: PatientRecord) -> dict[Table, Iterable[Row]]:
    """What a patient adds to each table."""
    return {
        PATIENTS: [patient_row(record)],
        SCANS: scan_rows(record),
        LESIONS: lesion_rows(record),
        TRACKS: track_rows(record),
    }


class _Writer:
    """One table, written patient by patient as Parquet and CSV."""

    def __init__(self, table: Table, folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._table = table
        self._schema = pa.schema([(one.name, _arrow_type(one.kind)) for one in table.columns])
        self._file = folder / f"{table.name}.parquet"
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd", store_schema=True)
        self._csv = (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="")
        self._rows: list[Row] = []
        write_csv(self._csv, table.names, [])

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows of a patient."""
        write_csv(self._csv, self._table.names, rows, header=False)
        self._rows.extend({name: row.get(name) for name in self._table.names} for row in rows)
        if len(self._rows) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        """Finish both files."""
        if self._rows:
            self._flush()
        self._parquet.close()
        self._csv.close()

    def again(self) -> Iterator[Row]:
        """All rows once more, from the file that was finished."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._file) as file:
            for batch in file.iter_batches(batch_size=GROUP_ROWS):
                yield from batch.to_pylist()


def _arrow_type(kind: Kind) -> Any:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "date": pa.date32(),
    }
    return types[kind]


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A folder whose files take the place of earlier ones when the block ends without an error.

    What an interrupted run left is removed; nobody else works in the folder meanwhile.
    """
    stage = None
    for left in out.glob(f"{STAGE_PREFIX}*{STAGE_SUFFIX}"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        stage = Path(tempfile.mkdtemp(prefix=STAGE_PREFIX, suffix=STAGE_SUFFIX, dir=out))
        yield stage
        for file in sorted(stage.iterdir()):
            with file.open("rb") as written:
                os.fsync(written.fileno())
        for file in sorted(stage.iterdir()):
            file.replace(out / file.name)
    except OSError as error:
        raise OutputError(f"cannot write the tables to {out}: {error.strerror}") from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
