"""Small bodies of known content: muscle in fat in air, tubes of bone, balls of calcium.

Shapes are signed distances in mm, negative inside, on the voxels of a grid; `paint` gives them a HU
and the blurred border a scanner would give them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtr

from pipeline.domain.change import CommonThreshold, Track, TrackKind
from pipeline.domain.geometry import Float3, Geometry, Index3
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Density, Interval, Lesion, Site, Status
from pipeline.domain.scan import Acquisition, Scan
from pipeline.steps.grid import bounding_box
from pipeline.steps.size import measure_size

Values = NDArray[np.float64]

AIR_HU, FAT_HU, MUSCLE_HU, MARROW_HU, CORTEX_HU = -1000.0, -100.0, 60.0, 0.0, 1200.0
BLUR_MM = 0.6
"""Gaussian sigma of a soft-tissue kernel: 1.4 mm full width at half maximum."""


def centred_grid(shape: Index3, spacing_mm: Float3 = (2.0, 1.0, 1.0)) -> Geometry:
    """An axial grid around the origin."""
    k, j, i = (-(n - 1) / 2 * step for n, step in zip(shape, spacing_mm, strict=True))
    return Geometry.from_spacing(shape, spacing_mm=spacing_mm, origin_lps_mm=(i, j, k))


def coordinates_mm(geometry: Geometry) -> tuple[Values, Values, Values]:
    """The x, y and z of an axial grid's voxel centres, each to be broadcast over [k, j, i]."""
    x0, y0, z0 = geometry.affine[:3, 3]
    k, j, i = (step * np.arange(n) for step, n in zip(geometry.spacing_mm, geometry.shape, strict=True))
    return (x0 + i)[None, None, :], (y0 + j)[None, :, None], (z0 + k)[:, None, None]


def ball(geometry: Geometry, centre_lps_mm: Float3, radius_mm: float) -> Values:
    x, y, z = coordinates_mm(geometry)
    a, b, c = centre_lps_mm
    return np.asarray(np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - radius_mm)


def ellipsoid(geometry: Geometry, centre_lps_mm: Float3, radii_mm: Float3) -> NDArray[np.bool_]:
    x, y, z = coordinates_mm(geometry)
    offsets = (x - centre_lps_mm[0], y - centre_lps_mm[1], z - centre_lps_mm[2])
    return np.asarray(sum((o / r) ** 2 for o, r in zip(offsets, radii_mm, strict=True)) <= 1)


def cylinder(geometry: Geometry, x_mm: float, y_mm: float, radius_mm: float) -> Values:
    """Along z, through the whole grid."""
    x, y, z = coordinates_mm(geometry)
    return np.asarray(np.hypot(x - x_mm, y - y_mm) - radius_mm + 0 * z)


def paint(hu: Values, distance_mm: Values, value_hu: float, *, blur_mm: float = BLUR_MM) -> Values:
    """The picture with a shape laid over it, its border blurred as that of a plane would be."""
    share = ndtr(-distance_mm / blur_mm)
    return np.asarray(hu * (1 - share) + value_hu * share)


def blurred_ball(distance_mm: Values, radius_mm: float, sigma_mm: float) -> Values:
    """A ball of height 1 after Gaussian blur, in closed form, by the signed distance to its surface."""
    r = np.maximum(distance_mm + radius_mm, 1e-6)
    root = np.sqrt(2) * sigma_mm
    inside = (erf((radius_mm + r) / root) + erf((radius_mm - r) / root)) / 2
    tail = np.exp(-(((radius_mm - r) / root) ** 2)) - np.exp(-(((radius_mm + r) / root) ** 2))
    return np.asarray(inside - sigma_mm / (r * np.sqrt(2 * np.pi)) * tail)


def body_hu(geometry: Geometry, *, fat_mm: float = 4.0) -> Values:
    """A cylinder of muscle in a layer of fat in air, as wide as the grid less 4 mm on each side."""
    width_mm = np.multiply(geometry.shape, geometry.spacing_mm)[1:].min()
    radius = width_mm / 2 - 4
    hu = paint(np.full(geometry.shape, AIR_HU), cylinder(geometry, 0, 0, radius), FAT_HU)
    return paint(hu, cylinder(geometry, 0, 0, radius - fat_mm), MUSCLE_HU)


def add_bone(hu: Values, geometry: Geometry, x_mm: float, y_mm: float) -> Values:
    """A shaft of 9 mm along z: a cortex of 3 mm around marrow."""
    return _hollow(hu, cylinder(geometry, x_mm, y_mm, 9.0))


