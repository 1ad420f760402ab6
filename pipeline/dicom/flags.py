"""What a series' headers tell a reader of the numbers to beware of."""

from __future__ import annotations

import numpy as np

from pipeline.dicom.codecs import LOSSY
from pipeline.dicom.discover import Inventory
from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.stack import Stack
from pipeline.domain.scan import QualityFlag
from pipeline.domain.wording import counted
from pipeline.errors import InputRefused

SPACING_CONTRADICTION = 0.05
"""Part of the spacing by which thickness or the spacing tag may differ without mention."""

NO_HU_TYPES = (
    "MIP",
    "MINIP",
    "MAX_IP",
    "MIN_IP",
    "MAXIMUM",
    "MINIMUM",
    "STD_DEVIATION",
    "SUBTRACTION",
    "ADDITION",
    "MULTIPLICATION",
    "DIVISION",
    "PROJECTION IMAGE",
    "AVERAGE",
    "MEAN",
    "IODINE",
    "CALCIUM",
    "MAT_DECOMP",
    "MATERIAL",
    "EFF_ATOMIC_NUM",
    "ELECTRON_DENSITY",
)
"""Words in Image Type (PS3.3 C.8.2.1.1.1, C.8.15.2) of images whose values are not a slice's HU."""


def header_flags(
    stack: Stack, inventory: Inventory, *, codestream_lossy: bool = False
) -> tuple[QualityFlag, ...]:
    """All flags that the headers of a stack give rise to.

    Parameters
    ----------
    codestream_lossy : bool
        The pixels were compressed with loss, whatever the headers say.

    Raises
    ------
    InputRefused
        NOT_PRIMARY for projections and material maps.
    """
    return (
        *_kind_flags(stack.slices),
        *_lossy_flags(stack.slices, codestream_lossy),
        *_contrast_flags(stack.slices),
        *_spacing_flags(stack),
        *_posture_flags(stack.slices[0]),
        *_mixed_flags(stack.slices),
        *_preamble_flags(stack.slices),
        *_damage_flags(inventory),
    )


def _kind_flags(slices: tuple[SliceHeader, ...]) -> list[QualityFlag]:
    image_types = {s.image_type for s in slices}
    for word in NO_HU_TYPES:
        if any(word in value for image_type in image_types for value in image_type):
            raise InputRefused("NOT_PRIMARY", f"expected HU of slices, found images of the type {word}")
    modified = any(s.pixels.rescale_type == "HU_MOD" for s in slices)
    if modified or any(_is_processed(image_type) for image_type in image_types):
        message = "derived images (reformatted, virtual monoenergetic or processed): HU may be shifted"
        return [QualityFlag("NOT_PRIMARY", "warning", message)]
    return []


def _is_processed(image_type: tuple[str, ...]) -> bool:
    return image_type[:1] == ("DERIVED",) or any("MONO" in v or "VMI" in v for v in image_type[2:])


def _lossy_flags(slices: tuple[SliceHeader, ...], codestream_lossy: bool) -> list[QualityFlag]:
    if codestream_lossy or any(s.lossy or s.pixels.transfer_syntax_uid in LOSSY for s in slices):
        return [QualityFlag("LOSSY", "warning", "the images were compressed with loss")]
    return []


def _contrast_flags(slices: tuple[SliceHeader, ...]) -> list[QualityFlag]:
    if any(s.exam.contrast_agent for s in slices):
        return [QualityFlag("CONTRAST", "warning", "the header names a contrast agent")]
    return []


def _spacing_flags(stack: Stack) -> list[QualityFlag]:
    spacing, exam, flags = stack.spacing_mm, stack.slices[0].exam, []
    thickness, stated = exam.slice_thickness_mm, exam.spacing_between_slices_mm
    if thickness and spacing > thickness * (1 + SPACING_CONTRADICTION):
        message = f"slices of {thickness:g} mm every {spacing:.3g} mm: what lies between was not imaged"
        flags.append(QualityFlag("COVERAGE_GAP", "serious", message))
    if thickness and spacing < thickness * (1 - SPACING_CONTRADICTION):
        message = f"slices of {thickness:g} mm overlap: one every {spacing:.3g} mm"
        flags.append(QualityFlag("OVERLAPPING_SLICES", "info", message))
    if stated and abs(stated - spacing) > SPACING_CONTRADICTION * spacing:
        message = f"the header names {stated:g} mm between slices, the positions say {spacing:.3g} mm"
        flags.append(QualityFlag("SPACING_TAG_WRONG", "info", message))
    return flags


def _mixed_flags(slices: tuple[SliceHeader, ...]) -> list[QualityFlag]:
    ways = {(s.exam.kvp, s.exam.kernel, s.exam.slice_thickness_mm) for s in slices}
    if len(ways) == 1:
        return []
    message = "kVp, kernel or slice thickness changes inside the series"
    return [QualityFlag("MIXED_ACQUISITION", "warning", message)]


def _posture_flags(header: SliceHeader) -> list[QualityFlag]:
    """Compare Patient Position (PS3.3 C.7.3.1.1.2) with where the image's columns run.

    Scanners show the table at the bottom: columns run to the back of a supine patient, to the front
    of a prone one, and to a side of one lying on it.
    """
    expected = {"S": (1, 1.0), "P": (1, -1.0), "DR": (0, -1.0), "DL": (0, 1.0)}.get(
        header.exam.patient_position[2:]
    )
    if expected is None:
        return []
    column = np.array((header.grid.orientation or (0.0,) * 6)[3:])
    axis, sign = expected
    if column[axis] * sign > 0.5:
        return []
    message = "Patient Position contradicts the image orientation; the orientation was used"
    return [QualityFlag("POSITION_CONTRADICTS", "warning", message)]


def _preamble_flags(slices: tuple[SliceHeader, ...]) -> list[QualityFlag]:
    if any(s.executable_preamble for s in slices):
        message = "a file begins as a program does: do not run it"
        return [QualityFlag("EXECUTABLE_PREAMBLE", "warning", message)]
    return []


def _damage_flags(inventory: Inventory) -> list[QualityFlag]:
    if inventory.damaged_count == 0:
        return []
    damaged = counted(inventory.damaged_count, "DICOM file")
    message = f"{damaged} could not be read; slices at an end may be missing"
    return [QualityFlag("UNREADABLE_FILES", "warning", message)]
