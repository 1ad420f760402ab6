"""A results folder that appears whole or not at all.

Everything is written into a hidden folder beside the final one and moved there by renaming when the
run has succeeded. A run that dies leaves the hidden folder at most.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError

RESULT_NAMES = (
    "measurements.json",
    "comparison.json",
    "lesions.csv",
    "tracks.csv",
    "lesions.xlsx",
    "tracks.xlsx",
    "lesions.nii.gz",
    "excluded.nii.gz",
    "skeleton.nii.gz",
    "skeleton.json",
    "lesions.seg.dcm",
    "measurements.sr.dcm",
    "report.html",
    "figures",
)
"""What measure and compare write; compare also writes one folder for each date, t0, t1, …"""


def holds_results(folder: Path) -> bool:
    """Whether an earlier run left results in a folder."""
    return any((folder / name).exists() for name in RESULT_NAMES)


@contextmanager
def staged_folder(final: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write into, whose content becomes `final` when the block ends without an error.

    Raises
    ------
    OutputError
        If `final` holds results and `overwrite` is false, is not a folder, or cannot be written.
    """
    try:
        _check_target(final, overwrite=overwrite)
        final.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent))
    except OSError as error:
        raise OutputError(f"cannot write beside {final}: {error.strerror}") from error
    try:
        yield stage
        _publish(stage, final)
    except OSError as error:
        raise OutputError(f"cannot write to {final}: {error.strerror}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _check_target(final: Path, *, overwrite: bool) -> None:
    if final.exists() and not final.is_dir():
        raise OutputError(f"{final} is not a folder")
    if not overwrite and holds_results(final):
        raise OutputError(f"{final} holds results already; give --overwrite to replace them")


def _publish(stage: Path, final: Path) -> None:
    """Move everything staged to its final place; results of an earlier run go first."""
    stage.chmod(0o777 & ~_umask())
    if not final.exists():
        stage.rename(final)
        return
    earlier = {*RESULT_NAMES, *_time_point_folders(final)}
    for entry in stage.iterdir():
        if entry.name not in earlier and (final / entry.name).exists():
            raise OutputError(f"{final / entry.name} is in the way and no earlier result")
    for name in sorted(earlier):
        _remove(final / name)
    for entry in sorted(stage.iterdir()):
        entry.replace(final / entry.name)


def _time_point_folders(final: Path) -> Sequence[str]:
    """Names of the folders t0, t1, … that an earlier comparison left."""
    return sorted(
        entry.name
        for entry in final.iterdir()
        if entry.name[:1] == "t" and entry.name[1:].isdigit() and holds_results(entry)
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