def _hollow(hu: Values, bone: Values) -> Values:
    return paint(paint(hu, bone, CORTEX_HU), bone + 3, MARROW_HU)


def _bar(geometry: Geometry, half_width_mm: float, z_mm: float) -> Values:
    """Of 8 mm, along x, through the middle."""
    x, y, z = coordinates_mm(geometry)
    return np.asarray(np.maximum(np.hypot(y, z - z_mm) - 8.0, np.abs(x) - half_width_mm))


def add_noise(hu: Values, sd_hu: float, *, seed: int = 0) -> Values:
    """White noise."""
    return np.asarray(hu + np.random.default_rng(seed).normal(0, sd_hu, hu.shape))


def ct(hu: Values, geometry: Geometry) -> CTVolume:
    return CTVolume(np.rint(hu).astype(np.int16), geometry)


def a_scan(hu: Values, geometry: Geometry, *, date: dt.date | None = None, kvp: float | None = 120.0) -> Scan:
    acquisition = Acquisition(
        patient_key="p", study_date=date, sex="F", kvp=kvp, slice_thickness_mm=geometry.spacing_mm[0]
    )
    return Scan(ct(hu, geometry), acquisition)


def pelvis_of_two_shafts(
    lesions: dict[Float3, float], *, shape: Index3 = (24, 88, 112), sd_hu: float = 6.0, seed: int = 0
) -> tuple[Values, Geometry]:
    """Muscle in fat, two shafts at x = ±24 with a bar between, and balls of calcium: centre → radius.

    Without the bar at z = -12 the shafts would fit each other anywhere along themselves.
    """
    geometry = centred_grid(shape)
    hu = body_hu(geometry)
    shafts = np.minimum(cylinder(geometry, -24.0, 0.0, 9.0), cylinder(geometry, 24.0, 0.0, 9.0))
    hu = _hollow(hu, np.minimum(shafts, _bar(geometry, 24.0, -12.0)))
    for centre, radius in lesions.items():
        hu = paint(hu, ball(geometry, centre, radius), 600.0)
    return add_noise(hu, sd_hu, seed=seed), geometry


def boxed(voxels: NDArray[np.bool_], geometry: Geometry) -> BoxedMask:
    """The set voxels of a whole grid, in their smallest box."""
    box = bounding_box(voxels)
    if box is None:
        raise ValueError("nothing is set")
    return BoxedMask(voxels[box], box, geometry)


def whole(geometry: Geometry) -> Mask:
    """Everything is body."""
    return Mask(np.ones(geometry.shape, dtype=bool), geometry)


def no_bone(geometry: Geometry) -> LabelMap:
    return LabelMap(np.zeros(geometry.shape, np.uint8), geometry, {1: "other_bone"})


def a_lesion(
    number: int, voxels: NDArray[np.bool_], geometry: Geometry, *, status: Status = "definite"
) -> Lesion:
    mask = boxed(voxels, geometry)
    return Lesion(
        id=number,
        tracking_uid=f"2.25.{number}",
        mask=mask,
        status=status,
        why_indeterminate=None if status == "definite" else "cut by the edge of the scan",
        fragment_count=1,
        edge_hu=180.0,
        size=measure_size(mask),
        density=Density(400.0, 50.0, 480.0, 500.0),
        site=Site(),
        bone_contact=False,
        touches_edge=mask.touches_edge,
    )


SAME_THRESHOLD = CommonThreshold((220.0, 220.0), (180.0, 180.0), True, "the same threshold on all dates")


@dataclass(frozen=True)
class Seen:
    """What a track shows on one date."""

    ids: tuple[int, ...] = ()
    evaluable: bool = True
    definite: bool = True


def a_track(*dates: Seen, kind: TrackKind = "stable") -> Track:
    return Track(
        track_id=1,
        tracking_uid="2.25.1",
        lesion_ids=tuple(one.ids for one in dates),
        position_lps_mm=tuple((0.0, 0.0, 0.0) for _ in dates),
        evaluable=tuple(one.evaluable for one in dates),
        detection_limit_mm3=tuple(5.0 for _ in dates),
        volume_mm3=tuple(Interval(0.0) for _ in dates),
        kind=kind,
        steps=(),
        indeterminate_at=tuple(n for n, one in enumerate(dates) if one.ids and not one.definite),
    )
