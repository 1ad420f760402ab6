"""NIfTI in and out: volumes in HU and label maps.

NIfTI stores RAS; SimpleITK turns it to LPS and back, and gives arrays as [k, j, i] of the file.
What is read is flipped and swapped to the canonical order of axes, never resampled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.domain.scan import Scan
from pipeline.errors import GeometryError, InputRefused, OutputError
from pipeline.nifti_header import check_nifti
from pipeline.sitk_images import array_of, image_of, labels_of, scan_of

SUFFIXES = (".nii", ".nii.gz")
CORRECTED = "ITK_sform_corrected"
"""Where ITK says that it made sheared axes orthogonal."""


def write_volume(volume: CTVolume, path: Path) -> None:
    """Write HU as ``.nii`` or ``.nii.gz``, whole or not at all; the same volume gives the same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(volume.hu, volume.geometry, path)


def write_label_map(labels: LabelMap, path: Path) -> None:
    """Write labels as ``.nii`` or ``.nii.gz``; their names are not kept in the file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(labels.values, labels.geometry, path)


def read_volume(path: Path) -> Scan:
    """Read a CT in HU.

    HU are int16 where all are whole, else float32; values below -1024 become -1024.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, NOT_NIFTI, NOT_A_VOLUME, RESOURCE_LIMIT, TRUNCATED; HU_IMPLAUSIBLE for
        values that are not finite, or where air, fat and muscle lie elsewhere.
    GeometryError
        BAD_GEOMETRY for sheared axes, orientations that contradict each other, or none at all.
    """
    array, geometry = _read(Path(path))
    return scan_of(array, geometry)


def read_label_map(path: Path, names: Mapping[int, str]) -> LabelMap:
    """Read a label map; values without a name stay in it, unnamed.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, NOT_NIFTI, NOT_A_VOLUME, RESOURCE_LIMIT, TRUNCATED; NOT_LABELS for
        values that are no whole numbers from 0 to 65535.
    GeometryError
        BAD_GEOMETRY for sheared axes or no orientation at all.
    """
    array, geometry = _read(Path(path))
    return labels_of(array, geometry, names)


def _read(path: Path) -> tuple[NDArray[np.generic], Geometry]:
    """Array and grid of a file in canonical order; the array may be a view."""
    _check_path(path)
    check_nifti(path)
    switch: Any = sitk.ProcessObject
    warned = switch.GetGlobalWarningDisplay()
    switch.SetGlobalWarningDisplay(False)  # it prints paths; what matters is checked
    try:
        image: Any = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _refusal(str(error)) from error
    finally:
        switch.SetGlobalWarningDisplay(warned)
    if image.HasMetaDataKey(CORRECTED) and image.GetMetaData(CORRECTED) != "NO":
        raise GeometryError("the axes of the file are not orthogonal")
    return array_of(image)


def _check_path(path: Path) -> None:
    if not path.exists():
        raise InputRefused("NOT_FOUND", "there is no such file")
    if not path.is_file() or not path.name.lower().endswith(SUFFIXES):
        raise InputRefused("NOT_NIFTI", "expected a file named .nii or .nii.gz")


def _refusal(message: str) -> InputRefused:
    """What ITK's words mean."""
    if re.search("orthonormal", message):
        return GeometryError("the axes of the file are not orthogonal")
    return InputRefused("UNREADABLE", "the file cannot be read as NIfTI")


def _write(array: NDArray[np.generic], geometry: Geometry, path: Path) -> None:
    if not path.name.endswith(SUFFIXES):
        raise OutputError(f"expected a name ending in .nii or .nii.gz, found {path.suffix!r}")
    image = image_of(array, geometry)
    part = path.with_name(f".part-{path.name}")
    try:
        sitk.WriteImage(image, str(part), useCompression=path.name.endswith(".gz"))
        part.replace(path)
    except (RuntimeError, OSError) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path.name} cannot be written") from error
