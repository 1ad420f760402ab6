"""``cohort.html``: what became of all patients of a batch, and a picture of each scan to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report.cohort.entries import (
    ONE_SCAN,
    STATES,
    PatientEntry,
    Row,
    ScanEntry,
    address,
    caption_of,
    remarks_of,
)
from pipeline.report.cohort.gallery import OVERVIEW, small_picture, width_for
from pipeline.report.cohort.spaghetti import draw_spaghetti
from pipeline.report.cohort.waterfall import draw_waterfall
from pipeline.report.html.course import CATEGORIES
from pipeline.report.html.policy import content_policy
from pipeline.report.html.resources import resource
from pipeline.report.whole_file import write_picture
from pipeline.report.wording import counted
from pipeline.results.cohort.read import PatientRecord
from pipeline.results.cohort.rows import patient_row, scan_rows

PAGE = "cohort.html"
REPORT = "report.html"
FAILURES = {
    "TIMED_OUT": "took longer than allowed",
    "OUT_OF_MEMORY": "needed more memory than allowed",
    "CRASHED": "ended by an error of the program; the ledger says where",
    "KILLED": "its process was ended from outside, as a system without memory does",
    "WORKER_DIED": "the worker that measured it died",
    "INTERRUPTED": "the run was interrupted; the same command does it again",
    "STOPPED": "stopped with the run; the same command does it again",
    "INPUT_CHANGED": "its files changed while they were measured",
    "OTHER_VERSION": "a worker has another version of this program",
    "OTHER_SALT": "a worker would have made other keys: its folder for settings differs",
}
"""What a failure without words of its own means."""
NO_WORDS = "ended without a result; the ledger says where"


def write_cohort_page(out: Path, records: Iterable[PatientRecord], *, version: str) -> Path:
    """Write the page beside the patients' folders; it links to their reports.

    Parameters
    ----------
    records : iterable of PatientRecord
        Each is let go once its rows are taken.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    taken = [(one.folder, patient_row(one), list(scan_rows(one))) for one in records]
    width = width_for(sum(len(scans) for _, _, scans in taken))
    measured = [one for one in taken if one[1]["status"] == "done"]
    patients = [_entry(out, n, *one, width=width) for n, one in enumerate(measured)]
    others = [row for _, row, _ in taken if row["status"] != "done"]
    style, script = resource("base.css") + resource("cohort.css"), resource("cohort.js")
    text = _template().render(
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
        version=version,
        patients=patients,
        scans=[scan for one in patients for scan in one.scans],
        pictured=any(scan.picture for one in patients for scan in one.scans),
        others=[_other(row) for row in others],
        summary=_summary(patients, others),
        shared=_shared(scans for _, _, scans in measured),
        answers=_answers(patients),
        waterfall=draw_waterfall(patients),
        spaghetti=draw_spaghetti(patients),
    )
    return write_picture(out / PAGE, text.encode("utf-8"))


def _entry(
    out: Path, number: int, folder: str, row: Row, scans: Sequence[Row], *, width: int
) -> PatientEntry:
    own = (REPORT,) if len(scans) > 1 else ("t0", REPORT)
    parts = (*folder.split("/"), *own)
    report = address(*parts) if out.joinpath(*parts).is_file() else None
    entries = tuple(_scan_entry(out, folder, one, width) for one in scans)
    return PatientEntry(row, number, entries, report)


def _scan_entry(out: Path, folder: str, row: Row, width: int) -> ScanEntry:
    parts = (*folder.split("/"), f"t{row['date_index']}", *OVERVIEW.split("/"))
    picture = small_picture(out.joinpath(*parts), width)
    return ScanEntry(
        key=row["patient_key"],
        index=row["date_index"],
        days=row["days_from_first"],
        volume_mm3=row["volume_mm3"],
        caption=caption_of(row),
        remarks=remarks_of(row),
        picture=picture,
        large=address(*parts) if picture is not None else None,
    )


def _other(row: Row) -> dict[str, Any]:
    words = row["reason"] or FAILURES.get(row["code"] or "", NO_WORDS)
    if row["status"] == "not_run":
        words = row["reason"] or "left for another run"
    return {
        "key": row["patient_key"],
        "state": STATES[row["status"]],
        "code": row["code"] or "",
        "words": words,
    }


def _summary(patients: Sequence[PatientEntry], others: Sequence[Row]) -> list[str]:
    """The batch in two or three sentences."""
    scans = sum(len(one.scans) for one in patients)
    followed = [one for one in patients if one.category]
    done = f"{counted(len(patients), 'patient')} measured on {counted(scans, 'scan')}"
    states = Counter(STATES[row["status"]] for row in others)
    rest = ", ".join(f"{states[state]} {state}" for state in STATES.values() if states[state])
    sentences = [f"{done}; {rest}." if rest else f"{done}; none was refused and none failed."]
    if followed:
        fell = sum(bool(one.row["beyond_error"]) and one.row["change_mm3"] < 0 for one in followed)
        rose = sum(bool(one.row["beyond_error"]) and one.row["change_mm3"] > 0 for one in followed)
        sentences.append(
            f"Of {counted(len(followed), 'patient')} with a follow-up the burden fell beyond measurement "
            f"error in {fell} and rose in {rose}."
        )
    serious = sum(bool(one.row["serious_flags"]) for one in patients)
    if serious:
        sentences.append(f"Scans of {counted(serious, 'patient')} carry a serious flag.")
    return sentences


def _shared(patients: Iterable[Sequence[Row]]) -> list[str]:
    """Scans that stand under several patients: copies under other names."""
    places: dict[str, list[str]] = defaultdict(list)
    for scans in patients:
        for row in scans:
            if row["input_sha256"]:
                places[row["input_sha256"]].append(f"{row['patient_key']} t{row['date_index']}")
    return [" = ".join(one) for one in places.values() if len(one) > 1]


def _answers(patients: Sequence[PatientEntry]) -> list[dict[str, Any]]:
    """Each answer with its number and share, those that do not occur left out."""
    counts = Counter(one.category for one in patients)
    total = max(1, len(patients))
    named = {**CATEGORIES, "": ONE_SCAN}
    return [
        {
            "code": code or "single",
            "words": words,
            "count": counts[code],
            "percent": 100 * counts[code] / total,
        }
        for code, words in named.items()
        if counts[code]
    ]


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("pipeline.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("cohort.html.j2")
