"""A drawn pelvis for rules about place: a ring of bone in a body, with fat or muscle within."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.domain.scan import Acquisition
from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import Surroundings, find_air, look_around
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.skeleton import Skeleton
from tests.builders import (
    AIR_HU,
    CORTEX_HU,
    FAT_HU,
    MUSCLE_HU,
    Values,
    boxed,
    centred_grid,
    coordinates_mm,
    cylinder,
    paint,
)

GRID = centred_grid((30, 150, 190), (2.0, 1.0, 1.0))
RING_MM = 55.0
"""Inner radius of the ring."""


def pelvis_hu(*, inside_hu: float = FAT_HU) -> Values:
    """A ring of bone 4 mm thick with 12 mm of muscle on its inside, in a body of fat."""
    hu = paint(np.full(GRID.shape, AIR_HU), cylinder(GRID, 0, 0, 72.0), FAT_HU)
    hu = paint(hu, cylinder(GRID, 0, 0, RING_MM + 4), CORTEX_HU)
    hu = paint(hu, cylinder(GRID, 0, 0, RING_MM), MUSCLE_HU)
    return paint(hu, cylinder(GRID, 0, 0, RING_MM - 12), inside_hu)


def thigh_hu() -> Values:
    """A shaft of bone in muscle with a layer of fat."""
    hu = paint(np.full(GRID.shape, AIR_HU), cylinder(GRID, 0, 0, 72.0), FAT_HU)
    hu = paint(hu, cylinder(GRID, 0, 0, 62.0), MUSCLE_HU)
    return paint(hu, cylinder(GRID, 0, -20, 10.0), CORTEX_HU)


def ring_atlas() -> Pelvis:
    """The ring of `pelvis_hu` as an atlas: the right half one hip bone, the left half the other."""
    angle = np.arange(-177.0, 180.0, 6.0)
    z = np.arange(-15.0, 16.0, 5.0)
    turn, level = (grid.ravel() for grid in np.meshgrid(np.radians(angle), z))
    inwards = np.stack([-np.cos(turn), -np.sin(turn), np.zeros_like(turn)], axis=1)
    points = np.stack([RING_MM * np.cos(turn), RING_MM * np.sin(turn), level], axis=1)
    names = ("hip_bone_right", "hip_bone_left", "femur_right")
    below = np.array([[0.0, 0.0, -300.0]])  # a femur far away
    atlas = Atlas(
        np.concatenate([points, below]),
        np.concatenate([inwards, below / 300.0]),
        np.append((points[:, 0] > 0).astype(np.intp), 2),
        names,
        {},
    )
    return Pelvis(AtlasFit(atlas, atlas.points, atlas.normals, 1.0))


@dataclass(frozen=True, eq=False)
class OnePlace(ReferenceFrame):
    """Carries every place of a scan to one place of the reference patient."""

    place_mm: Float3

    def to_reference(self, places_lps_mm: Points) -> Points:
        return np.tile(np.asarray(self.place_mm, dtype=np.float64), (len(places_lps_mm), 1))


IN_PSOAS: Float3 = (45.0, 8.0, 98.0)
"""A place of the reference patient, 17 mm deep."""


def in_muscle(pelvis: Pelvis) -> Pelvis:
    """The same pelvis, with every place deep within a muscle that lines it."""
    return replace(pelvis, frame=OnePlace(pelvis.fit, IN_PSOAS))


def rod(start_mm: Float3, end_mm: Float3, radius_mm: float, geometry: Geometry = GRID) -> Values:
    """Signed distance to a straight rod with round ends."""
    points = np.stack(np.broadcast_arrays(*coordinates_mm(geometry)), axis=-1)
    a, b = np.asarray(start_mm), np.asarray(end_mm)
    along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.asarray(np.linalg.norm(points - (a + along[..., None] * (b - a)), axis=-1) - radius_mm)


def surroundings(
    hu: Values, *, age_years: float | None = None, sex: str | None = None, geometry: Geometry = GRID
) -> tuple[Surroundings, Skeleton]:
    """The scene as the rules see it; bone is what is as dense as cortex."""
    rounded = np.rint(hu).astype(np.int16)
    body = np.broadcast_to(cylinder(geometry, 0, 0, 72.0) < 0, geometry.shape).copy()
    values = (rounded > 900).astype(np.uint8)
    nothing = np.zeros(geometry.shape, dtype=bool)
    skeleton = Skeleton(LabelMap(values, geometry, {1: "other_bone"}), nothing, nothing)
    acquisition = Acquisition(age_years=age_years, sex=sex)  # type: ignore[arg-type]
    volume, patient = CTVolume(rounded, geometry), Mask(body, geometry)
    return look_around(volume, patient, skeleton, find_air(volume, patient), acquisition), skeleton


def candidate(shape: Values, hu: Values, geometry: Geometry = GRID) -> Candidate:
    """What of a drawn shape is bright."""
    voxels: NDArray[np.bool_] = (shape < 0.8) & (hu > 180)
    mask: BoxedMask = boxed(voxels, geometry)
    return Candidate(mask, 180.0, 1, float(hu[voxels].max()))
