"""In which layer of the body a lesion lies.

The layers are those that rheumatologists record (Hoeltzel et al. 2014, doi 10.1007/s11926-014-0467-y): skin,
the fat under it, fascia, muscle; and, for the pelvis, the capsules of joints and the pelvic cavity. What lies
around a lesion tells: fat, muscle, or both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Depth
from pipeline.steps.naming.atlas import Points
from pipeline.steps.sites.skin import Skin, some_of

SKIN_MM = 3.0
"""Half of the lesion within this of the surface is in the skin: with its dermis it is 1 to 3 mm thick."""
RING_MM = 4.0
"""How far from its voxels the surroundings of a lesion are looked at, beyond its blur."""
FAT_HU = (-200.0, -30.0)
MUSCLE_HU = (-30.0, 130.0)
IN_FAT = 0.65
"""With so much fat around it a lesion lies in fat,"""
IN_MUSCLE = 0.35
"""with less than this in muscle; between the two it lies on the border."""
THIN_FASCIA_MM = 4.0
"""So much that is as dense as muscle may lie between fat and skin: septa, veins, the skin itself."""
STEP_MM = 1.0
WAYS = 25
"""Ways from a lesion to the skin that are looked along."""
MOST_POINTS = 200
ALL_WAYS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if any(d)])
ROUND = RING_MM * ALL_WAYS / np.linalg.norm(ALL_WAYS, axis=1, keepdims=True)

LAYER_OF_REGION: dict[str, Depth] = {
    "pelvic_cavity": "intrapelvic",
    "hip_joint": "periarticular",
    "greater_trochanteric": "periarticular",
}


@dataclass(frozen=True, eq=False, slots=True)
class Tissue:
    """A scan with what is not tissue taken out."""

    volume: CTVolume
    skeleton: LabelMap
    skin: Skin

    def share_of_fat(self, mask: BoxedMask) -> float | None:
        """Of the fat and muscle around a lesion, how much is fat; None where there is neither."""
        points = some_of(mask.points_lps_mm(), MOST_POINTS)
        places = (points[:, None] + ROUND).reshape(-1, 3)
        hu = self._hu(places)
        fat, muscle = _between(hu, FAT_HU), _between(hu, MUSCLE_HU)
        muscle[muscle] = ~self.skin.is_within(places[muscle], SKIN_MM)
        total = np.count_nonzero(fat) + np.count_nonzero(muscle)
        return float(np.count_nonzero(fat) / total) if total else None

    def muscle_to_skin_mm(self, mask: BoxedMask) -> float:
        """How much muscle lies between a lesion and the skin, along the shortest ways."""
        points = some_of(mask.points_lps_mm(), MOST_POINTS)
        away, ends = self.skin.nearest(points)
        nearest = np.argsort(away, kind="stable")[:WAYS]
        lengths = [self._muscle_along(points[n], ends[n]) for n in nearest if np.isfinite(away[n])]
        return float(np.median(lengths)) if lengths else float("inf")

    def _muscle_along(self, start: Points, end: Points) -> float:
        length = float(np.linalg.norm(end - start))
        at = np.arange(0.0, max(length - SKIN_MM, 0.0), STEP_MM)
        if not len(at):
            return 0.0
        way = start + at[:, None] * (end - start) / length
        return STEP_MM * float(np.count_nonzero(_between(self._hu(way), MUSCLE_HU)))

    def _hu(self, places: Points) -> NDArray[np.float64]:
        """(n,): density at places; not a number off the grid and in bone."""
        geometry = self.volume.geometry
        index = np.rint(geometry.to_index(places)).astype(np.int64)
        inside = ((index >= 0) & (index < np.asarray(geometry.shape))).all(axis=1)
        at = tuple(index[inside].T)
        hu = np.full(len(places), np.nan)
        hu[inside] = np.where(self.skeleton.values[at] > 0, np.nan, self.volume.hu[at])
        return hu


def _between(hu: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((hu >= limits[0]) & (hu < limits[1]))


def layer_of(
    mask: BoxedMask, region: str | None, depths_mm: NDArray[np.float64] | None, tissue: Tissue
) -> Depth | None:
    """The layer that a lesion lies in; None where nothing around it tells.

    Parameters
    ----------
    depths_mm : ndarray or None
        Of its voxels under the skin.
    """
    if depths_mm is not None and float(np.median(depths_mm)) <= SKIN_MM:
        return "skin"
    if region in LAYER_OF_REGION:
        return LAYER_OF_REGION[region]
    fat = tissue.share_of_fat(mask)
    if fat is None:
        return None
    if fat >= IN_FAT and tissue.muscle_to_skin_mm(mask) <= THIN_FASCIA_MM:
        return "subcutaneous"
    return "muscular" if fat < IN_MUSCLE else "fascial"
