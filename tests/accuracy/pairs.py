"""Pairs of small phantom scans whose lesions have known fates, moved and grown between the dates."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.domain.geometry import Float3, RigidTransform
from pipeline.domain.scan import Acquisition, Scan
from pipeline.phantoms import PhantomCase, PhantomLesion, PhantomScan, build
from pipeline.phantoms.anatomy import Anatomy, build_anatomy
from pipeline.phantoms.lesions import oblique_ellipsoid
from pipeline.phantoms.muscles import left_muscles
from pipeline.phantoms.patient import Patient, Posture
from pipeline.phantoms.scanner import Scanner
from pipeline.phantoms.shapes import Shape, distance_at
from pipeline.steps.naming.atlas import FEMORA, Points, load_atlas

Fate = Literal["resolved", "decreased", "stable", "increased", "new", "split", "merged"]
FATES: tuple[Fate, ...] = ("resolved", "decreased", "stable", "increased", "new", "split", "merged")
SHRUNK, GROWN = (0.3, 0.7), (1.4, 3.0)
"""Share of the volume that is left, and that it grows to."""
PART_SHARE = 0.35
"""Volume of each part of a lesion that splits."""
VOLUMES_MM3 = (300.0, 4000.0)
APART_MM = 16.0
OFF_BONE_MM, UNDER_SKIN_MM = 3.0, 8.0
ROOM_MM = ((-125.0, -70.0, -95.0), (125.0, 95.0, 60.0))
"""Corners of the box that lesions lie in, in body coordinates."""
SIZE_MM = (200.0, 245.0, 340.0)  #: of a scan, k, j, i
PIXEL_MM = 1.6
TURN_DEG = 7.5
"""Of a femur, either way: up to 15 degrees between the dates."""
TRIES = 4000


@dataclass(frozen=True)
class KnownFate:
    """What becomes of the calcium at one place."""

    fate: Fate
    before: tuple[Shape, ...]
    after: tuple[Shape, ...]
    centre_mm: Float3  #: body coordinates


@dataclass(frozen=True, eq=False)
class Pair:
    """Two scans and what became of each lesion."""

    cases: tuple[PhantomCase, PhantomCase]
    fates: tuple[KnownFate, ...]


def make_pair(seed: int, *, changing: bool = True) -> Pair:
    """A random pair; without change all lesions are stable and the patient has not grown."""
    rng = np.random.default_rng([seed, 6])
    patient = Patient(
        scale=float(rng.uniform(0.85, 1.05)),
        growth_plates_open=bool(rng.random() < 0.5),
        femur_rotation_deg=_pair_of(rng.uniform(-TURN_DEG, TURN_DEG, 2)),
        seed=seed,
    )
    growth = float(rng.uniform(1.0, 1.03)) if changing else 1.0
    later = replace(
        patient,
        scale=patient.scale * growth,
        femur_rotation_deg=_pair_of(rng.uniform(-TURN_DEG, TURN_DEG, 2)),
    )
    slice_mm = float(rng.choice([1.5, 2.0, 3.0]))
    other_mm = float(rng.choice([1.5, 2.0, 3.0])) if changing and rng.random() < 1 / 3 else slice_mm
    fates = _draw_fates(rng, [build_anatomy(one) for one in (patient, later)], growth, changing=changing)
    posture = Posture(_triple(rng.normal(size=3)), float(rng.uniform(0, 6)), _triple(rng.uniform(-15, 15, 3)))
    return Pair(
        (
            _case(patient, Posture(), slice_mm, [one.before for one in fates], 2 * seed),
            _case(later, posture, other_mm, [one.after for one in fates], 2 * seed + 1),
        ),
        fates,
    )


def _pair_of(values: Points) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _triple(values: Points) -> Float3:
    return float(values[0]), float(values[1]), float(values[2])


def _case(
    patient: Patient, posture: Posture, slice_mm: float, shapes: list[tuple[Shape, ...]], seed: int
) -> PhantomCase:
    lesions = [
        PhantomLesion(f"lesion {n}", "left", "muscle", "nodular", 650.0, shape)
        for n, shape in enumerate((one for some in shapes for one in some), start=1)
    ]
    x, y, z = posture.shift_mm
    scanner = Scanner(
        spacing_mm=(slice_mm, PIXEL_MM, PIXEL_MM),
        matrix=(round(SIZE_MM[0] / slice_mm), round(SIZE_MM[1] / PIXEL_MM), round(SIZE_MM[2] / PIXEL_MM)),
        slice_thickness_mm=slice_mm,
        centre_lps_mm=(x, y + 16.0 * patient.scale, z - 18.0 * patient.scale),
        table=None,
        seed=seed,
    )
    date = dt.date(2019, 4, 11) + dt.timedelta(days=330 * (seed % 2))
    return PhantomCase(patient, posture, scanner, tuple(lesions), date)


def _draw_fates(
    rng: np.random.Generator, anatomies: list[Anatomy], growth: float, *, changing: bool
) -> tuple[KnownFate, ...]:
    """Lesions apart from each other and off the bones on both dates; they do not grow with the patient."""
    drawn: list[KnownFate] = []
    places: list[tuple[Points, float]] = []
    wanted = int(rng.integers(3, 6))
    for _ in range(TRIES):
        if len(drawn) == wanted:
            break
        fate: Fate = FATES[rng.integers(len(FATES))] if changing else "stable"
        volume_mm3 = float(np.exp(rng.uniform(*np.log(VOLUMES_MM3))))
        centre = rng.uniform(*ROOM_MM)
        one, reach_mm = _known_fate(rng, fate, volume_mm3, growth, centre)
        if all(_is_free(centre, reach_mm, places, anatomy) for anatomy in anatomies):
            drawn.append(one)
            places.append((centre, reach_mm))
    return tuple(drawn)


@cache
def _muscles() -> tuple[Shape, ...]:
    """Of the left side."""
    return tuple(left_muscles().values())


def _is_free(centre: Points, reach_mm: float, places: list[tuple[Points, float]], anatomy: Anatomy) -> bool:
    """Whether a place is in a muscle, off the bones and apart from other lesions."""
    folded = centre * [np.sign(centre[0]) or 1.0, 1.0, 1.0]
    if min(distance_at(shape, folded[None])[0] for shape in _muscles()) > 0:
        return False
    if any(np.linalg.norm(centre - other) < reach_mm + reach + APART_MM for other, reach in places):
        return False
    point = centre[None]
    if distance_at(anatomy.body, point)[0] > -(reach_mm + UNDER_SKIN_MM):
        return False
    bones = [bone.shape for bone in anatomy.skeleton.bones]
    return all(distance_at(shape, point)[0] > reach_mm + OFF_BONE_MM for shape in bones)


def _known_fate(
    rng: np.random.Generator, fate: Fate, volume_mm3: float, growth: float, centre: Points
) -> tuple[KnownFate, float]:
    """The shapes of a lesion on both dates, and how far it reaches from its middle."""
    stretch = float(rng.uniform(1.0, 1.8))
    turn_deg = float(rng.uniform(0, 180))
    middle = _triple(centre)

    def lump(share: float) -> Shape:
        short = float(np.cbrt(3 * volume_mm3 * share / (4 * np.pi * stretch)))
        return oblique_ellipsoid(middle, (short * stretch, short, short), turn_deg=turn_deg)

    reach_mm = float(np.cbrt(3 * volume_mm3 * GROWN[1] / (4 * np.pi * stretch))) * stretch
    if fate in ("split", "merged"):
        whole, parts, reach_mm = _parted(rng, volume_mm3, centre)
        shapes = ((whole,), parts) if fate == "split" else (parts, (whole,))
        return KnownFate(fate, *shapes, middle), reach_mm
    after = {
        "resolved": None,
        "stable": 1.0,
        "new": 1.0,
        "decreased": float(rng.uniform(*SHRUNK)),
        "increased": float(rng.uniform(*GROWN)),
    }[fate]
    before = () if fate == "new" else (lump(1.0),)
    return KnownFate(fate, before, () if after is None else (lump(after / growth**3),), middle), reach_mm


def _parted(
    rng: np.random.Generator, volume_mm3: float, centre: Points
) -> tuple[Shape, tuple[Shape, Shape], float]:
    """A long lesion, and two balls at its ends that are left of it."""
    radius = float(np.cbrt(3 * volume_mm3 * PART_SHARE / (4 * np.pi)))
    apart = radius + 3.0
    half = apart + radius
    short = float(np.sqrt(3 * volume_mm3 / (4 * np.pi * half)))
    turn_deg = float(rng.uniform(0, 180))
    along = Rotation.from_euler("z", turn_deg, degrees=True).apply([1.0, 0.0, 0.0])
    whole = oblique_ellipsoid(_triple(centre), (half, short, short), turn_deg=turn_deg)
    first, second = (
        oblique_ellipsoid(_triple(centre + sign * apart * along), (radius, radius, radius))
        for sign in (-1, 1)
    )
    return whole, (first, second), half


def scan_of(made: PhantomScan) -> Scan:
    """What the reader would give for a phantom scan."""
    how = Acquisition(
        kvp=made.kvp,
        kernel=made.kernel,
        slice_thickness_mm=made.slice_thickness_mm,
        study_date=made.date,
    )
    return Scan(volume=made.volume, acquisition=how)


def build_pair(pair: Pair) -> tuple[PhantomScan, PhantomScan]:
    """Both scans."""
    first, later = (build(case) for case in pair.cases)
    return first, later


def bone_points(pair: Pair) -> dict[str, tuple[Points, Points]]:
    """For each bone of the atlas points (n, 3) as they lie in the first scan and in the later one, LPS mm."""
    atlas = load_atlas()
    found = {}
    for name in atlas.names:
        own = atlas.points[atlas.of(name)]
        found[name] = tuple(_in_scanner(own, name, case) for case in pair.cases)
    return found  # type: ignore[return-value]


def _in_scanner(points: Points, bone: str, case: PhantomCase) -> Points:
    placed: RigidTransform = case.posture.body_to_scanner(case.patient.scale)
    if bone not in FEMORA:
        return placed.apply(points)
    outward = case.patient.femur_rotation_deg[bone == "femur_left"]
    angle_deg = outward if bone == "femur_left" else -outward
    head = load_atlas().heads_mm[bone]
    turned = Rotation.from_euler("z", angle_deg, degrees=True).apply(points - head) + head
    return placed.apply(np.asarray(turned))
