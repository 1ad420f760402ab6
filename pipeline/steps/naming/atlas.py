"""The atlas: surfaces of a reference patient's bones, each point with its bone's name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

FEMORA = ("femur_right", "femur_left")
HIP_BONES = ("hip_bone_right", "hip_bone_left")


@dataclass(frozen=True, eq=False, slots=True)
class Atlas:
    """Surface points of named bones, in mm of the reference patient (axes as LPS)."""

    points: Points  #: (n, 3)
    normals: Points  #: (n, 3), outward, of length 1
    bone: NDArray[np.intp]  #: (n,), counts into `names`
    names: tuple[str, ...]
    heads_mm: dict[str, Points]  #: middle of the femoral head of each femur

    def of(self, *names: str) -> NDArray[np.bool_]:
        """(n,): which points belong to some bones."""
        wanted = np.array([name in names for name in self.names])
        return np.asarray(wanted[self.bone])


@cache
def load_atlas() -> Atlas:
    """The shipped atlas, as drawn by `pipeline.phantoms.atlas`."""
    with as_file(files("pipeline.steps.naming") / "atlas.npz") as path, np.load(path) as stored:
        points = stored["points"] / 10.0
        normals = stored["normals"] / 127.0
        bone = stored["bone"].astype(np.intp)
        names = tuple(str(name) for name in stored["names"])
        left = stored["left_head_mm"].astype(np.float64)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    heads = {"femur_left": left, "femur_right": left * np.array([-1.0, 1.0, 1.0])}
    return Atlas(points, normals, bone, names, heads)
