"""The whole scan seen through: the brightest voxel along each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.analysis import Analysis
from pipeline.domain.image import BoxedMask
from pipeline.report.panels import Extent, Plane, View, orient, view_of_all
from pipeline.report.windows import BONE

AIR_HU = -200
"""Rows and columns of a projection without anything brighter are not shown."""
BONE_TINT = (0.68, 0.85, 1.0)


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """The brightest voxel along each line through the scan, and whether it meets bone."""

    view: View
    hu: NDArray[Any]  #: turned for display
    bone: NDArray[np.bool_]
    extent: Extent
    shown: Extent  #: without the air around the patient

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of what is shown."""
        left, right, bottom, top = self.shown
        return right - left, top - bottom


def project(analysis: Analysis, plane: Plane) -> Projection:
    """Maximum intensity projection across a plane, without a copy of the volume."""
    volume = analysis.scan.volume
    view = view_of_all(volume.geometry, plane)
    hu = orient(volume.hu.max(axis=plane.axis), volume.geometry, plane)
    bone = orient(analysis.skeleton.values.max(axis=plane.axis) > 0, volume.geometry, plane)
    extent = view.borders_mm()
    return Projection(view, hu, bone, extent, _without_air(hu, extent))


def _without_air(hu: NDArray[Any], extent: Extent) -> Extent:
    columns = np.flatnonzero((hu > AIR_HU).any(axis=0))
    left, right, bottom, top = extent
    if columns.size == 0:
        return extent
    step = (right - left) / hu.shape[1]
    return left + step * int(columns[0]), left + step * (int(columns[-1]) + 1), bottom, top


def tinted(projection: Projection) -> NDArray[np.float32]:
    """(rows, columns, 3): grey in the bone window, bone in a cold colour."""
    grey = (projection.hu.astype(np.float32) - BONE.low_hu) / BONE.width_hu
    tint = np.where(projection.bone[..., None], BONE_TINT, (1.0, 1.0, 1.0))
    picture: NDArray[np.float32] = (np.clip(grey, 0.0, 1.0)[..., None] * tint).astype(np.float32)
    return picture


def shadow_of_all(view: View, masks: Sequence[BoxedMask]) -> NDArray[np.bool_]:
    """[row axis, column axis]: what any mask covers, in the order of the array."""
    shape = (view.geometry.shape[view.plane.row], view.geometry.shape[view.plane.column])
    covered = np.zeros(shape, dtype=bool)
    for mask in masks:
        box = (mask.box[view.plane.row], mask.box[view.plane.column])
        covered[box] |= mask.voxels.any(axis=view.plane.axis)
    return covered


def middle_and_half(shown: Extent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of a box, as (right, up)."""
    left, right, bottom, top = shown
    return np.array([left + right, bottom + top]) / 2, np.array([right - left, top - bottom]) / 2
