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
        large = [m for m in members if m.file_size > MEMBER_LIMIT_BYTES]
        self.skipped = tuple(Skipped(m.filename, "larger than 1 GB in the zip") for m in large)
        self.names = tuple(m.filename for m in members if m.file_size <= MEMBER_LIMIT_BYTES)

    def open(self, name: str) -> BinaryIO:
        """Inflate one member."""
        try:
            return BytesIO(self._archive.read(name))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise OSError("a damaged or encrypted zip member") from error


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
            with zipfile.ZipFile(path) as archive:
                yield ZipTree(archive)
        else:
            yield FolderTree(path)
    except zipfile.BadZipFile as error:
        raise InputRefused("UNREADABLE", "the zip is damaged") from error
    except PermissionError as error:
        raise InputRefused("UNREADABLE", "permission denied") from error
