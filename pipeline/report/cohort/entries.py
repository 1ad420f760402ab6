"""What the page says of each patient and scan: the rows of the tables, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.domain.lesion import Interval
from pipeline.domain.wording import interval_text
from pipeline.report.html.course import CATEGORIES
from pipeline.report.time_axis import distance_text

Row = dict[str, Any]
ONE_SCAN = "One scan"
NO_ANSWER = "—"
STATES = {"done": "done", "refused": "refused", "failed": "failed", "not_run": "not run yet"}


@dataclass(frozen=True, slots=True)
class ScanEntry:
    """One scan."""

    key: str
    index: int
    days: int | None  #: from the first scan
    volume_mm3: float
    caption: str
    remarks: str  #: serious flags, and what else to look at
    picture: str | None  #: data URL; None where no pictures were made
    large: str | None  #: address of the picture in full size, from the page


@dataclass(frozen=True, slots=True)
class PatientEntry:
    """One patient who was measured."""

    row: Row
    number: int  #: from 0, by key
    scans: tuple[ScanEntry, ...]
    report: str | None  #: address of the report, from the page

    @property
    def key(self) -> str:
        """The key of the patient."""
        return str(self.row["patient_key"])

    @property
    def category(self) -> str:
        """The answer of the last scan; empty for a single scan."""
        return self.row.get("response") or ""

    @property
    def answer(self) -> str:
        """The same in words."""
        return CATEGORIES.get(self.category, ONE_SCAN)

    @property
    def followed(self) -> str:
        """How long."""
        return distance_text(self.row["days"]) if self.row["days"] else NO_ANSWER

    @property
    def change(self) -> str:
        """Of the burden, with what it is worth."""
        percent, amount = self.row.get("change_percent"), self.row.get("change_mm3")
        if amount is None:
            return NO_ANSWER if not self.category else "not known"
        sure = "" if self.row["beyond_error"] else ", within error"
        if percent is None:
            return f"from none{sure}" if amount > 0 else "none"
        return f"{_signed(percent)} %{sure}"

    def burden(self, which: str) -> str:
        """Of the first or the last scan."""
        return burden_text(self.row, f"{which}_")


def burden_text(row: Row, prefix: str = "") -> str:
    """A burden with its limits; none where there is no definite lesion."""
    value, lower, upper = (row[f"{prefix}volume_{part}mm3"] for part in ("", "lower_", "upper_"))
    if not value:
        return "none"
    return interval_text(Interval(value, lower, upper))


def caption_of(row: Row) -> str:
    """Of a picture: which date, how much, how many."""
    when = str(row["study_date"]) if row["study_date"] is not None else ""
    count = row["lesion_count"]
    what = f"{count} lesion{'' if count == 1 else 's'}, {burden_text(row)}" if count else "no definite lesion"
    unsure = f", {row['indeterminate_count']} indeterminate" if row["indeterminate_count"] else ""
    return " · ".join(part for part in (f"t{row['date_index']}", when, what + unsure) if part)


def remarks_of(row: Row) -> str:
    """What makes a scan worth a second look."""
    edited = "outlines changed by a human" if row["edited_count"] else ""
    serious = f"serious: {row['serious_flags']}" if row["serious_flags"] else ""
    return "; ".join(part for part in (serious, edited) if part)


def address(*parts: str) -> str:
    """A relative address of a file below the page."""
    return "/".join(quote(part, safe="") for part in parts)


def _signed(value: float) -> str:
    sign = "−" if value < 0 else "+" if value > 0 else "±"
    return f"{sign}{abs(value):.0f}"
