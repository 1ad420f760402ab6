"""A label map carried to the grid of a scan, where it belongs to that scan at all."""

from __future__ import annotations

import numpy as np

from pipeline.domain.anatomy import BONES, Anatomy
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.errors import InputRefused

PATIENT_HU = -350
STRIDE_MM = 6.0
"""The body is sampled about this finely to see how much of it the map covers."""
LEAST_COVERED = 0.5
"""Share of the body that must lie within the map."""
BRIGHT_HU = 150
LEAST_BRIGHT = 0.15
"""Share of the bones' voxels that must be bright: 0.56 where a map fits, 0.05 to 0.08 where it is turned."""


def carry_labels(labels: LabelMap, geometry: Geometry) -> LabelMap:
    """The nearest label at every voxel of another grid; 0 outside the map."""
    if labels.geometry.is_close(geometry):
        return LabelMap(labels.values, geometry, labels.names)
    values = np.zeros(geometry.shape, dtype=labels.values.dtype)
    back = np.linalg.inv(labels.geometry.affine)
    to_map = back @ geometry.affine
    j, i = np.ogrid[: geometry.shape[1], : geometry.shape[2]]
    for k, plane in enumerate(values):
        index = [np.rint(row[0] * k + row[1] * j + row[2] * i + row[3]).astype(np.intp) for row in to_map[:3]]
        inside = np.logical_and.reduce(
            [(own >= 0) & (own < size) for own, size in zip(index, labels.values.shape, strict=True)]
        )
        plane[inside] = labels.values[tuple(own[inside] for own in index)]
    values.setflags(write=False)
    return LabelMap(values, geometry, labels.names)


def require_cover(volume: CTVolume, map_geometry: Geometry) -> None:
    """Refuse a map that shows another place than the scan.

    Raises
    ------
    InputRefused
        ANATOMY_MISMATCH where less than half of the body lies within the map.
    """
    steps = [max(1, round(STRIDE_MM / mm)) for mm in volume.geometry.spacing_mm]
    body = np.argwhere(volume.hu[:: steps[0], :: steps[1], :: steps[2]] > PATIENT_HU) * steps
    if not len(body):
        return
    index = map_geometry.to_index(volume.geometry.to_lps_mm(body))
    inside = ((index >= -0.5) & (index <= np.asarray(map_geometry.shape) - 0.5)).all(axis=1)
    if inside.mean() < LEAST_COVERED:
        raise InputRefused(
            "ANATOMY_MISMATCH", f"the anatomy covers {inside.mean():.0%} of the body, at least half is needed"
        )


def require_fit(volume: CTVolume, anatomy: Anatomy) -> None:
    """Refuse a map whose bones do not lie where the scan shows bone, or lie on the other side.

    Raises
    ------
    InputRefused
        ANATOMY_MISMATCH.
    """
    bones = anatomy.bones.values > 0
    if not bones.any():
        return
    bright = float(np.mean(volume.hu[bones] >= BRIGHT_HU))
    if bright < LEAST_BRIGHT:
        raise InputRefused(
            "ANATOMY_MISMATCH", f"{bright:.0%} of the anatomy's bones lie where the scan is as dense as bone"
        )
    for bone in ("hip_bone", "femur"):
        right, left = (_middle_x_mm(anatomy.bones, f"{bone}_{side}") for side in ("right", "left"))
        if right is not None and left is not None and left <= right:
            raise InputRefused("ANATOMY_MISMATCH", "the anatomy names left what lies on the patient's right")


def _middle_x_mm(bones: LabelMap, name: str) -> float | None:
    index = np.argwhere(bones.values == BONES.index(name) + 1)
    return float(bones.geometry.to_lps_mm(index.mean(axis=0))[0]) if len(index) else None
