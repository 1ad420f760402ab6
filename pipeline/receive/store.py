"""The received images on disk: one folder per study, whole files only, open to their owner alone.

``images/STUDY/IMAGE-CONTENT.dcm``, all of them salted hashes; ``incoming/`` holds what is on its way. The
same image with the same bytes is one file. With other bytes it is another one beside the first, so that the
reader sees both and refuses the series (UID_CONFLICT) unless they hold the same pixels.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.config import ReceiveSettings
from pipeline.errors import InputRefused
from pipeline.receive.identify import Arrival, identify
from pipeline.receive.state import State
from pipeline.receive.telling import private

IMAGES, INCOMING = "images", "incoming"
NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.dcm")
STUDY_NAME = re.compile(r"[0-9a-f]{16}")
Kept = Literal["new", "same", "conflict"]
"""What became of an image: kept, there already, or kept beside another one of the same UID."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be kept, in bytes."""

    object_bytes: int
    store_bytes: int
    free_bytes: int
    study_images: int

    @classmethod
    def of(cls, settings: ReceiveSettings) -> Limits:
        """The limits that the settings name."""
        return cls(
            settings.object_mb * 10**6,
            int(settings.store_gb * 10**9),
            int(settings.free_gb * 10**9),
            settings.study_images,
        )


class Store:
    """The folder of received images and what is known of them."""

    def __init__(self, root: Path, limits: Limits, state: State) -> None:
        self._images, self.incoming = private(root / IMAGES), private(root / INCOMING)
        self.limits, self._state = limits, state
        self._lock = threading.Lock()
        self._bytes = state.total_bytes()

    def folder(self, study: str) -> Path:
        """Where the images of a study lie."""
        return self._images / study

    def disk_is_full(self) -> bool:
        """Whether less is free than must be."""
        return shutil.disk_usage(self._images).free < self.limits.free_bytes

    def keep(self, file: Path, arrival: Arrival, content: str, now_s: float) -> Kept:
        """Move a file that came whole to its study.

        Raises
        ------
        InputRefused
            RESOURCE_LIMIT for one image too many in a study, STORE_FULL.
        OSError
            If it cannot be moved.
        """
        size = file.stat().st_size
        with self._lock:
            there = self._state.contents(arrival.study, arrival.image)
            if content in there:
                self._state.touch(arrival.study, now_s)
                return "same"
            self._check_room(arrival, size)
            folder = private(self.folder(arrival.study))
            _move(file, folder / f"{arrival.image}-{content}.dcm")
            self._state.add(arrival, content, size, now_s)
            self._bytes += size
        return "conflict" if there else "new"

    def _check_room(self, arrival: Arrival, size: int) -> None:
        study = self._state.study(arrival.study)
        if study is not None and study.images >= self.limits.study_images:
            raise InputRefused("RESOURCE_LIMIT", "a study holds more images than it may")
        if self._bytes + size > self.limits.store_bytes or self.disk_is_full():
            raise InputRefused("STORE_FULL", "the store of images, or its disk, is full")

    def forget(self, study: str) -> bool:
        """Delete the images of a finished study; false where it is being received again."""
        with self._lock:
            if not self._state.forget_images(study):
                return False
            shutil.rmtree(self.folder(study), ignore_errors=True)
            self._bytes = self._state.total_bytes()
        return True

    def sweep(self, older_s: float) -> int:
        """Delete what was left on its way, of senders that broke off; how many files."""
        count = 0
        for file in self.incoming.iterdir():
            try:
                if time.time() - file.stat().st_mtime >= older_s:
                    file.unlink()
                    count += 1
            except FileNotFoundError:
                continue  # it has just been moved to its study
        return count

    def agree(self, salt: bytes) -> int:
        """Make the state say what lies on disk, after a stop at any moment; how many studies differed.

        A file that the state does not know makes its study one that is still being received.
        """
        wrong = 0
        for folder in sorted(one for one in self._images.iterdir() if STUDY_NAME.fullmatch(one.name)):
            known = self._state.study(folder.name)
            unknown = [file for file in sorted(folder.iterdir()) if self._is_unknown(folder.name, file)]
            if known is not None and not known.kept:
                shutil.rmtree(folder, ignore_errors=True)  # stopped while it was deleted
            for file in unknown if known is None or known.kept else ():
                self._adopt(file, salt)
            wrong += bool(unknown)
        self._bytes = self._state.total_bytes()
        return wrong

    def _is_unknown(self, study: str, file: Path) -> bool:
        parts = NAME.fullmatch(file.name)
        return parts is not None and parts[2] not in self._state.contents(study, parts[1])

    def _adopt(self, file: Path, salt: bytes) -> None:
        try:
            arrival = identify(file, salt)
        except InputRefused:
            return  # it was whole and good when it was named so: the disk has changed it since
        stat = file.stat()
        self._state.add(arrival, file.stem.partition("-")[2], stat.st_size, stat.st_mtime)


def _move(file: Path, final: Path) -> None:
    """Give a file its name once its bytes are on the disk."""
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())
    file.chmod(0o600)
    file.replace(final)
