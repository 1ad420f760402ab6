"""A phantom case as two DICOM series and its truth."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.dicom.ct_write import CTHeader, uids_from, write_ct_series
from pipeline.phantoms import LesionTruth, PhantomCase, PhantomScan, build
from pipeline.results.files import write_json
from pipeline.results.record import rounded
from pipeline.results.staging import staged_folder

BIRTH_DATE = dt.date(2006, 3, 12)
NAMES = ("baseline", "followup")


def write_case(
    cases: tuple[PhantomCase, PhantomCase], out: Path, *, seed: int, on_stage: Callable[[str], None]
) -> None:
    """Scan both dates of a case and write ``baseline/``, ``followup/`` and ``truth.json``.

    Raises
    ------
    OutputError
        If anything cannot be written; then nothing is left.
    """
    truth: dict[str, Any] = {"seed": seed}
    with staged_folder(out, overwrite=False) as stage:
        for name, case in zip(NAMES, cases, strict=True):
            on_stage(name)
            scan = build(case)
            make_uid = uids_from(f"calcinosis-ct phantom {seed} {name}")
            write_ct_series(scan.volume, header_of(scan, seed), stage / name, make_uid=make_uid)
            truth[name] = _truth(scan)
        write_json(rounded(truth), stage / "truth.json")


def header_of(scan: PhantomScan, seed: int) -> CTHeader:
    """What the phantom's DICOM says of patient and scanner."""
    return CTHeader(
        patient_id=f"PHANTOM-{seed:03d}",
        patient_name="Phantom^Reference",
        study_date=scan.date,
        birth_date=BIRTH_DATE,
        sex="F",
        age_years=scan.age_years,
        manufacturer=scan.manufacturer,
        kvp=scan.kvp,
        kernel=scan.kernel,
        slice_thickness_mm=scan.slice_thickness_mm,
        description="Pelvis, phantom",
    )


def _truth(scan: PhantomScan) -> dict[str, Any]:
    return {
        "date": scan.date.isoformat(),
        "total_volume_mm3": sum(one.volume_mm3 for one in scan.truth.lesions),
        "lesions": [_lesion(one) for one in scan.truth.lesions],
        "growth_centres": [dataclasses.asdict(one) for one in scan.truth.growth_centres],
    }


def _lesion(one: LesionTruth) -> dict[str, Any]:
    return dataclasses.asdict(one)
