"""Pairs painted from hand-drawn anatomies, every bone moved by itself: where all has truly gone is known.

Labels are moved, not pictures: each bone by its own turn, shift and growth, the flesh between them by a blend
of these, and both dates are painted and scanned afresh. So no interpolation of a picture is under test.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition, Scan
from pipeline.steps.naming.atlas import Points
from tests.accuracy.sets import DATA, TOOL

BONES = {"hip_bone": 1, "femur": 2}
MIDDLE = "sacrum"
MIDDLE_LABELS = (3, 4)
"""Sacrum and lumbar spine: they are moved as one."""
LABEL_MM = 0.8
"""Grid that labels are moved on."""
FLESH_MM = 3.0
"""Beside two bones no further than this flesh goes with both."""
COARSE_MM = 3.0
"""Grid on which the way of flesh is worked out."""
NOISE_HU = 15.0
SAMPLED = 300


@dataclass(frozen=True)
class MovedSet:
    """One pair."""

    name: str
    anatomy: str
    seed: int
    growth: float
    spacings_mm: tuple[Float3, Float3]
    scale: float = 0.9
    turn_deg: float = 15.0  #: of each femur about its head
    shift_mm: float = 30.0  #: of the trunk


SETS = (
    MovedSet("moved2", "002", 1, 1.03, ((2.0, 1.0, 1.0), (3.0, 1.1, 1.1))),
    MovedSet("moved5", "005", 2, 1.02, ((3.0, 1.0, 1.0), (1.5, 1.1, 1.1))),
)


@dataclass(frozen=True, eq=False)
class MovedPair:
    """Two scans, and points on bones and middles of lesions on both, LPS mm."""

    scans: tuple[Scan, Scan]
    bones: dict[str, tuple[Points, Points]]
    lesions: tuple[Points, Points]


@dataclass(frozen=True, eq=False)
class _Way:
    """Where something goes: ``y = matrix @ x + shift``, in mm along k, j, i."""

    matrix: Points
    shift_mm: Points

    def apply(self, places: Points) -> Points:
        return np.asarray(places @ self.matrix.T + self.shift_mm)

    def undo(self, places: Points) -> Points:
        return np.asarray((places - self.shift_mm) @ np.linalg.inv(self.matrix).T)


@dataclass(frozen=True, eq=False)
class _Body:
    """An anatomy on a fine grid, its bones, and where each goes."""

    labels: NDArray[np.uint8]
    outline: NDArray[np.bool_]
    bones: dict[str, NDArray[np.bool_]]
    distance_mm: dict[str, NDArray[np.float32]]
    ways: dict[str, _Way]

    def flesh_from(self, places: Points) -> Points:
        """Where flesh that lies at places of the later date was at first."""
        total, shares = np.zeros(places.shape), np.zeros(len(places))
        for name, way in self.ways.items():
            origin = way.undo(places)
            away = ndimage.map_coordinates(
                self.distance_mm[name], (origin / LABEL_MM).T, order=1, mode="nearest"
            )
            share = 1 / (away + FLESH_MM) ** 3
            total += share[:, None] * origin
            shares += share
        return np.asarray(total / shares[:, None])


@cache
def _tool() -> ModuleType:
    """The generator of painted scans, from the workplace beside the project."""
    spec = importlib.util.spec_from_file_location("semisynth", TOOL)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_moved(one: MovedSet, cache_folder: Path) -> MovedPair:
    """Read a pair from the cache, or paint it, which takes some minutes."""
    path = cache_folder / f"{one.name}.npz"
    if not path.is_file():
        cache_folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{path.name}")
        np.savez_compressed(part, **_paint(one))
        part.rename(path)
    with np.load(path) as stored:
        return _read({name: stored[name] for name in stored.files}, one)


def _read(arrays: dict[str, Any], one: MovedSet) -> MovedPair:
    first, later = (_scan(arrays[f"hu{n}"], one.spacings_mm[n]) for n in (0, 1))
    names = json.loads(str(arrays["names"]))
    bones = {name: (arrays[f"{name}0"], arrays[f"{name}1"]) for name in names}
    return MovedPair((first, later), bones, (arrays["lesions0"], arrays["lesions1"]))


def _scan(hu: NDArray[np.int16], spacing_mm: Float3) -> Scan:
    k, j, i = hu.shape
    volume = CTVolume(hu, Geometry.from_spacing((k, j, i), spacing_mm=spacing_mm, origin_lps_mm=(0, 0, 0)))
    return Scan(volume, Acquisition(kvp=120.0, slice_thickness_mm=spacing_mm[0]))


def _paint(one: MovedSet) -> dict[str, Any]:
    rng = np.random.default_rng(one.seed)
    body = _body(one, rng)
    fine = [np.array(spacing) / [_parts(spacing), 1, 1] for spacing in one.spacings_mm]
    size = np.array(body.labels.shape) * LABEL_MM
    start = np.asarray(body.ways["sacrum"].apply(size[None] / 2)[0] - size / 2)
    labels, outline, _ = _moved(body, fine[0], size, np.zeros(3), None)
    lesions = _tool().place_lesions(labels, fine[0], "seed", np.random.default_rng(one.seed + 1000))
    numbered = np.zeros(labels.shape, np.uint8)
    for n, lesion in enumerate(lesions, start=1):
        numbered[lesion["mask"]] = n
    later = _moved(body, fine[1], size * one.growth, start, (numbered, fine[0]))
    there = [dict(lesion, mask=later[2] == n) for n, lesion in enumerate(lesions, start=1)]
    arrays: dict[str, Any] = {
        "hu0": _photograph(labels, outline, lesions, fine[0], one.spacings_mm[0], rng),
        "hu1": _photograph(later[0], later[1], there, fine[1], one.spacings_mm[1], rng),
        "names": np.array(json.dumps(list(body.ways))),
    }
    for name, way in body.ways.items():
        points = rng.permutation(np.argwhere(body.bones[name]))[:SAMPLED] * LABEL_MM
        arrays[f"{name}0"] = _lps(points, fine[0], one.spacings_mm[0])
        arrays[f"{name}1"] = _lps(way.apply(points) - start, fine[1], one.spacings_mm[1])
    middles = [np.argwhere(lesion["mask"]).mean(0) * fine[0] for lesion in lesions]
    gone = [_forward(body, middle) - start for middle in middles]
    arrays["lesions0"] = _lps(np.array(middles), fine[0], one.spacings_mm[0])
    arrays["lesions1"] = _lps(np.array(gone), fine[1], one.spacings_mm[1])
    return arrays


def _parts(spacing_mm: Float3) -> int:
    """Into how many a slice is cut to be painted."""
    return max(2, int(np.ceil(spacing_mm[0] / 0.8)))


def _lps(places: Points, fine_mm: Points, spacing_mm: Float3) -> Points:
    """From mm along k, j, i of the fine grid to the scan's x, y, z: slices lie amid their parts."""
    moved = np.array(places)
    moved[:, 0] -= (_parts(spacing_mm) - 1) / 2 * fine_mm[0]
    return np.asarray(moved[:, ::-1])


