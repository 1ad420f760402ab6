"""Semi-synthetic scans: made by the generator, kept in a folder, read with their truth."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pipeline.dicom.read import read_scan
from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Geometry
from tests.accuracy.sets import DATA, TOOL, SemiSet
from tests.accuracy.truth import Points, TrueLesion, TrueMimic, Truth

SUBSLICE_MM = 0.8
"""The generator paints on slices at most this thick, and at least two to a slice of the scan."""
TIP_MM = {"ischial tuberosity": 5.0, "iliac crest": 4.8}
"""Thickness of the growth centres that the generator cuts off the ends of the hip bones."""


def default_cache() -> Path:
    """The user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "calcinosis-ct" / "accuracy"


def make_missing(sets: list[SemiSet], cache: Path, *, jobs: int) -> None:
    """Run the generator for every set that is not in the cache."""
    missing = [one for one in sets if not (cache / one.folder / "truth.json").is_file()]
    if missing:
        print(f"making {len(missing)} semi-synthetic scans in {cache}, about a minute each", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(lambda one: _make(one, cache), missing))


def _make(one: SemiSet, cache: Path) -> None:
    part = cache / f".part-{one.folder}"
    shutil.rmtree(part, ignore_errors=True)
    anatomy = DATA / "anatomy" / f"Pelvic-Ref-{one.anatomy}"
    spacing = ",".join(f"{value:g}" for value in one.spacing)
    options = {"case": one.case, "seed": one.seed, "scale": one.scale, "spacing": spacing}
    words = [f"--{key}={value}" for key, value in {**options, "noise": one.noise_hu}.items()]
    subprocess.run([sys.executable, str(TOOL), str(anatomy), str(part), *words], check=True)
    part.rename(cache / one.folder)


def load_semi(one: SemiSet, cache: Path) -> Truth:
    """Read a set from the cache."""
    folder = cache / one.folder
    record = json.loads((folder / "truth.json").read_text("utf-8"))
    scan = read_scan(folder / "dicom")
    labels, bone = (_array(folder / f"{name}.nii.gz") for name in ("truth", "bone"))
    if labels.shape != scan.volume.geometry.shape:
        raise ValueError(f"{one.name}: truth is {labels.shape}, the scan {scan.volume.geometry.shape}")
    shift_mm = half_slice_shift_mm(one.spacing[0])
    lesions = tuple(_lesion(entry, shift_mm) for entry in record["lesions"])
    mimics = tuple(_mimic(entry, bone, scan.volume.geometry, shift_mm) for entry in record["mimics"])
    return Truth(scan, lesions, labels, mimics, sided(bone))


def half_slice_shift_mm(slice_mm: float) -> float:
    """How far above its voxel the generator's record puts a point.

    It counts from the middle of a slice's lowest part, the scan from the middle of the slice.
    """
    parts = max(2, math.ceil(slice_mm / SUBSLICE_MM))
    return (parts - 1) / (2 * parts) * slice_mm


def _array(path: Path) -> NDArray[np.uint8]:
    return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), dtype=np.uint8)


def _lesion(entry: dict[str, Any], shift_mm: float) -> TrueLesion:
    x, y, z = entry["centroid_lps_mm"]
    return TrueLesion(entry["id"], entry["name"], entry["volume_mm3"], entry["hu"], (x, y, z - shift_mm))


def _mimic(entry: dict[str, Any], bone: NDArray[np.uint8], geometry: Geometry, shift_mm: float) -> TrueMimic:
    name = " ".join(entry[key] for key in ("side", "what") if key in entry) or entry["kind"]
    points = np.array([entry["point_lps_mm"]]) - [0.0, 0.0, shift_mm]
    if entry["kind"] == "growth_centre":
        points = _tip_points(bone, geometry, entry["what"], entry["side"])
    return TrueMimic(entry["kind"], name, entry["volume_mm3"], points)


def _tip_points(bone: NDArray[np.uint8], geometry: Geometry, what: str, side: str) -> Points:
    """Voxels of a growth centre: the end of the hip bone of one side. Right is where x is low."""
    half = np.zeros(bone.shape, dtype=bool)
    middle = bone.shape[2] // 2
    columns = slice(None, middle) if side == "R" else slice(middle, None)
    half[:, :, columns] = bone[:, :, columns] == 1
    slices = np.flatnonzero(half.any(axis=(1, 2)))
    thick = max(1, round(TIP_MM[what] / geometry.spacing_mm[0]))
    first = slices[0] if what == "ischial tuberosity" else slices[-1] + 1 - thick
    index = np.argwhere(half[first : first + thick]) + np.array([first, 0, 0])
    return geometry.to_lps_mm(index)


def sided(bone: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The generator's bone map with the values of `BONES`; pairs are parted at the middle of the picture."""
    middle = bone.shape[2] // 2
    values = np.zeros_like(bone)
    for old, right, left in (
        (1, "hip_bone_right", "hip_bone_left"),
        (2, "femur_right", "femur_left"),
        (3, "sacrum", "sacrum"),
        (4, "lumbar_vertebrae", "lumbar_vertebrae"),
    ):
        own = bone == old
        values[:, :, :middle][own[:, :, :middle]] = BONES.index(right) + 1
        values[:, :, middle:][own[:, :, middle:]] = BONES.index(left) + 1
    return values
