"""What SEG and SR of a scan share: whose they are, who made them, UIDs that follow their content."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pipeline.dicom.headers import CT_IMAGE
from pipeline.dicom.identity_out import (
    UID_DIGITS,
    composite_context,
    content_moment,
    uid_mapper,
    uid_of,
)
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis
from pipeline.domain.image import BoxedMask
from pipeline.domain.source import Source, SourceImage

MANUFACTURER = "calcinosis-ct"
MODEL = "calcinosis-ct"
SERIAL_NUMBER = "none"
"""Equipment modules of both want one; a program has none."""
OF_PERSONS = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName")
DRAFT_UID, DRAFT_SERIES_UID = (f"2.25.{digit * UID_DIGITS}" for digit in "12")
"""Stand where the UIDs of an object go, until its content is known."""


@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """The source images of a scan as they are referred to, plane by plane of the stack."""

    context: Dataset  #: patient, study and frame of reference
    series_instance_uid: str
    images: tuple[SourceImage, ...]
    source: Source
    affine: NDArray[np.float64]  #: (4, 4), from (plane, row, column, 1) to LPS mm
    rows: int
    columns: int

    @classmethod
    def of(cls, analysis: Analysis, source: Source, writing: Writing) -> Origin:
        """Of an analysed scan, under the identity it is to be written with."""
        uids = uid_mapper(writing.anonymity)
        _, j, i = (analysis.geometry.shape[n] for n in np.argsort(source.axes.source_axes))
        return cls(
            context=composite_context(analysis.scan, source, writing.anonymity),
            series_instance_uid=uids(analysis.scan.acquisition.series_instance_uid or ""),
            images=tuple(
                SourceImage(one.sop_class_uid, uids(one.sop_instance_uid), one.frame_number)
                for one in source.images
            ),
            source=source,
            affine=source.axes.source_affine(analysis.geometry),
            rows=j,
            columns=i,
        )

    def plane(self, number: int) -> Dataset:
        """One plane as a single-frame image without pixels, which is what highdicom wants to see."""
        image, d = self.images[number], self.nobodys()
        d.Modality, d.SeriesInstanceUID = "CT", self.series_instance_uid
        d.SOPClassUID, d.SOPInstanceUID = CT_IMAGE, image.sop_instance_uid
        d.Rows, d.Columns = self.rows, self.columns
        d.ImagePositionPatient = decimals(self.position_mm(number))
        d.ImageOrientationPatient = decimals(self.orientation())
        d.PixelSpacing = decimals(self.spacing_mm()[1:])
        d.SliceThickness = decimals(self.spacing_mm()[:1])[0]
        return d

    def nobodys(self) -> Dataset:
        """The study without its patient, for highdicom: it warns of names in words that hold the name."""
        d = deepcopy(self.context)  # datasets share the elements they are updated with
        for keyword in OF_PERSONS:
            setattr(d, keyword, "")
        return d

    def instances(self) -> dict[str, str]:
        """The source objects, each once: SOP Instance UID → SOP Class UID."""
        return {one.sop_instance_uid: one.sop_class_uid for one in self.images}

    def placed(self, mask: BoxedMask) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
        """A mask's box as it lies in the stack, and its first plane, row and column."""
        axes = self.source.axes
        starts = [
            n - box.stop if flip else box.start
            for box, flip, n in zip(mask.box, axes.flipped, mask.geometry.shape, strict=True)
        ]
        plane, row, column = (starts[n] for n in np.argsort(axes.source_axes))
        return axes.to_source(mask.voxels), (plane, row, column)

    def planes_of(self, mask: BoxedMask) -> list[int]:
        """The planes that a mask lies on, in the order of the stack."""
        voxels, (first, _, _) = self.placed(mask)
        return [first + n for n, one in enumerate(voxels) if one.any()]

    def position_mm(self, number: int) -> NDArray[np.float64]:
        """Centre of the first pixel of a plane."""
        return np.asarray(self.affine[:3, 3] + number * self.affine[:3, 0])

    def orientation(self) -> NDArray[np.float64]:
        """Direction along a row, then down a column."""
        columns = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return np.concatenate([columns[:, 2], columns[:, 1]])

    def spacing_mm(self) -> NDArray[np.float64]:
        """Between planes, rows, columns."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def moment(self) -> tuple[str, str]:
        """Date and time that objects say they were made."""
        return content_moment(self.context)


def head_of(origin: Origin, writing: Writing) -> dict[str, Any]:
    """What highdicom is told alike of both: draft UIDs, who made them, and when: the study's moment."""
    date, time = origin.moment()
    return {
        "series_instance_uid": DRAFT_SERIES_UID,
        "sop_instance_uid": DRAFT_UID,
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL,
        "software_versions": writing.version,
        "device_serial_number": SERIAL_NUMBER,
        "content_date": date,
        "content_time": time,
        "series_date": date,
        "series_time": time,
    }


def settled(made: Dataset, context: Dataset) -> Dataset:
    """A plain copy of what highdicom made, which it copies less, with its patient and study."""
    dataset = Dataset()
    dataset.update(made)
    dataset.file_meta = made.file_meta
    settle(dataset, context)
    return dataset


def decimals(values: NDArray[np.float64]) -> list[float]:
    """Numbers that fit into decimal strings."""
    return [round(float(value), 9) + 0.0 for value in values]


def settle(dataset: Dataset, context: Dataset) -> None:
    """Give an object all elements of patient and study, and take off what highdicom takes from the clock."""
    dataset.update(context)
    del dataset.InstanceCreationDate, dataset.InstanceCreationTime
    for equipment in dataset.get("ContributingEquipmentSequence", ()):
        del equipment.ContributionDateTime


def save(dataset: Dataset, file: Path) -> tuple[str, str]:
    """Write a draft under UIDs that follow its content: what is equal has equal UIDs, and nothing else.

    Returns
    -------
    tuple of str
        Its SOP Instance UID and Series Instance UID.
    """
    draft = BytesIO()
    dataset.save_as(draft, enforce_file_format=True)
    content = draft.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    uid, series_uid = uid_of(f"instance/{digest}"), uid_of(f"series/{digest}")
    content = content.replace(DRAFT_UID.encode(), uid.encode())
    file.write_bytes(content.replace(DRAFT_SERIES_UID.encode(), series_uid.encode()))
    return uid, series_uid
