"""What the viewer is given: volumes and surfaces of every date, and how one date lies in another."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Registration
from pipeline.domain.geometry import RigidTransform
from pipeline.report.html.meshes import BONE_SPACING_MM, surface
from pipeline.report.html.nifti_bytes import nifti_bytes
from pipeline.report.html.small import LOWEST_HU, MOST_VOXELS, STEP_HU, SmallScan, shrink
from pipeline.report.windows import BONE, SOFT_TISSUE, WIDE

LESION_SPACING_MM = 1.5
BONE_OPACITY = 0.6
MOST_BYTES = 6_000_000
"""Of the packed volumes of all dates: 8 MB as text, so that a page stays within 15 MB with its library and
pictures."""
USUAL_DATES = 2
"""Where there are more, their bones are drawn coarser."""
MARKS = 24
"""Points of a bone by which the viewer knows how near it is."""
COLOURS = {
    "definite": (255, 171, 25),
    "indeterminate": (255, 236, 120),
    "excluded": (255, 122, 224),
    "skeleton": (120, 170, 220),
    "bone": (226, 222, 208),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The viewer's description, and the base64 text of each part by its id."""

    scene: dict[str, Any]
    blobs: Mapping[str, str]


def viewer_parts(analyses: Sequence[Analysis], titles: Sequence[str], links: list[dict[str, Any]]) -> Parts:
    """All that the viewer shows.

    Parameters
    ----------
    links : list of dict
        From `links_between`.
    """
    blobs: dict[str, str] = {}
    dates = []
    for n, (analysis, title) in enumerate(zip(analyses, titles, strict=True)):
        small, volumes = _packed(analysis, share=len(analyses))
        blobs |= {f"d{n}-{name}": _text(data) for name, data in volumes.items()}
        meshes = []
        for name, (data, layer, opacity) in _surfaces(small, share=len(analyses)).items():
            blobs[f"m{n}-{name}"] = _text(data)
            meshes.append({"id": f"m{n}-{name}", "colour": name, "layer": layer, "opacity": opacity})
        dates.append(
            {
                "title": title,
                "meshes": meshes,
                "start": start_of(analysis),
                "lesions": len(analysis.lesions),
            }
        )
    scene = {
        "dates": dates,
        "links": links,
        "windows": {
            name: {"level": one.level_hu, "width": one.width_hu}
            for name, one in (("bone", BONE), ("soft tissue", SOFT_TISSUE), ("wide", WIDE))
        },
        "colours": COLOURS,
    }
    return Parts(scene, blobs)


def start_of(analysis: Analysis) -> list[float]:
    """Where the viewer begins: the largest lesion, else the middle of the scan. LPS mm."""
    if analysis.lesions:
        largest = max(analysis.lesions, key=lambda one: one.size.volume_mm3.value)
        return [round(value, 1) for value in largest.size.centroid_lps_mm]
    middle = analysis.geometry.to_lps_mm((np.array(analysis.geometry.shape) - 1) / 2)
    return [round(float(value), 1) for value in middle]


def _packed(analysis: Analysis, *, share: int) -> tuple[SmallScan, dict[str, bytes]]:
    """A scan as small as its share of the page demands: noise hardly packs, and is then reduced further."""
    most_voxels, most_bytes, before = MOST_VOXELS // share, MOST_BYTES // share, None
    while True:
        small = shrink(analysis, most_voxels=most_voxels)
        volumes = _volumes(small)
        packed = sum(len(data) for data in volumes.values())
        if packed <= most_bytes or small.grey.size == before:  # as coarse as it gets
            return small, volumes
        before = small.grey.size
        most_voxels = int(before * 0.95 * most_bytes / packed)


def _volumes(small: SmallScan) -> dict[str, bytes]:
    masks = {"lesions": small.lesions, "excluded": small.excluded, "skeleton": small.skeleton}
    return {
        "grey": nifti_bytes(small.grey, small.geometry, slope=STEP_HU, intercept=LOWEST_HU),
        **{name: nifti_bytes(mask, small.geometry) for name, mask in masks.items()},
    }


def _surfaces(small: SmallScan, *, share: int) -> dict[str, tuple[bytes, str, float]]:
    """By colour: file, the layer that it belongs to, opacity."""
    bone_mm = BONE_SPACING_MM * max(1.0, share / USUAL_DATES) ** 0.5
    wanted = {
        "definite": (small.lesions == 1, LESION_SPACING_MM, "lesions", 1.0),
        "indeterminate": (small.lesions == 2, LESION_SPACING_MM, "lesions", 1.0),
        "excluded": (small.excluded, LESION_SPACING_MM, "excluded", 1.0),
        "bone": (small.skeleton, bone_mm, "skeleton", BONE_OPACITY),  # last: others shine through
    }
    found = {}
    for name, (mask, spacing_mm, layer, opacity) in wanted.items():
        data = surface(mask, small.geometry, spacing_mm=spacing_mm)
        if data is not None:
            found[name] = (data, layer, opacity)
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def links_between(comparison: Comparison) -> list[dict[str, Any]]:
    """How points of one date are carried to another by the bones, both ways."""
    links: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in comparison.registrations:
        if not one.accepted:
            continue
        there, back = one.transform, one.transform.inverse()
        marks = _marks(comparison.analyses[one.from_index], one)
        links.setdefault((one.from_index, one.to_index), []).append(_bone(there, marks))
        links.setdefault((one.to_index, one.from_index), []).append(_bone(back, there.apply(marks)))
    return [{"from": start, "to": end, "bones": bones} for (start, end), bones in links.items()]


def _bone(transform: RigidTransform, marks: Any) -> dict[str, Any]:
    return {"matrix": np.round(transform.matrix_lps[:3], 6).tolist(), "points": np.round(marks, 1).tolist()}


def _marks(analysis: Analysis, one: Registration) -> Any:
    """A few points of a bone; of the middle of the scan where the whole was followed."""
    points = analysis.landmarks_mm.get(one.bone)
    if points is None or not len(points):
        return analysis.geometry.to_lps_mm([(np.array(analysis.geometry.shape) - 1) / 2])
    return points[:: max(1, len(points) // MARKS)]
