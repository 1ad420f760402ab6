"""How right volumes are: inserts of known volume, found and measured as lesions are.

What is bright is found by the analysis' own steps (body, threshold, noise, candidates), without the
search for bones, since an insert in a round body has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from pipeline.config import Settings
from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Interval
from pipeline.domain.scan import Scan
from pipeline.steps.body import segment_body
from pipeline.steps.candidates import find_bright, gather_candidates
from pipeline.steps.noise import local_noise
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.smooth import smooth_volume
from pipeline.steps.threshold import choose_threshold
from pipeline.steps.volumes.edge import estimate_blur
from pipeline.steps.volumes.limits import burden_interval
from pipeline.steps.volumes.measure import Scene, measure_volumes
from tests.accuracy.inserts import (
    KINDS,
    Insert,
    Placed,
    Scanner,
    Texture,
    about_z,
    random_insert,
    random_rotation,
    rod,
    scan,
)

SETTINGS = Settings()
NEAR_MM = 4.0
"""What lies further from the middle than the insert and this is not the insert."""
HA_HU_PER_MG_CM3 = 1.28
"""Of hydroxyapatite in water at 120 kVp: 200 mg/cm³ read 256 HU."""
CYLINDERS = ((5.0, 5.0), (3.0, 3.0))
"""Diameter and length: 98.2 and 21.2 mm³, those of the usual calcium phantom."""
DENSITIES_MG_CM3 = (200.0, 400.0, 800.0)


@dataclass(frozen=True)
class Measured:
    """What was made of one insert."""

    kind: str
    truth_mm3: float
    slice_mm: float
    found: Interval | None  #: None if nothing was found
    counted_mm3: float  #: voxels of the outline
    fixed_mm3: float  #: voxels from 130 HU on
    noise_hu: float
    hu: float
    least_mm: float

    @property
    def error(self) -> float:
        """Share by which it is too large; nothing found is all of it missing."""
        return -1.0 if self.found is None else self.found.value / self.truth_mm3 - 1

    @property
    def held(self) -> bool:
        """Whether the limits hold the truth."""
        return self.found is not None and holds(self.found, self.truth_mm3)

    @property
    def half_width(self) -> float:
        """Half of the distance between the limits, as a share of the volume."""
        if self.found is None or self.found.lower is None or self.found.upper is None:
            return float("nan")
        return (self.found.upper - self.found.lower) / 2 / self.found.value


def holds(interval: Interval, value: float) -> bool:
    """Whether a value lies between the limits."""
    return (
        interval.lower is not None
        and interval.upper is not None
        and interval.lower <= value <= interval.upper
    )


def outlines(one: Scan) -> tuple[tuple[BoxedMask, ...], float, Threshold]:
    """What is bright in a scan without bones, its noise, and the threshold."""
    body = segment_body(one.volume, SETTINGS.body)
    smooth = smooth_volume(one.volume, sigma_mm=SETTINGS.candidates.smoothing_mm)
    geometry = one.volume.geometry
    empty = np.zeros(geometry.shape, dtype=bool)
    labels = LabelMap(np.zeros(geometry.shape, np.uint8), geometry, {1: "other_bone"})
    skeleton = Skeleton(labels, empty, empty)
    local = local_noise(smooth, body, one.acquisition.slice_thickness_mm)
    threshold = choose_threshold(one.acquisition, SETTINGS.candidates)
    bright = find_bright(smooth, body, skeleton, local, threshold, SETTINGS.candidates)
    candidates, _ = gather_candidates(smooth, bright, threshold, SETTINGS.candidates)
    return tuple(found.mask for found in candidates), local.median_hu or 0.0, threshold


def measure(one: Scan, *, reach_mm: float) -> tuple[Interval | None, float]:
    """Volume with limits of what is bright around the middle, and its counted volume."""
    masks, noise_hu, _ = outlines(one)
    body = segment_body(one.volume, SETTINGS.body)
    near = tuple(mask for mask in masks if _distance_mm(mask) < reach_mm + NEAR_MM)
    if not near:
        return None, 0.0
    blur = estimate_blur(one.volume, body, one.acquisition.slice_thickness_mm, SETTINGS.volumes)
    found = measure_volumes(Scene(one.volume, None, near, blur, noise_hu), SETTINGS.volumes)
    return burden_interval(found), sum(mask.volume_mm3 for mask in near)


def _distance_mm(mask: BoxedMask) -> float:
    """From the origin to the nearest voxel."""
    return float(np.linalg.norm(mask.points_lps_mm(), axis=1).min())


def measure_placed(placed: Placed, scanner: Scanner, seed: int) -> Measured:
    """Scan an insert and measure it."""
    one = scan(placed, scanner, seed=seed)
    found, counted = measure(one, reach_mm=placed.insert.reach_mm)
    return Measured(
        kind=placed.insert.kind,
        truth_mm3=placed.insert.volume_mm3,
        slice_mm=scanner.slice_mm,
        found=found,
        counted_mm3=counted,
        fixed_mm3=_above_mm3(one, 130.0, placed.insert.reach_mm),
        noise_hu=scanner.noise_hu,
        hu=placed.hu,
        least_mm=placed.insert.least_mm,
    )


def _above_mm3(one: Scan, level_hu: float, reach_mm: float) -> float:
    """Connected voxels from a level on that touch the insert's surroundings."""
    labels, _ = ndimage.label(one.volume.hu >= level_hu, np.ones((3, 3, 3)))
    index = np.argwhere(labels > 0)
    points = one.volume.geometry.to_lps_mm(index)
    near = np.unique(labels[tuple(index[np.linalg.norm(points, axis=1) < reach_mm + 1].T)])
    return float(np.isin(labels, near[near > 0]).sum() * one.volume.geometry.voxel_volume_mm3)