def _body(one: MovedSet, rng: np.random.Generator) -> _Body:
    folder = DATA / "anatomy" / f"Pelvic-Ref-{one.anatomy}"
    labels, outline = _tool().read_anatomy(str(folder), np.full(3, LABEL_MM), one.scale)
    bones = {
        f"{bone}_{side}": _half(labels == value, side)
        for bone, value in BONES.items()
        for side in ("right", "left")
    }
    bones[MIDDLE] = np.isin(labels, MIDDLE_LABELS)
    distance = {
        name: ndimage.distance_transform_edt(~own, sampling=LABEL_MM).astype(np.float32)
        for name, own in bones.items()
    }
    return _Body(labels, outline, bones, distance, _ways(one, bones, distance, rng))


def _half(mask: NDArray[np.bool_], side: str) -> NDArray[np.bool_]:
    """The part on one side of the middle column; columns run to the left."""
    left = np.arange(mask.shape[2]) >= mask.shape[2] // 2
    return np.asarray(mask & (left if side == "left" else ~left))


def _ways(
    one: MovedSet,
    bones: dict[str, NDArray[np.bool_]],
    distance_mm: dict[str, NDArray[np.float32]],
    rng: np.random.Generator,
) -> dict[str, _Way]:
    """The trunk turned, shifted and grown; each femur turned about its head as well."""
    middle = np.array(bones[MIDDLE].shape) * LABEL_MM / 2
    turn = one.growth * _turn(rng, float(rng.uniform(2, 6)))
    shift = rng.normal(size=3)
    shift *= one.shift_mm / np.linalg.norm(shift)
    trunk = _Way(turn, middle + shift - turn @ middle)
    ways = dict.fromkeys(bones, trunk)
    for side in ("right", "left"):
        femur = bones[f"femur_{side}"]
        head = np.argwhere(femur & (distance_mm[f"hip_bone_{side}"] < 5)).mean(0) * LABEL_MM
        matrix = turn @ _turn(rng, one.turn_deg)
        ways[f"femur_{side}"] = _Way(matrix, trunk.apply(head[None])[0] - matrix @ head)
    return ways


