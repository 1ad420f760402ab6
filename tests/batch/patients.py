"""Small patients to measure by the hundred: a calcified box on two dates, and what may be wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from pipeline.batch.job import PatientJob, Plan
from pipeline.batch.order import Way
from pipeline.config import Settings
from pipeline.running.inputs import ScanInput
from tests.series import CALCIUM_BOX, CALCIUM_HU, box_hu, good_series, set_stored, write_series

DATES = ("20190411", "20200310")
WAY = Way(Settings().with_(figures={"enabled": False}))
"""Pictures take most of the time of so small a scan."""

Fault = Callable[[list[Dataset]], None]


def series_of(number: int, date: int) -> list[Dataset]:
    """The slices of a patient on a date: the box of calcium shrinks from the first to the second."""
    hu = box_hu()
    hu[CALCIUM_BOX] = 50
    k, j, i = CALCIUM_BOX
    hu[k, j, i.start : i.stop - date - number % 2] = CALCIUM_HU + number
    slices = good_series()
    for dataset, frame in zip(slices, hu, strict=True):
        dataset.PatientID, dataset.PatientName = f"P-{number}", f"Box^{number}"
        dataset.StudyDate = DATES[date]
        for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            uid = generate_uid(entropy_srcs=[getattr(dataset, name), str(number), str(date)])
            setattr(dataset, name, uid)
        set_stored(dataset, (frame + 1024).astype(np.uint16))
    return slices


def write_patient(folder: Path, number: int, fault: Fault | None = None) -> PatientJob:
    """A patient with two dates; a fault goes into the second."""
    scans = []
    for date in range(len(DATES)):
        slices = series_of(number, date)
        if fault is not None and date == len(DATES) - 1:
            fault(slices)
        scans.append(ScanInput(write_series(slices, folder / f"P{number:03d}" / DATES[date])))
    return PatientJob(f"P{number:03d}", tuple(scans))


def write_patients(folder: Path, count: int, faults: Sequence[Fault] = ()) -> Plan:
    """Patients of whom the last have a fault each."""
    broken = dict(enumerate(faults, count - len(faults)))
    return Plan(tuple(write_patient(folder, n, broken.get(n)) for n in range(count)))


def a_gap(slices: list[Dataset]) -> None:
    del slices[5:7]


def one_slice(slices: list[Dataset]) -> None:
    del slices[1:]


def no_rescale(slices: list[Dataset]) -> None:
    for dataset in slices:
        del dataset.RescaleSlope, dataset.RescaleIntercept


def another_patient(slices: list[Dataset]) -> None:
    for dataset in slices:
        dataset.PatientID = "P-other"


def two_patients(slices: list[Dataset]) -> None:
    slices[3].PatientID = "P-other"


def air(slices: list[Dataset]) -> None:
    for dataset in slices:
        set_stored(dataset, np.full((dataset.Rows, dataset.Columns), 24, np.uint16))


def nothing(slices: list[Dataset]) -> None:
    slices.clear()


def tilted(slices: list[Dataset]) -> None:
    for dataset in slices:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0.9397, -0.342]


def one_turned(slices: list[Dataset]) -> None:
    slices[4].ImageOrientationPatient = [0, 1, 0, -1, 0, 0]


def no_position(slices: list[Dataset]) -> None:
    for dataset in slices:
        del dataset.ImagePositionPatient


def cut_pixels(slices: list[Dataset]) -> None:
    slices[4].PixelData = slices[4].PixelData[:100]


def wrong_rescale(slices: list[Dataset]) -> None:
    for dataset in slices:
        dataset.RescaleSlope = "0"


FAULTS: dict[str, Fault] = {
    "MISSING_SLICES": a_gap,
    "NOT_A_VOLUME": one_slice,
    "NO_RESCALE": no_rescale,
    "PATIENT_MISMATCH": another_patient,
    "MIXED_PATIENTS": two_patients,
    "EMPTY_SCAN": air,
    "NO_CT": nothing,
    "GANTRY_TILT": tilted,
    "MIXED_SERIES": one_turned,
    "BAD_GEOMETRY": no_position,
    "TRUNCATED": cut_pixels,
    "HU_IMPLAUSIBLE": wrong_rescale,
}
"""Code that a patient with the fault is refused with → the fault."""
