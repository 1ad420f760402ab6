"""Scans and labels to SimpleITK and to arrays, and back, at the same place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.anatomy.carry import require_cover, require_fit
from pipeline.domain.anatomy import Anatomy, anatomy_from
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.outlines import Outlines
from pipeline.domain.scan import Acquisition, Scan
from pipeline.errors import GeometryError, InputRefused
from pipeline.outlines.grid import grid_text, refuse_grid
from pipeline.sitk_images import array_of, image_of, in_order, labels_of, scan_of

HEAD_BACK_LEFT = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Columns of the usual directions: k to the head, j to the back, i to the left."""


def from_array(
    hu: ArrayLike,
    spacing_mm: Float3,
    *,
    origin_lps_mm: Float3 = (0.0, 0.0, 0.0),
    directions: ArrayLike = HEAD_BACK_LEFT,
    acquisition: Acquisition | None = None,
) -> Scan:
    """A scan from an array of HU.

    Axes are flipped and swapped to be the nearest to head, back and left; no voxel is resampled.

    Parameters
    ----------
    hu : array
        [k, j, i], HU.
    spacing_mm : tuple of float
        Between voxel centres along k, j, i.
    origin_lps_mm : tuple of float
        Centre of voxel (0, 0, 0) as (x, y, z): to the patient's left, back and head.
    directions : array
        (3, 3): columns are the unit vectors of k, j and i in LPS. By default k runs to the head, j to the
        back, i to the left.
    acquisition : Acquisition, optional
        Tube voltage, slice thickness and what else is known. Without a voltage thresholds are those of 120
        kVp.

    Raises
    ------
    InputRefused
        NOT_A_VOLUME for another number of axes; HU_IMPLAUSIBLE for values that are not finite, or where air,
        fat and muscle lie elsewhere than in HU.
    GeometryError
        BAD_GEOMETRY for a spacing that is not above 0 and for axes that are not orthogonal.
    """
    array = np.asarray(hu)
    if array.ndim != 3:
        raise InputRefused("NOT_A_VOLUME", f"expected three axes [k, j, i], found {array.ndim}")
    columns = np.asarray(directions, dtype=np.float64)
    if columns.shape != (3, 3) or not np.allclose(np.linalg.norm(columns, axis=0), 1.0, atol=1e-3):
        raise GeometryError("expected three unit vectors as the columns of a 3 x 3 array of directions")
    if len(spacing_mm) != 3 or not min(spacing_mm) > 0:
        raise GeometryError(f"expected three spacings above 0 mm along k, j, i, found {tuple(spacing_mm)}")
    affine = np.eye(4)
    affine[:3, :3] = columns * np.asarray(spacing_mm, dtype=np.float64)
    affine[:3, 3] = origin_lps_mm
    return scan_of(*in_order(array, affine), acquisition)


def from_sitk(image: Any, *, acquisition: Acquisition | None = None) -> Scan:
    """A scan from a `SimpleITK.Image` in HU, at the image's own place.

    Parameters
    ----------
    image : SimpleITK.Image
        Three axes, HU.
    acquisition : Acquisition, optional
        Tube voltage, slice thickness and what else is known.

    Raises
    ------
    InputRefused
        NOT_A_VOLUME, HU_IMPLAUSIBLE.
    GeometryError
        BAD_GEOMETRY.
    """
    return scan_of(*array_of(image), acquisition)


def outlines_from(labels: Any, scan: Scan) -> Outlines:
    """Lesions that you outlined, each with a value of its own.

    Parameters
    ----------
    labels : array or SimpleITK.Image
        0 is nothing. An array [k, j, i] lies on the grid of `scan`; an image must.
    scan : Scan
        That they were drawn on.

    Raises
    ------
    InputRefused
        LESIONS_GRID for another grid, LESIONS_EMPTY without any outline, NOT_LABELS for other values.
    """
    known = _labels_on(labels, scan, {})
    values = known.values
    if not known.present():
        raise InputRefused("LESIONS_EMPTY", "expected at least one outlined lesion, found none")
    geometry = scan.volume.geometry
    masks = (BoxedMask.of_index(np.argwhere(values == value), geometry) for value in known.present())
    return Outlines(tuple(masks))


def anatomy_from_labels(labels: Any, names: Mapping[int, str], scan: Scan) -> Anatomy:
    """Bones and organs that you have as labels.

    Parameters
    ----------
    labels : array or SimpleITK.Image
        On the grid of `scan`.
    names : mapping
        Value → name, such as ``{25: "sacrum", 75: "femur_left"}``.
    scan : Scan
        That the labels belong to.

    Raises
    ------
    InputRefused
        ANATOMY_MISMATCH for another grid or bones where the scan has none, ANATOMY_NAMES where no name is
        that of a known structure, NOT_LABELS for other values.
    """
    try:
        known = _labels_on(labels, scan, names)
    except InputRefused as refusal:
        code = "ANATOMY_MISMATCH" if refusal.code == "LESIONS_GRID" else refusal.code
        raise InputRefused(code, refusal.reason) from refusal
    require_cover(scan.volume, known.geometry)
    anatomy = anatomy_from(known)
    require_fit(scan.volume, anatomy)
    return anatomy


def _labels_on(labels: Any, scan: Scan, names: Mapping[int, str]) -> LabelMap:
    """Labels on the very grid of a scan."""
    geometry = scan.volume.geometry
    if isinstance(labels, np.ndarray):
        if labels.shape != geometry.shape:
            raise refuse_grid(geometry, f"an array of {labels.shape}")
        return labels_of(labels, geometry, names)
    array, own = array_of(labels)
    if not own.is_close(geometry, tolerance_mm=1e-2):
        raise refuse_grid(geometry, grid_text(own))
    return labels_of(array, geometry, names)


def volume_image(scan: Scan) -> Any:
    """`SimpleITK.Image` of the HU."""
    return image_of(scan.volume.hu, scan.volume.geometry)


def label_image(labels: LabelMap) -> Any:
    """`SimpleITK.Image` of labels."""
    values: NDArray[Any] = labels.values
    return image_of(values, labels.geometry)
