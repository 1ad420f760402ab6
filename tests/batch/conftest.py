from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.batch.attempt import Attempt
from pipeline.batch.engine import Engine, LocalProcesses
from pipeline.batch.job import Plan
from pipeline.batch.process import Limits
from pipeline.batch.run import Choice, Told, run_batch
from tests.batch.cohorts import cohort, empty_scan  # noqa: F401  (fixtures)
from tests.batch.patients import FAULTS, WAY, write_patients
from tests.cli.conftest import run as run

LIMITS = Limits(memory_mb=3000, seconds=300)
GOOD = 3
BROKEN = ("MISSING_SLICES", "NO_RESCALE", "PATIENT_MISMATCH")

Batch = Callable[..., Mapping[str, Attempt]]


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Three good patients, and one each that is refused for one of `BROKEN`."""
    faults = [FAULTS[code] for code in BROKEN]
    return write_patients(tmp_path_factory.mktemp("patients"), GOOD + len(BROKEN), faults)


@pytest.fixture(scope="session")
def finished(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over all of them that nothing came in the way of; not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "out"
    do(plan, out)
    return out


def do(
    plan: Plan,
    out: Path,
    *,
    engine: Engine | None = None,
    limits: Limits = LIMITS,
    choice: Choice | None = None,
    told: list[Told] | None = None,
) -> dict[str, Attempt]:
    """A run on this machine, two patients at a time, unless an engine is given."""
    tell = (told if told is not None else []).append
    return run_batch(plan, out, WAY, engine or LocalProcesses(2), limits, choice or Choice(), tell)


def tree(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder, also of hidden ones."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
