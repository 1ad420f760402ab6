"""Folders as a batch leaves them, from small scans that were measured for real."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline.batch.job import PatientJob, Plan, Refusal
from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.report.figures import write_figures
from pipeline.results.files import write_analysis, write_comparison
from pipeline.running.inputs import ScanInput
from pipeline.workflow import analyse
from tests.builders import a_scan, pelvis_of_two_shafts

HOSTILE_KEY = "x-onerror=alert(1)"
"""As safe as a key is, and yet nothing to put into a page as it stands."""


@dataclass(frozen=True)
class An:
    """An attempt as the ledger has it."""

    key: str
    status: str
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Cohort:
    """A batch that has ended."""

    out: Path
    plan: Plan
    attempts: tuple[An, ...]


def a_job(key: str, scans: int = 1) -> PatientJob:
    return PatientJob(key, tuple(ScanInput(Path(f"{key}/{n}")) for n in range(scans)))


def write_patient(folder: Path, result: Analysis | Comparison, *, figures: bool = False) -> None:
    """What `measure` or `compare` leaves in a patient's folder, as far as the cohort reads it."""
    several = isinstance(result, Comparison)
    analyses: Sequence[Analysis] = result.analyses if isinstance(result, Comparison) else [result]
    for n, one in enumerate(analyses):
        own = folder / f"t{n}"
        own.mkdir(parents=True)
        write_analysis(one, own, version="1")
        if figures:
            write_figures(one, own / "figures", FigureSettings(most_lesions=0, paper=0))
    if several and isinstance(result, Comparison):
        write_comparison(result, folder, version="1")


@pytest.fixture(scope="session")
def empty_scan() -> Analysis:
    """Nothing is found in it, and little is known of it."""
    hu, geometry = pelvis_of_two_shafts({}, seed=5)
    scan = a_scan(hu, geometry, date=dt.date(2018, 1, 2))
    return analyse(replace(scan, acquisition=replace(scan.acquisition, sex=None, study_date=None)))


@pytest.fixture(scope="session")
def cohort(comparison: Comparison, empty_scan: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Patients with three dates, with one, and without a lesion; two refused, one failed, one not run."""
    out = tmp_path_factory.mktemp("cohort")
    patients = {"p-three": comparison, HOSTILE_KEY: comparison.analyses[0], "أحمد": empty_scan}
    for key, result in patients.items():
        write_patient(out / "patients" / key, result, figures=True)
    jobs = [a_job(key, 3 if key == "p-three" else 1) for key in (*patients, "late", "broken", "odd")]
    refusal = Refusal("absent", "NOT_FOUND", "there is no such file or folder (line 7, column path)")
    plan = Plan(tuple(sorted(jobs, key=lambda job: job.key)), (refusal,))
    attempts = (
        An("p-three", "failed", "TIMEOUT"),
        *(An(key, "done") for key in patients),
        An("broken", "failed", "OUT_OF_MEMORY", None),
        An("odd", "refused", "GANTRY_TILT", "=the slices <b>are</b> stacked 8.0 degrees away"),
    )
    return Cohort(out, plan, attempts)
