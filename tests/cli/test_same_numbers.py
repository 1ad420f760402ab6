"""The same picture gives the same numbers, however its files are named, stored or anonymised."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, FileDataset, dcmread
from pydicom.uid import generate_uid

from tests.cli.conftest import Run
from tests.series import set_stored, stored

Change = Callable[[list[FileDataset]], None]
IDENTIFYING = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "SeriesDescription",
    "AccessionNumber",
)


def number_backwards(slices: list[FileDataset]) -> None:
    """Instance numbers from head to feet."""
    for number, one in enumerate(reversed(slices), start=1):
        one.InstanceNumber = number


def mirror_rows(slices: list[FileDataset]) -> None:
    """Columns stored from the patient's left to the right."""
    for one in slices:
        _turn(one, row_sign=-1)


def mirror_columns(slices: list[FileDataset]) -> None:
    """Rows stored from the back to the front."""
    for one in slices:
        _turn(one, column_sign=-1)


def turn_over(slices: list[FileDataset]) -> None:
    """As a patient who lies face down: both ways round."""
    for one in slices:
        _turn(one, row_sign=-1, column_sign=-1)


def transpose(slices: list[FileDataset]) -> None:
    """Rows stored as columns."""
    for one in slices:
        pixels = stored(one)
        del one.PatientPosition
        along, down = one.ImageOrientationPatient[:3], one.ImageOrientationPatient[3:]
        one.ImageOrientationPatient = [*down, *along]
        one.PixelSpacing = list(reversed(one.PixelSpacing))
        one.Rows, one.Columns = one.Columns, one.Rows
        set_stored(one, np.ascontiguousarray(pixels.T))


def _turn(one: Dataset, *, row_sign: int = 1, column_sign: int = 1) -> None:
    """Store one slice the other way round and say so in its geometry."""
    pixels = stored(one)
    del one.PatientPosition
    along, down = (np.array(part, dtype=float) for part in np.split(np.array(one.ImageOrientationPatient), 2))
    corner = np.array(one.ImagePositionPatient, dtype=float)
    between_rows_mm, between_columns_mm = (float(value) for value in one.PixelSpacing)
    if row_sign < 0:
        corner += along * between_columns_mm * (one.Columns - 1)
    if column_sign < 0:
        corner += down * between_rows_mm * (one.Rows - 1)
    one.ImagePositionPatient = [round(value, 6) for value in corner.tolist()]
    one.ImageOrientationPatient = [*(row_sign * along).tolist(), *(column_sign * down).tolist()]
    set_stored(one, np.ascontiguousarray(pixels[::column_sign, ::row_sign]))


def anonymise(slices: list[FileDataset]) -> None:
    """Without anything that names the patient or the day, and with new UIDs."""
    for number, one in enumerate(slices):
        for keyword in IDENTIFYING:
            if keyword in one:
                del one[keyword]
        one.PatientID = "anonymous"
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            setattr(one, keyword, generate_uid(entropy_srcs=["anonymous", keyword]))
        one.SOPInstanceUID = generate_uid(entropy_srcs=["anonymous", str(number)])
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID


def changed(source: Path, folder: Path, change: Change) -> Path:
    """A copy of a series with every file changed, under a random name in a random folder."""
    slices = sorted(
        (dcmread(path) for path in source.rglob("*.dcm")), key=lambda d: d.ImagePositionPatient[2]
    )
    for one in slices:
        one.decompress(generate_instance_uid=False)
    change(slices)
    names = list(range(len(slices)))
    random.Random(7).shuffle(names)
    for name, one in zip(names, slices, strict=True):
        place = folder / "ABC"[name % 3]
        place.mkdir(parents=True, exist_ok=True)
        one.save_as(place / f"IM{name:04d}")
    return folder


def numbers(out: Path) -> dict[str, Any]:
    """What was measured, without what says where it came from."""
    content: dict[str, Any] = json.loads((out / "measurements.json").read_text("utf-8"))
    for lesion in content["lesions"]:
        del lesion["tracking_uid"]
    scan = {key: content["scan"][key] for key in ("spacing_mm", "matrix", "coverage", "noise_hu", "flags")}
    return {key: content[key] for key in ("threshold", "burden", "lesions", "excluded")} | scan


@pytest.mark.parametrize(
    "change",
    [number_backwards, mirror_rows, mirror_columns, turn_over, transpose, anonymise],
    ids=lambda change: change.__name__,
)
def test_the_same_picture_gives_the_same_numbers(
    change: Change, baseline_dicom: Path, tmp_path: Path, run: Run
) -> None:
    for name, source in (
        ("usual", baseline_dicom),
        ("other", changed(baseline_dicom, tmp_path / "in", change)),
    ):
        ended = run("measure", source, "-o", tmp_path / name, "--no-figures")
        assert (ended.code, ended.err) == (0, "")
    found = numbers(tmp_path / "other")
    assert found["lesions"]
    assert found == numbers(tmp_path / "usual")
