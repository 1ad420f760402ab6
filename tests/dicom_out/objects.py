"""Objects written for a test, and read back by other code than wrote them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from pipeline.dicom.write import SEG_NAME, SR_NAME, write_objects
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis
from pipeline.domain.orientation import AxisOrder
from pipeline.domain.source import Source, SourceImage

PLAIN = Writing("0.1.0")


def write(analysis: Analysis, folder: Path, writing: Writing = PLAIN) -> tuple[Dataset, Dataset]:
    """SEG and SR of an analysis, read back by pydicom."""
    folder.mkdir(exist_ok=True)
    write_objects(analysis, folder, writing)
    return dcmread(folder / SEG_NAME), dcmread(folder / SR_NAME)


def without_lesions(analysis: Analysis) -> Analysis:
    return replace(analysis, lesions=())


def stacked_along(analysis: Analysis, axes: AxisOrder) -> Analysis:
    """The same scan as if its images had been stacked otherwise."""
    assert analysis.scan.source is not None
    count = analysis.geometry.shape[axes.source_axes.index(0)]
    images = tuple(SourceImage("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{n + 1}") for n in range(count))
    source = Source(images, axes, analysis.scan.source.header)
    return replace(analysis, scan=replace(analysis.scan, source=source))


def points_of(seg: Dataset, segment: int) -> NDArray[np.float64]:
    """Centres of a segment's pixels in mm, from bits, positions and spacing alone (PS3.3 C.7.6.2)."""
    size = seg.Rows * seg.Columns
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    shared = seg.SharedFunctionalGroupsSequence[0]
    along, down = np.split(
        np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float), 2
    )
    between_rows_mm, between_columns_mm = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    found = []
    for n, groups in enumerate(seg.PerFrameFunctionalGroupsSequence):
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber != segment:
            continue
        frame = bits[n * size : (n + 1) * size].reshape(seg.Rows, seg.Columns)
        corner = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        row, column = np.nonzero(frame)
        found.append(
            corner + row[:, None] * between_rows_mm * down + column[:, None] * between_columns_mm * along
        )
    return np.concatenate(found)


def groups_of(sr: Dataset) -> list[Dataset]:
    """The measurement groups of a report."""
    (measurements,) = [one for one in sr.ContentSequence if named(one) == "126010"]
    return [one for one in measurements.ContentSequence if named(one) == "125007"]


def named(item: Dataset) -> str:
    """The code of a content item's name."""
    code = item.ConceptNameCodeSequence[0]
    return str(code.get("CodeValue") or code.LongCodeValue)


def value_of(item: Dataset) -> Any:
    """A content item's own value: a number with its unit, a code, a UID, or a text."""
    if item.ValueType == "NUM":
        measured = item.MeasuredValueSequence[0]
        return float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue
    if item.ValueType == "CODE":
        code = item.ConceptCodeSequence[0]
        return str(code.get("CodeValue") or code.LongCodeValue)
    return str(item.UID if item.ValueType == "UIDREF" else item.TextValue)


def values(group: Dataset, code: str) -> list[Any]:
    """The values of a group's items of one name."""
    return [value_of(one) for one in group.ContentSequence if named(one) == code]


def children(group: Dataset, code: str) -> dict[str, Any]:
    """What hangs on the one item of a name."""
    (item,) = [one for one in group.ContentSequence if named(one) == code]
    return {named(one): value_of(one) for one in item.get("ContentSequence", ())}


def program(name: str, package: str) -> str:
    """The path of a program that a test cannot do without."""
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin:/opt/homebrew/bin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


def say(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a program and keep what it says."""
    return subprocess.run(
        [str(one) for one in command],
        capture_output=True, text=True, check=False, encoding="utf-8", errors="replace", timeout=60,
    )  # fmt: skip


def measure(scan: Path, out: Path, *more: object) -> Path:
    """Results of `calcinosis measure`, by another process."""
    ended = say(sys.executable, "-m", "pipeline", "measure", scan, "-o", out, "--no-figures", *more)
    assert (ended.returncode, ended.stderr) == (0, "")
    return out
