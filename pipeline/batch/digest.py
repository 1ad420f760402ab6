"""What files hold, as a hash: of the inputs of a patient, and of the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.batch.attempt import ResultFile
from pipeline.batch.job import PatientJob
from pipeline.dicom.tree import FolderTree
from pipeline.errors import InputRefused
from pipeline.running.inputs import ScanInput

BLOCK_BYTES = 2**20
KEPT = 4
"""Folders whose hash is kept: patients in one folder follow each other, and it is read once for all."""

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in ns: tells only that a file was touched meanwhile."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file or folder holds."""

    sha256: str
    stamps: tuple[Stamp, ...]  #: of its files, in order of name


def digest_of_job(job: PatientJob) -> Digest:
    """Hash of all that a patient's results are made of: content of files, choice of series, dates, key.

    Files are read in blocks, whatever their size. Of a folder every file counts, by its name within the
    folder: also one that is no image.
    """
    own = hashlib.sha256()
    stamps: list[Stamp] = []
    for text, found in _parts(job):
        own.update(f"{len(text)}:{text}".encode())
        if found is not None:
            own.update(found.sha256.encode())
            stamps += found.stamps
    return Digest(own.hexdigest(), tuple(stamps))


def touched_since(job: PatientJob, digest: Digest) -> bool:
    """Whether a file was changed, added or removed after the hash was taken."""
    stamps = [stamp for path in _paths(job) for stamp in _stamps(path)]
    return tuple(stamps) != digest.stamps


def results_in(folder: Path) -> tuple[ResultFile, ...]:
    """Every file of a results folder with its hash, in order of name."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return tuple(
        ResultFile(file.relative_to(folder).as_posix(), file.stat().st_size, _sha256(file)) for file in files
    )


def is_whole(folder: Path, files: tuple[ResultFile, ...]) -> bool:
    """Whether everything that was published is there as it was; what lies beside it does not matter."""
    try:
        return bool(files) and all(
            (folder / one.name).stat().st_size == one.size_bytes and _sha256(folder / one.name) == one.sha256
            for one in files
        )
    except OSError:
        return False


def _parts(job: PatientJob) -> Iterator[tuple[str, Digest | None]]:
    yield job.key, None
    for scan in job.scans:
        yield f"scan {scan.series_uid or ''} {scan.date or ''}", _content(scan.path)
        for name, path in _beside(scan):
            yield name, _content(path)
    if job.case is not None:
        yield "case", _content(job.case)


def _paths(job: PatientJob) -> Iterator[Path]:
    for scan in job.scans:
        yield scan.path
        for _, path in _beside(scan):
            yield path
    if job.case is not None:
        yield job.case


def _beside(scan: ScanInput) -> Iterator[tuple[str, Path]]:
    given = (("anatomy", scan.anatomy), ("names", scan.names), ("lesions", scan.lesions))
    return ((name, path) for name, path in given if path is not None)


def _content(path: Path) -> Digest:
    """The hash of a file or folder; read again where anything was touched since."""
    return _content_as_stamped(path, tuple(_stamps(path)))


@lru_cache(maxsize=KEPT)
def _content_as_stamped(path: Path, stamps: tuple[Stamp, ...]) -> Digest:
    own = hashlib.sha256()
    for name, file in _files(path):
        own.update(f"{len(name)}:{name}".encode(errors="surrogateescape"))
        try:
            own.update(_sha256(file).encode())
        except OSError:
            own.update(b"cannot be read")
    return Digest(own.hexdigest(), stamps)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The regular files of a folder to its bottom, as a reader of scans sees them, or the one named."""
    try:
        if not path.is_dir():
            names: tuple[str, ...] = ("",) if path.is_file() else ()
        else:
            names = FolderTree(path).names
    except (InputRefused, OSError):
        return  # the patient's process says why
    yield from ((name, path / name) for name in names)


def _stamps(path: Path) -> Iterator[Stamp]:
    for _, file in _files(path):
        try:
            found = file.stat()
        except OSError:
            yield 0, 0
        else:
            yield found.st_size, found.st_mtime_ns


def _sha256(file: Path) -> str:
    own = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            own.update(block)
    return own.hexdigest()
