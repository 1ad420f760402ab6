"""Scans of the project's own phantom with their truth, kept in a folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import pipeline.phantoms
from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition, Scan
from pipeline.phantoms import PhantomCase, PhantomLesion, PhantomScan, build, mimics, reference_case
from tests.accuracy.sets import PhantomSet
from tests.accuracy.truth import TrueLesion, TrueMimic, Truth

BONE_NAMES = {
    "hip_right": "hip_bone_right",
    "hip_left": "hip_bone_left",
    "l4": "lumbar_vertebrae",
    "l5": "lumbar_vertebrae",
}
NOT_BRIGHT = "triradiate cartilage"
"""A growth plate of three bones: no growth centre lies beyond it."""


def load_phantom(one: PhantomSet, cache: Path) -> Truth:
    """Read a phantom from the cache, or scan it. What the phantoms' own code says is part of the key."""
    code = b"".join(path.read_bytes() for path in sorted(Path(pipeline.phantoms.__path__[0]).glob("*.py")))
    key = hashlib.sha256(code + repr(one).encode()).hexdigest()[:12]
    path = cache / f"{one.name}-{key}.npz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _write(build(case_of(one)), path)
    return _read(path)


def case_of(one: PhantomSet) -> PhantomCase:
    """The reference case with what the set asks for."""
    case, _ = reference_case(one.seed)
    scanner = case.scanner
    slices = round(scanner.matrix[0] * scanner.spacing_mm[0] / one.slice_mm)
    return replace(
        case,
        patient=replace(case.patient, growth_plates_open=one.open_plates),
        scanner=replace(
            scanner,
            spacing_mm=(one.slice_mm, *scanner.spacing_mm[1:]),
            matrix=(slices, *scanner.matrix[1:]),
            slice_thickness_mm=one.slice_mm,
            noise_hu=one.noise_hu,
        ),
        lesions=(case.lesions if one.lesions else ()) + (_mimics() if one.mimics else ()),
    )


def _mimics() -> tuple[PhantomLesion, ...]:
    return (
        mimics.phlebolith("right"),
        mimics.phlebolith("left", diameter_mm=5.5, at_mm=(36.0, 14.0, 6.0)),
        mimics.arterial_wall("left"),
        mimics.arterial_wall("right", thickness_mm=1.6),
        mimics.bowel_contrast(),
        mimics.bladder_contrast(),
    )


def _write(scan: PhantomScan, path: Path) -> None:
    names = scan.bone_labels()
    values = {value: _bone_value(name) for value, name in names.names.items()}
    bones = np.array([values.get(n, 0) for n in range(max(values) + 1)], dtype=np.uint8)[names.values]
    record = {
        "lesions": [asdict(one) for one in scan.truth.lesions],
        "growth_centres": [asdict(one) for one in scan.truth.growth_centres],
        "kvp": scan.kvp,
        "kernel": scan.kernel,
        "slice_mm": scan.slice_thickness_mm,
        "age_years": scan.age_years,
    }
    part = path.with_name(f".part-{path.name}")
    np.savez_compressed(
        part, hu=scan.volume.hu, affine=scan.volume.geometry.affine, labels=scan.lesion_labels().values,
        bones=bones, record=np.array(json.dumps(record)),
    )  # fmt: skip
    part.rename(path)


def _bone_value(name: str) -> int:
    name = BONE_NAMES.get(name, name)
    return BONES.index(name if name in BONES else "other_bone") + 1


def _read(path: Path) -> Truth:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    record = json.loads(str(arrays["record"]))
    k, j, i = arrays["hu"].shape
    volume = CTVolume(arrays["hu"], Geometry((k, j, i), arrays["affine"]))
    how = Acquisition(
        kvp=record["kvp"], kernel=record["kernel"], slice_thickness_mm=record["slice_mm"],
        age_years=record["age_years"],
    )  # fmt: skip
    labels = arrays["labels"]
    lesions = tuple(
        TrueLesion(n, one["name"], one["volume_mm3"], one["hu"], tuple(one["centroid_lps_mm"]))
        for n, one in enumerate(record["lesions"], start=1)
        if one["mimic"] is None
    )
    own = np.where(np.isin(labels, [one.id for one in lesions]), labels, 0).astype(np.uint8)
    return Truth(
        Scan(volume, how), lesions, own, _true_mimics(record, labels, volume.geometry), arrays["bones"]
    )


def _true_mimics(record: dict[str, Any], labels: Any, geometry: Geometry) -> tuple[TrueMimic, ...]:
    drawn = tuple(
        TrueMimic(one["mimic"], one["name"], one["volume_mm3"], geometry.to_lps_mm(np.argwhere(labels == n)))
        for n, one in enumerate(record["lesions"], start=1)
        if one["mimic"] is not None
    )
    centres = tuple(
        TrueMimic("growth_centre", f"{one['side']} {one['name']}", None, np.array([one["place_lps_mm"]]))
        for one in record["growth_centres"]
        if one["name"] != NOT_BRIGHT
    )
    return drawn + centres
