"""What a user names for one date."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScanInput:
    """One date as the user names it."""

    path: Path
    series_uid: str | None = None
    date: dt.date | None = None
    anatomy: Path | None = None
    names: Path | None = None
    lesions: Path | None = None