def _turn(rng: np.random.Generator, angle_deg: float) -> Points:
    axis = rng.normal(size=3)
    return np.asarray(Rotation.from_rotvec(np.deg2rad(angle_deg) * axis / np.linalg.norm(axis)).as_matrix())


def _moved(
    body: _Body,
    fine_mm: Points,
    size_mm: Points,
    start_mm: Points,
    lesions: tuple[NDArray[np.uint8], Points] | None,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
    """Labels, outline and lesions on a grid of the later date; with no lesions given, of the first."""
    shape = tuple(int(n) for n in np.ceil(size_mm / fine_mm))
    still = lesions is None
    labels, numbered = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    outline = np.zeros(shape, dtype=bool)
    coarse = _coarse_way(body, size_mm, start_mm, still=still)
    rows, columns = np.meshgrid(
        np.arange(shape[1]) * fine_mm[1], np.arange(shape[2]) * fine_mm[2], indexing="ij"
    )
    for k in range(shape[0]):
        here = np.stack([np.full(rows.shape, k * fine_mm[0]), rows, columns], -1).reshape(-1, 3)
        origin = np.stack(
            [ndimage.map_coordinates(coarse[..., a], (here / COARSE_MM).T, order=1) for a in range(3)], 1
        )
        plane = _sample(body.labels, origin, np.full(3, LABEL_MM))
        plane[plane <= max(MIDDLE_LABELS)] = 0
        inside = _sample(body.outline, origin, np.full(3, LABEL_MM))
        found = np.zeros(len(here), np.uint8) if still else _sample(lesions[0], origin, lesions[1])
        for name, way in body.ways.items():
            own = here + start_mm if still else way.undo(here + start_mm)
            bone = _sample(body.bones[name], own, np.full(3, LABEL_MM))
            plane[bone] = _sample(body.labels, own, np.full(3, LABEL_MM))[bone]
            found[bone] = 0
        labels[k], outline[k] = plane.reshape(shape[1:]), (inside | (plane > 0)).reshape(shape[1:])
        numbered[k] = found.reshape(shape[1:])
    return labels, outline, numbered


def _coarse_way(body: _Body, size_mm: Points, start_mm: Points, *, still: bool) -> Points:
    """Where the flesh at the nodes of a coarse grid was at first."""
    nodes = [np.arange(int(np.ceil(size / COARSE_MM)) + 2) * COARSE_MM for size in size_mm]
    places = np.stack(np.meshgrid(*nodes, indexing="ij"), -1) + start_mm
    if still:
        return places
    return body.flesh_from(places.reshape(-1, 3)).reshape(places.shape)


def _sample(values: NDArray[Any], places: Points, step_mm: Points) -> NDArray[Any]:
    """Nearest values; nothing off the grid."""
    index = np.rint(places / step_mm).astype(np.int64)
    inside = ((index >= 0) & (index < values.shape)).all(axis=1)
    found = np.zeros(len(places), dtype=values.dtype)
    found[inside] = values[tuple(index[inside].T)]
    return found


def _forward(body: _Body, place: Points) -> Points:
    """Where flesh goes: the place whose origin it is, found by steps."""
    there = body.ways[MIDDLE].apply(place[None])
    for _ in range(80):
        there = there + place - body.flesh_from(there)
    return np.asarray(there[0])


def _photograph(
    labels: NDArray[np.uint8],
    outline: NDArray[np.bool_],
    lesions: list[dict[str, Any]],
    fine_mm: Points,
    spacing_mm: Float3,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Painted, blurred, averaged to slices, with noise."""
    parts = _parts(spacing_mm)
    hu, _ = _tool().paint(labels, outline, lesions, "clean", fine_mm, rng)
    hu = ndimage.gaussian_filter(hu, (0.5 * parts, 0.55 / fine_mm[1], 0.55 / fine_mm[2]))
    slices = hu.shape[0] // parts
    volume = hu[: slices * parts].reshape(slices, parts, *hu.shape[1:]).mean(1)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, volume.shape).astype(np.float32), (0.3, 0.7, 0.7))
    return np.asarray(np.round(volume + grain / grain.std() * NOISE_HU), dtype=np.int16)
