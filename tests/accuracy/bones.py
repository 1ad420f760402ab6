"""How well the skeleton agrees with the true one, bone by bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.image import LabelMap

SCORED = ("hip_bone_right", "hip_bone_left", "femur_right", "femur_left", "sacrum")
"""The bones whose mean is held against the goal."""


@dataclass(frozen=True)
class SkeletonScore:
    """Dice of the skeleton."""

    all_bone: float
    by_bone: dict[str, float | None]  #: of each true bone; None where the skeleton has no such name
    sides_swapped: tuple[str, ...]  #: bones that lie more on the other side's namesake

    @property
    def mean(self) -> float | None:
        """Over hip bones, femora and sacrum that are in view; None if the skeleton names none of them."""
        known = [self.by_bone[name] for name in SCORED if name in self.by_bone]
        if not known or all(value is None for value in known):
            return None
        return float(np.mean([value or 0.0 for value in known]))


def score_skeleton(
    truth: NDArray[np.uint8], skeleton: LabelMap, ignored: NDArray[np.bool_] | None = None
) -> SkeletonScore:
    """Compare a true bone map (values as in `BONES`) with a skeleton, without the ignored voxels."""
    table = _with_coccyx(_common_voxels(truth, skeleton, ignored))
    by_bone = {}
    for row, name in enumerate(BONES, start=1):
        if table[row].sum() and name != "other_bone":
            by_bone[name] = _dice(table, row, _column(name)) if name in skeleton else None
    overall = 2 * table[1:, 1:].sum() / max(1, table[1:].sum() + table[:, 1:].sum())
    return SkeletonScore(float(overall), by_bone, _swapped(table))


def _with_coccyx(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the true map has no coccyx of its own, it is a part of its sacrum: so it is in the skeleton."""
    coccyx, sacrum = _column("coccyx"), _column("sacrum")
    if not table[coccyx].any():
        table[:, sacrum] += table[:, coccyx]
        table[:, coccyx] = 0
    return table


def _column(name: str) -> int:
    return BONES.index(name) + 1


def _dice(table: NDArray[np.int64], row: int, column: int) -> float:
    return float(2 * table[row, column] / max(1, table[row].sum() + table[:, column].sum()))


def _common_voxels(
    truth: NDArray[np.uint8], skeleton: LabelMap, ignored: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Voxels of each true bone (rows) in each bone of the skeleton (columns); 0 is no bone."""
    size = len(BONES) + 1
    most = int(skeleton.values.max(initial=0))
    column = np.full(most + 1, BONES.index("other_bone") + 1)
    column[0] = 0
    for value, name in skeleton.names.items():
        if name in BONES and 0 < value <= most:
            column[value] = _column(name)
    table = np.zeros(size * size, dtype=np.int64)
    for k, plane in enumerate(truth):
        pairs = plane.astype(np.intp) * size + column[skeleton.values[k]]
        kept = pairs.ravel() if ignored is None else pairs[~ignored[k]]
        table += np.bincount(kept, minlength=size * size)
    return table.reshape(size, size)


def _swapped(table: NDArray[np.int64]) -> tuple[str, ...]:
    """Bones of the skeleton that have more in common with their namesake of the other side."""
    out = []
    for name in SCORED[:4]:
        other = name.replace("right", "*").replace("left", "right").replace("*", "left")
        column = table[:, _column(name)]
        if column[_column(other)] > column[_column(name)]:
            out.append(name)
    return tuple(out)
