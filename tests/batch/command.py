"""The batch as a command in a process of its own, to be killed."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from pipeline.batch.job import Plan
from pipeline.batch.ledger import NAME

DEADLINE_S = 3600


def write_manifest(plan: Plan, file: Path) -> Path:
    """A row for each scan of a plan."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("patient", "path"))
        table.writerows((job.key, scan.path) for job in plan.jobs for scan in job.scans)
    return file


def start(
    manifest: Path, out: Path, *options: object, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command, two patients at a time and without pictures."""
    command = [sys.executable, "-m", "pipeline", "batch", manifest, "-o", out, "--no-figures", "--workers", 2]
    return subprocess.Popen(
        [str(one) for one in (*command, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(env or {})},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and what was printed, of a command that comes to its end."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def patients_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of the patients that a command has started."""
    try:
        children = psutil.Process(process.pid).children()
    except psutil.NoSuchProcess:
        return []
    return [one for one in children if is_patient(one)]


def is_patient(process: psutil.Process) -> bool:
    """Whether a process is that of a patient."""
    try:
        return "pipeline.batch.child" in process.cmdline()
    except psutil.Error:
        return False


def rows(out: Path) -> list[tuple[str, str, str | None]]:
    """Key, status and code of every attempt."""
    with sqlite3.connect(out / NAME) as ledger:
        found = ledger.execute("SELECT key, status, code FROM attempts ORDER BY id").fetchall()
    ledger.close()
    return found
