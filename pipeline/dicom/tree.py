"""Where files come from: a folder, a zip or one file, walked without ever blocking or leaving it."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from pipeline.errors import InputRefused

MEMBER_LIMIT_BYTES = 2**30
"""Largest file read from a zip; a CT slice holds 0.5 MB, an enhanced multi-frame file some hundred."""

ZIP_LIMIT_BYTES = 2**34
"""All members together, inflated: 16 GB, a CD twenty times over."""

BOMB_RATIO = 100
BOMB_BYTES = 2**26
"""Deflate makes CT at most four times smaller; 64 MB that were a hundredth of it hold nothing."""

MAX_MEMBERS = 100_000
MAX_DIRECTORY_BYTES = 2**25
"""Table of contents of a zip: some hundred bytes for each member."""

END_RECORD_SEARCH_BYTES = 2**16 + 200
"""Where the end record of a zip can lie: before its comment, with the records of zip64."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that takes no part, and why."""

    name: str  #: within the tree; may hold patient text
    reason: str


class Tree(Protocol):
    """Files by name, the same names in the same order each time."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files that can be opened."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What is there but cannot or must not be opened."""

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading."""


class FolderTree:
    """A folder to the bottom, or a single file."""

    def __init__(self, root: Path) -> None:
        self._root = root if root.is_dir() else root.parent
        self._skipped: list[Skipped] = []
        self.names = tuple(self._walk()) if root.is_dir() else (root.name,)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What is left alone, with the reason."""
        return tuple(self._skipped)

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading."""
        return (self._root / name).open("rb")

    def _walk(self) -> Iterator[str]:
        inside = self._root.resolve()
        for folder, folders, files in os.walk(self._root, onerror=self._note_closed_folder):
            folders.sort()
            for link in [f for f in folders if Path(folder, f).is_symlink()]:
                self._skip(Path(folder, link), "a link to a folder")
            for file in sorted(files):
                path = Path(folder, file)
                reason = _why_not_opened(path, inside)
                if reason is None:
                    yield path.relative_to(self._root).as_posix()
                else:
                    self._skip(path, reason)

    def _skip(self, path: Path, reason: str) -> None:
        self._skipped.append(Skipped(path.relative_to(self._root).as_posix(), reason))

    def _note_closed_folder(self, error: OSError) -> None:
        if Path(error.filename) == self._root:
            raise InputRefused("UNREADABLE", "the folder cannot be opened: permission or device error")
        self._skip(Path(error.filename), "a folder that cannot be opened")


class ZipTree:
    """The files in a zip, inflated one at a time in memory."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        members = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
        _check_members(members, archive.start_dir)
        large = [m for m in members if m.file_size > MEMBER_LIMIT_BYTES]
        self.skipped = tuple(Skipped(m.filename, "larger than 1 GB in the zip") for m in large)
        self.names = tuple(m.filename for m in members if m.file_size <= MEMBER_LIMIT_BYTES)
        self._last: tuple[str, bytes] | None = None

    def open(self, name: str) -> BinaryIO:
        """Inflate one member; the last one is kept, for a multi-frame file is opened frame by frame."""
        last = self._last
        if last is not None and last[0] == name:
            return BytesIO(last[1])
        try:
            data = self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise OSError("a damaged or encrypted zip member") from error
        self._last = name, data
        return BytesIO(data)


def _check_members(members: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    """Refuse an archive that would grow beyond any study, or whose members share their bytes."""
    if len(members) > MAX_MEMBERS:
        raise InputRefused("RESOURCE_LIMIT", f"the zip holds more than {MAX_MEMBERS} files")
    total = sum(m.file_size for m in members)
    if total > ZIP_LIMIT_BYTES:
        raise InputRefused("RESOURCE_LIMIT", f"the zip grows beyond {ZIP_LIMIT_BYTES >> 30} GB")
    if any(m.file_size > max(BOMB_BYTES, BOMB_RATIO * m.compress_size) for m in members):
        raise InputRefused("RESOURCE_LIMIT", f"a file in the zip grows {BOMB_RATIO} times: a bomb")
    if total > max(MEMBER_LIMIT_BYTES, BOMB_RATIO * packed_bytes):
        raise InputRefused("RESOURCE_LIMIT", f"the zip grows {BOMB_RATIO} times: a bomb")
    if sum(m.compress_size for m in members) > packed_bytes:
        raise InputRefused("RESOURCE_LIMIT", "files in the zip share their bytes: a bomb")


def _check_directory(path: Path) -> None:
    """Refuse a zip whose table of contents alone is beyond any study, before it is read (APPNOTE 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_RECORD_SEARCH_BYTES))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    named = int.from_bytes(tail[at + 12 : at + 16], "little")
    if named == 0xFFFFFFFF:  # zip64 (APPNOTE 4.3.14)
        at = tail.rfind(b"PK\x06\x06")
        named = int.from_bytes(tail[at + 40 : at + 48], "little") if at >= 0 else named
    if named > MAX_DIRECTORY_BYTES:
        raise InputRefused(
            "RESOURCE_LIMIT", f"the zip's table of contents is larger than {MAX_DIRECTORY_BYTES >> 20} MB"
        )


def _why_not_opened(path: Path, inside: Path) -> str | None:
    """Reason to leave a directory entry alone; None for a file to read."""
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            return "a link out of the folder"
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
    except (OSError, RuntimeError):
        return "a broken link or a file that cannot be looked at"
    return None


@contextmanager
def open_tree(path: Path) -> Iterator[Tree]:
    """Open a folder, a zip or a single file.

    Raises
    ------
    InputRefused
        NOT_FOUND; UNREADABLE, also for a pipe or a device.
    """
    if not os.path.lexists(path):
        raise InputRefused("NOT_FOUND", "there is no such file or folder")
    try:
        if not path.is_dir() and not path.is_file():
            raise InputRefused("UNREADABLE", "expected a folder or file, found a pipe, device or broken link")
        if path.is_file() and zipfile.is_zipfile(path):
            _check_directory(path)
            with zipfile.ZipFile(path) as archive:
                yield ZipTree(archive)
        else:
            yield FolderTree(path)
    except zipfile.BadZipFile as error:
        raise InputRefused("UNREADABLE", "the zip is damaged") from error
    except PermissionError as error:
        raise InputRefused("UNREADABLE", "permission denied") from error
