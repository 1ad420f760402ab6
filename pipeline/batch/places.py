"""Where a batch keeps what: results of patients, and what is being made.

``OUT/patients/KEY/`` holds what is published, ``OUT/patients/.TOKEN.part/`` what is being made: the job, and
a folder for each process that works at it, of which a cluster may start a second one. Publishing is one
rename within the same folder, so that a patient is there whole or not at all; only the process that holds
the ledger publishes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.batch.attempt import ResultFile

PATIENTS = "patients"
PART, OLD = ".part", ".old"


def patients_folder(out: Path) -> Path:
    """The folder of all patients."""
    return out / PATIENTS


def patient_folder(out: Path, key: str) -> Path:
    """Where the results of a patient are published."""
    return patients_folder(out) / key


def new_stage(out: Path) -> Path:
    """A folder for one attempt, of a name that no other attempt has.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    stage = patients_folder(out) / f".{secrets.token_hex(8)}{PART}"
    stage.mkdir(parents=True)
    return stage


def publish(results: Path, out: Path, key: str, earlier: Iterable[ResultFile]) -> None:
    """Give the results of an attempt their final name, in place of earlier ones.

    Parameters
    ----------
    results : Path
        On the disk already, within the same file system.
    earlier : iterable of ResultFile
        What was published before: it goes. Files beside it are somebody's own and stay where they are.

    Raises
    ------
    OSError
        If a name cannot be changed; then `sweep` puts back what was there.
    """
    final = patient_folder(out, key)
    old = patients_folder(out) / f".{key}{OLD}"
    if final.exists():
        final.rename(old)
    results.rename(final)
    sync_folder(patients_folder(out))
    if old.exists():
        _keep_own_files(old, final, {one.name for one in earlier})
        shutil.rmtree(old)


def sweep(out: Path) -> None:
    """Remove what interrupted attempts left, and finish or undo what an interrupted publishing did.

    Raises
    ------
    OSError
        If something cannot be removed.
    """
    for left in sorted(patients_folder(out).glob(f".*{OLD}")):
        final = patient_folder(out, left.name[1 : -len(OLD)])
        if final.exists():
            _keep_own_files(left, final, None)
            shutil.rmtree(left)
        else:
            left.rename(final)
    for place in (out, patients_folder(out)):
        for left in place.glob(f".*{PART}"):
            remove_stage(left)


def remove_stage(stage: Path) -> None:
    """Remove what an attempt left; a process that still works at it ends when it finds its job gone."""
    shutil.rmtree(stage, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Make sure that all of a folder is on the disk, not in its cache.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    for place, _, files in os.walk(folder):
        for name in files:
            _sync(Path(place, name), os.O_RDWR)
        sync_folder(Path(place))


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk; Windows has no call for it."""
    if sys.platform != "win32":
        _sync(folder, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_own_files(old: Path, final: Path, earlier: set[str] | None) -> None:
    """Carry over what was no result of the earlier attempt and does not stand in the way of a new one."""
    for file in sorted(old.rglob("*")):
        name = file.relative_to(old).as_posix()
        if file.is_dir() or (earlier is not None and name in earlier) or (final / name).exists():
            continue
        (final / name).parent.mkdir(parents=True, exist_ok=True)
        file.rename(final / name)
