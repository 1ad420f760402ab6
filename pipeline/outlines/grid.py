"""Voxels of another grid on the grid of a scan: exactly, or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import LabelMap
from pipeline.errors import InputRefused

Index = NDArray[np.int64]
"""(n, 3): voxels along k, j, i."""
OFF_GRID_VOXELS = 0.02
"""A voxel this far off its place is another grid's; headers of NIfTI are rounded to some micrometres."""


def index_on(geometry: Geometry, points_lps_mm: ArrayLike) -> Index | None:
    """Indices (n, 3) of points that are centres of voxels; None where one is not, or lies outside."""
    exact = geometry.to_index(points_lps_mm)
    index = np.rint(exact)
    if np.abs(exact - index).max(initial=0.0) > OFF_GRID_VOXELS:
        return None
    if (index < 0).any() or (index >= np.asarray(geometry.shape)).any():
        return None
    return index.astype(np.int64)


def refuse_grid(geometry: Geometry, other: str) -> InputRefused:
    """The refusal of outlines on another grid, with both named."""
    return InputRefused(
        "LESIONS_GRID",
        f"expected outlines on the grid of the scan, {grid_text(geometry)}; found {other}; "
        "--resample-lesions (resample=True in Python) takes the nearest voxels",
    )


def grid_text(geometry: Geometry) -> str:
    """A grid in words."""
    matrix = " × ".join(str(n) for n in geometry.shape)
    spacing = " × ".join(f"{mm:.4g}" for mm in geometry.spacing_mm)
    corner = ", ".join(f"{mm:.2f}" for mm in geometry.affine[:3, 3])
    return f"{matrix} voxels of {spacing} mm (slice, row, column) from ({corner})"


def by_value(labels: LabelMap, carried: LabelMap) -> dict[int, Index]:
    """The voxels of each label on the scan's grid.

    Raises
    ------
    InputRefused
        LESIONS_GRID where a lesion has no voxel left: none is lost in silence.
    """
    there = np.argwhere(carried.values)
    values = carried.values[tuple(there.T)]
    found = {int(value): there[values == value] for value in np.unique(values)}
    lost = sorted(set(labels.present()) - set(found))
    if lost:
        raise InputRefused(
            "LESIONS_GRID", f"{len(lost)} outlined lesions have no voxel on the grid of the scan: {lost[:9]}"
        )
    return found
