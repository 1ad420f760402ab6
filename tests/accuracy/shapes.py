"""How right axes and words for forms are, on solids found and measured as lesions are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import PlanarAxes
from pipeline.domain.scan import Scan
from pipeline.phantoms.axes import FineGrid
from pipeline.phantoms.axes import planar_axes as true_axes
from pipeline.steps.body import segment_body
from pipeline.steps.forms.axes import all_axes
from pipeline.steps.forms.body import Body, sharp_body
from pipeline.steps.forms.morphology import measure_form, name_form
from pipeline.steps.volumes.edge import estimate_blur
from pipeline.steps.volumes.measure import Scene, cut_region, measure_volume
from tests.accuracy.forms import solid_case
from tests.accuracy.inserts import Placed, Scanner, scan
from tests.accuracy.volumes import NEAR_MM, SETTINGS, outlines, random_case

PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The patient axis across each plane."""
LEAST_MM, LEAST_SHARE, LEAST_SPACING = 1.0, 0.03, 0.5
"""An axis is right within the largest of these: mm, of its length, of the spacing along it."""


@dataclass(frozen=True)
class Axis:
    """One axis of one solid in one plane."""

    plane: str
    name: str  #: long or short
    found_mm: float
    true_mm: float
    allowed_mm: float

    @property
    def error_mm(self) -> float:
        """By which it is too long."""
        return self.found_mm - self.true_mm

    @property
    def right(self) -> bool:
        """Within what is allowed."""
        return abs(self.error_mm) <= self.allowed_mm


@dataclass(frozen=True)
class MeasuredAxes:
    """The six axes of a solid; none if it was not found as one lesion."""

    kind: str
    slice_mm: float
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Named:
    """What a solid was called; None if nothing was found."""

    made_as: str
    size_mm: Float3  #: true length, width, thickness
    true_word: str
    words: frozenset[str]  #: that are right
    slice_mm: float
    word: str | None

    @property
    def right(self) -> bool:
        """Whether it may be called that."""
        return self.word in self.words


def bodies(one: Scan, reach_mm: float) -> list[Body]:
    """Of what was found around the middle, the largest first."""
    masks, noise_hu, _ = outlines(one)
    near = tuple(
        mask
        for mask in masks
        if float(np.linalg.norm(mask.points_lps_mm(), axis=1).min()) < reach_mm + NEAR_MM
    )
    body = segment_body(one.volume, SETTINGS.body)
    blur = estimate_blur(one.volume, body, one.acquisition.slice_thickness_mm, SETTINGS.volumes)
    scene = Scene(one.volume, None, near, blur, noise_hu)
    found = [
        measure_volume(scene, n, cut_region(scene, n, SETTINGS.volumes), SETTINGS.volumes)
        for n in range(len(near))
    ]
    volumes = [one.estimate.volume_mm3.value for one in found]
    order = sorted(range(len(volumes)), key=lambda n: -volumes[n])
    return [sharp_body(scene, n, found[n].region, volumes[n]) for n in order]


def name_solid(seed: int) -> Named:
    """The word for the largest lesion that was found of a solid."""
    solid, placed, scanner = solid_case(seed)
    found = bodies(scan(placed, scanner, seed=seed), placed.insert.reach_mm)
    word = name_form(measure_form(found[0])) if found else None
    size = (float(solid.length_mm), float(solid.width_mm), float(solid.thickness_mm))
    return Named(solid.made_as, size, solid.word, solid.words, scanner.slice_mm, word)


def measure_axes(seed: int) -> MeasuredAxes:
    """The axes of a random insert, in any pose."""
    placed, scanner = random_case(seed)
    found = bodies(scan(placed, scanner, seed=seed), placed.insert.reach_mm)
    axes: tuple[Axis, ...] = ()
    if len(found) == 1:
        measured = dict(zip(PLANES, all_axes(found[0]), strict=True))
        axes = compare_axes(measured, truth_of(placed, scanner), scanner)
    return MeasuredAxes(placed.insert.kind, scanner.slice_mm, axes)


def truth_of(placed: Placed, scanner: Scanner) -> dict[str, PlanarAxes]:
    """Axes of an insert by its distances on a fine grid."""
    reach = placed.insert.reach_mm
    step = float(np.clip(reach / 60, 0.08, 0.5))
    line = np.arange(-int(reach / step) - 4, int(reach / step) + 5) * step
    y, z = (one.ravel() for one in np.meshgrid(line, line, indexing="ij"))
    planes = [
        placed.insert.distance_mm(placed.rotation.T @ np.stack([np.full(y.size, x), y, z])).reshape(
            line.size, line.size
        )
        for x in line
    ]
    shift = np.multiply(placed.shift_voxels, scanner.spacing_mm)[::-1]
    grid = FineGrid(np.stack(planes).astype(np.float32), shift + line[0], step)
    return {plane: true_axes(grid, normal) for plane, normal in PLANES.items()}


def compare_axes(
    measured: Mapping[str, PlanarAxes], truth: Mapping[str, PlanarAxes], scanner: Scanner
) -> tuple[Axis, ...]:
    """Each axis against the true one."""
    found = []
    for plane, own in measured.items():
        true = truth[plane]
        pairs = {
            "long": (own.long_axis_mm, true.long_axis_mm, true.long_axis_points_lps_mm),
            "short": (own.short_axis_mm, true.short_axis_mm, true.short_axis_points_lps_mm),
        }
        for name, (length, right, points) in pairs.items():
            along = np.abs(np.subtract(*points)) / right
            spacing = float(along @ scanner.spacing_mm[::-1])
            allowed = max(LEAST_MM, LEAST_SHARE * right, LEAST_SPACING * spacing)
            found.append(Axis(plane, name, length, right, allowed))
    return tuple(found)
