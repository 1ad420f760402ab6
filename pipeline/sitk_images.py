"""SimpleITK images and arrays with their place: its index runs (i, j, k), ours [k, j, i]."""

from __future__ import annotations

from collections.abc import Mapping
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
from pipeline.errors import InputRefused

MIN_VOXELS_PER_AXIS = 3
AIR_HU = -1024
"""Everything below is padding outside the image and becomes this, as in the DICOM reader."""
HIGHEST_HU = np.iinfo(np.int16).max
HIGHEST_LABEL = np.iinfo(np.uint16).max
NO_ACQUISITION = QualityFlag("NIFTI_NO_ACQUISITION", "info", "kVp, kernel, contrast and patient unknown")


def image_of(array: NDArray[np.generic], geometry: Geometry) -> Any:
    """A `SimpleITK.Image` of an array [k, j, i] on its grid; the voxels are copied."""
    image: Any = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.affine[:3, 3].tolist())
    image.SetDirection(np.fliplr(geometry.directions).ravel().tolist())
    return image


def array_of(image: Any) -> tuple[NDArray[np.generic], Geometry]:
    """Voxels and grid of a `SimpleITK.Image` in canonical order of axes; the array may be a view.

    Raises
    ------
    InputRefused
        NOT_A_VOLUME for anything but one value on three axes.
    GeometryError
        BAD_GEOMETRY where the axes are not orthogonal.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputRefused("NOT_A_VOLUME", f"expected one value on 3 axes, found {image.GetDimension()} axes")
    return in_order(sitk.GetArrayFromImage(image), _affine_of(image))


def in_order(array: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], Geometry]:
    """A volume with its axes flipped and swapped to the nearest to head, back and left; nothing is resampled.

    Parameters
    ----------
    affine : ndarray
        (4, 4), from the array's own index to LPS mm.
    """
    order = axis_order(affine)
    a, b, c = array.shape
    geometry = order.geometry((a, b, c), affine)
    return order.from_source(array), geometry


def _affine_of(image: Any) -> NDArray[np.float64]:
    """Affine from (k, j, i, 1) to LPS mm of an image whose own index is (i, j, k)."""
    directions = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(directions * np.array(image.GetSpacing()))
    affine[:3, 3] = image.GetOrigin()
    return affine


def scan_of(array: NDArray[Any], geometry: Geometry, acquisition: Acquisition | None = None) -> Scan:
    """A scan of HU on a grid in canonical order of axes.

    HU are int16 where all are whole, else float32; values below -1024 become -1024.

    Raises
    ------
    InputRefused
        NOT_A_VOLUME below three voxels along an axis; HU_IMPLAUSIBLE for values that are not finite, or where
        air, fat and muscle lie elsewhere.
    """
    if min(geometry.shape) < MIN_VOXELS_PER_AXIS:
        raise InputRefused(
            "NOT_A_VOLUME", f"expected at least 3 voxels along each axis, found {geometry.shape}"
        )
    if not all(bool(np.isfinite(plane).all()) for plane in array):
        raise InputRefused("HU_IMPLAUSIBLE", "expected finite HU, found values that are not")
    verified = check_volume(array)
    volume = CTVolume(_as_hu(array), geometry)
    flags = () if acquisition is not None else (NO_ACQUISITION,)
    known = with_hashes(acquisition or Acquisition(), volume)
    return Scan(volume, known, flags if verified else (*flags, HU_UNVERIFIED))


def labels_of(array: NDArray[Any], geometry: Geometry, names: Mapping[int, str]) -> LabelMap:
    """A label map on a grid in canonical order of axes.

    Raises
    ------
    InputRefused
        NOT_LABELS for values that are no whole numbers from 0 to 65535.
    """
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
