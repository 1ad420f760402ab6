"""The reference patient's bones as points on their surfaces: an atlas that carries names to other patients.

Drawn from the same shapes as the phantoms, so that nothing of a real patient is in it. The right half is
the left half mirrored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.phantoms import femur, hip_bone, spine
from pipeline.phantoms.compose import Mirrored
from pipeline.phantoms.shapes import Shape

Points = NDArray[np.float64]

GRID_MM = 2.0
THIN_MM = 6.0
"""One point is kept of each cube of this size."""
SHAFT_END_MM = -190.0
"""Where the femur is cut, below the middle between the heads."""
BOUNDS_MM = ((-6.0, 160.0), (-90.0, 130.0), (SHAFT_END_MM, 170.0))
SMOOTHING_VOXELS = 1.2
"""Of the shape that normals are taken from."""


def bone_shapes() -> dict[str, Shape]:
    """The left and middle bones of the reference patient, without growth plates."""
    left = hip_bone.left_hip_bone()
    l4, l5 = spine.lumbar()
    return {
        "hip_bone_left": left,
        "femur_left": femur.left_femur(),
        "sacrum": spine.sacrum((left, Mirrored(left))),
        "coccyx": spine.coccyx(),
        "lumbar_vertebrae_5": l5,
        "lumbar_vertebrae_4": l4,
    }


def write_atlas(path: Path) -> None:
    """Write the atlas as compressed numpy arrays.

    Points are in tenths of a millimetre, normals in 1/127; `bone` counts into `names`.
    """
    names: list[str] = []
    points, normals, bones = [], [], []
    for own, shape in bone_shapes().items():
        name = own.rsplit("_", 1)[0] if own[-1].isdigit() else own
        p, n = _surface(shape)
        for part_name, q, m in _both_sides(name, p, n):
            if part_name not in names:
                names.append(part_name)
            points.append(q)
            normals.append(m)
            bones.append(np.full(len(q), names.index(part_name), dtype=np.uint8))
    centre = np.array(hip_bone.HEAD_CENTRE_MM)
    np.savez_compressed(
        path,
        points=np.rint(np.concatenate(points) * 10).astype(np.int16),
        normals=np.rint(np.concatenate(normals) * 127).astype(np.int8),
        bone=np.concatenate(bones),
        names=np.array(names),
        left_head_mm=centre,
    )


def _both_sides(name: str, p: Points, n: Points) -> list[tuple[str, Points, Points]]:
    """A part and its mirror image; what lies in the middle keeps its name on both sides."""
    flip = np.array([-1.0, 1.0, 1.0])
    return [(name, p, n), (name.replace("left", "right"), p * flip, n * flip)]


def _surface(shape: Shape) -> tuple[Points, Points]:
    """Points of the surface on the left of the midline, and the outward normals there."""
    axes = [np.arange(low + GRID_MM / 2, high, GRID_MM) for low, high in BOUNDS_MM]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    inside = (shape.distance_mm(grid.reshape(3, -1, 1)) < 0).reshape(grid.shape[1:])
    slope = np.stack(np.gradient(ndimage.gaussian_filter(inside.astype(np.float32), SMOOTHING_VOXELS)), -1)
    surface = inside & ~ndimage.binary_erosion(inside, border_value=1)
    surface &= grid[0] > 0
    surface[:, :, 0] = False
    index = _thinned(np.argwhere(surface))
    normal = -slope[tuple(index.T)]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    return grid[(slice(None), *index.T)].T, normal


def _thinned(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first point of each cube."""
    cube = index // round(THIN_MM / GRID_MM)
    _, first = np.unique(cube, axis=0, return_index=True)
    return index[np.sort(first)]
