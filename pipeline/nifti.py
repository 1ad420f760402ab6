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

from pipeline.dicom.plausible import HU_UNVERIFIED, check_volume
from pipeline.domain.fingerprint import with_hashes
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.domain.orientation import axis_order
from pipeline.domain.scan import Acquisition, QualityFlag, Scan
from pipeline.errors import GeometryError, InputRefused, OutputError
from pipeline.nifti_header import check_nifti

SUFFIXES = (".nii", ".nii.gz")
MIN_VOXELS_PER_AXIS = 3
AIR_HU = -1024
"""Everything below is padding outside the image and becomes this, as in the DICOM reader."""

HIGHEST_HU = np.iinfo(np.int16).max
HIGHEST_LABEL = np.iinfo(np.uint16).max

NO_ACQUISITION = QualityFlag("NIFTI_NO_ACQUISITION", "info", "kVp, kernel, contrast and patient unknown")


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
    if min(geometry.shape) < MIN_VOXELS_PER_AXIS:
        raise InputRefused(
            "NOT_A_VOLUME", f"expected at least 3 voxels along each axis, found {geometry.shape}"
        )
    verified = check_volume(array)
    volume = CTVolume(_as_hu(array), geometry)
    acquisition = with_hashes(Acquisition(), volume)
    return Scan(volume, acquisition, (NO_ACQUISITION,) if verified else (NO_ACQUISITION, HU_UNVERIFIED))


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
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= HIGHEST_LABEL) or not _is_whole(array):
        raise InputRefused("NOT_LABELS", f"expected whole numbers from 0 to {HIGHEST_LABEL} as labels")
    small = bool(high <= np.iinfo(np.uint8).max)
    values = array.astype(np.uint8, order="C") if small else array.astype(np.uint16, order="C")
    values.setflags(write=False)
    return LabelMap(values, geometry, names)


def _as_hu(array: NDArray[np.generic]) -> NDArray[np.int16] | NDArray[np.float32]:
    dtype = np.int16 if _is_whole(array) else np.float32
    hu = np.empty(array.shape, dtype=dtype)
    for k in range(array.shape[0]):  # slice by slice: a wide copy of the whole is not needed
        hu[k] = np.clip(array[k].astype(np.float64), AIR_HU, HIGHEST_HU)
    hu.setflags(write=False)
    return hu


def _is_whole(array: NDArray[np.generic]) -> bool:
    """Whether all values are whole numbers; false where one is not finite."""
    if np.issubdtype(array.dtype, np.integer):
        return True
    return all(bool(np.all(np.rint(part) == part)) for part in np.asarray(array, dtype=np.float64))


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
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputRefused("NOT_A_VOLUME", f"expected one value on 3 axes, found {image.GetDimension()} axes")
    if image.GetMetaData("ITK_sform_corrected") != "NO":
        raise GeometryError("the axes of the file are not orthogonal")
    array = sitk.GetArrayFromImage(image)
    affine = _affine_of(image)
    order = axis_order(affine)
    k, j, i = array.shape
    return order.from_source(array), order.geometry((k, j, i), affine)


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


def _affine_of(image: Any) -> NDArray[np.float64]:
    """Affine from (k, j, i, 1) to LPS mm of an image whose own index is (i, j, k)."""
    directions = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(directions * np.array(image.GetSpacing()))
    affine[:3, 3] = image.GetOrigin()
    return affine


def _write(array: NDArray[np.generic], geometry: Geometry, path: Path) -> None:
    if not path.name.endswith(SUFFIXES):
        raise OutputError(f"expected a name ending in .nii or .nii.gz, found {path.suffix!r}")
    image: Any = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.affine[:3, 3].tolist())
    image.SetDirection(np.fliplr(geometry.directions).ravel().tolist())
    part = path.with_name(f".part-{path.name}")
    try:
        sitk.WriteImage(image, str(part), useCompression=path.name.endswith(".gz"))
        part.replace(path)
    except (RuntimeError, OSError) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path.name} cannot be written") from error