def random_case(seed: int, slice_mm: float | None = None) -> tuple[Placed, Scanner]:
    """An insert and a scanner by lot, kinds in turn."""
    rng = np.random.default_rng([seed, 77])
    volume = float(np.exp(rng.uniform(np.log(20), np.log(20_000))))
    insert = random_insert(rng, KINDS[seed % len(KINDS)], volume)
    slice_mm = float(rng.choice([0.6, 1, 1.5, 2, 2.5, 3, 4, 5])) if slice_mm is None else slice_mm
    scanner = Scanner(
        slice_mm=slice_mm,
        pixel_mm=float(rng.uniform(0.5, 0.95)),
        thickness_mm=slice_mm * (1.25 if rng.random() < 0.2 else 1.0),
        blur_mm=float(rng.uniform(0.4, 0.9)),
        noise_hu=float(rng.uniform(5, 30)),
        grain_mm=float(rng.uniform(0.4, 0.9)),
    )
    k, j, i = rng.uniform(-0.5, 0.5, 3)
    placed = Placed(
        insert,
        hu=float(np.exp(rng.uniform(np.log(200), np.log(1500)))),
        tissue_hu=float(rng.choice([-100.0, 0.0, 50.0, 60.0, 100.0])),
        rotation=random_rotation(rng),
        shift_voxels=(float(k), float(j), float(i)),
    )
    return placed, scanner


def cylinder_case(diameter_mm: float, length_mm: float, mg_cm3: float, seed: int) -> tuple[Placed, Scanner]:
    """A cylinder of hydroxyapatite upright in slices of 3 mm, at a position by lot."""
    rng = np.random.default_rng([seed, 5])
    scanner = Scanner(3.0, 0.7, 3.0, blur_mm=float(rng.uniform(0.5, 0.75)), noise_hu=15.0)
    k, j, i = rng.uniform(-0.5, 0.5, 3)
    tissue = 40.0
    insert: Insert = rod(diameter_mm, length_mm)
    hu = tissue + HA_HU_PER_MG_CM3 * mg_cm3
    return Placed(insert, hu, tissue, np.eye(3), (float(k), float(j), float(i))), scanner


def repeated(seed: int, change: str) -> tuple[Interval | None, Interval | None]:
    """The volume of one insert, and of the same after a change of the picture or of its pose."""
    placed, scanner = random_case(seed)
    one = scan(placed, scanner, seed=seed)
    if change == "half a voxel":
        k, j, i = placed.shift_voxels
        other = scan(replace(placed, shift_voxels=(k + 0.5, j + 0.5, i + 0.5)), scanner, seed=seed + 1)
    elif change == "10 degrees":
        turned = about_z(10.0) @ placed.rotation
        other = scan(replace(placed, rotation=turned), scanner, seed=seed + 1)
    else:
        other = resampled(one, 1.2)
    reach = placed.insert.reach_mm
    return measure(one, reach_mm=reach)[0], measure(other, reach_mm=reach + 2)[0]


def resampled(one: Scan, factor: float) -> Scan:
    """The same picture on pixels larger by a factor, by cubic splines."""
    volume, geometry = one.volume, one.volume.geometry
    k, j, i = geometry.spacing_mm
    hu = ndimage.zoom(
        volume.hu.astype(np.float32), (1, 1 / factor, 1 / factor), order=3, grid_mode=True, mode="nearest"
    )
    x, y, z = geometry.affine[:3, 3]
    rows, columns = (
        n * step / m for n, step, m in zip(volume.hu.shape[1:], (j, i), hu.shape[1:], strict=True)
    )
    grid = Geometry.from_spacing(
        hu.shape, spacing_mm=(k, rows, columns),
        origin_lps_mm=(float(x - i / 2 + columns / 2), float(y - j / 2 + rows / 2), float(z)),
    )  # fmt: skip
    return replace(one, volume=CTVolume(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), grid))


def hard_case(kind: str, seed: int) -> tuple[Placed, Scanner]:
    """An insert or a scanner that the limits were not fitted for, by lot."""
    rng = np.random.default_rng([seed, 9])
    placed, scanner = random_case(10_000 + seed, slice_mm=float(rng.choice([1.0, 2.0, 3.0])))
    volume = float(np.exp(rng.uniform(np.log(100), np.log(5000))))
    placed = replace(
        placed,
        insert=random_insert(rng, KINDS[seed % len(KINDS)], volume),
        hu=float(rng.uniform(450, 1300)),
        texture=TEXTURES.get(kind, lambda _: None)(rng),
    )
    overshoot = {"sharp kernel": 0.3, "very sharp kernel": 0.6}.get(kind, 0.0)
    profile = "bell" if kind == "bell-shaped slices" else "box"
    return placed, replace(scanner, overshoot=overshoot, thickness_mm=scanner.slice_mm, profile=profile)


def _waves(rng: np.random.Generator) -> Texture:
    """Smooth bumps of 3 to 10 mm, with a spread of a quarter."""
    directions = rng.normal(size=(10, 3))
    directions *= (2 * np.pi / rng.uniform(3, 10, 10) / np.linalg.norm(directions, axis=1))[:, None]
    phases = rng.uniform(0, 2 * np.pi, 10)
    return lambda p: np.clip(
        1 + 0.25 * np.sqrt(0.2) * np.sin(directions @ p + phases[:, None]).sum(0), 0.2, 3
    )


TEXTURES = {
    "uneven inside": _waves,
    "half as dense": lambda _: lambda p: np.where(p[0] > 0, 4 / 3, 2 / 3),
}
