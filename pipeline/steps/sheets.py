"""Sheets of calcium under the skin, up to an exoskeleton.

A sheet that closes around a limb encloses it as cortex does marrow, and one that covers the buttocks lies in
the ring of the pelvis: every rule that tells bone and contrast from calcinosis would take it for the one or
the other. So sheets are found first, by what neither bone nor bowel is: wide, thin, and free of anything
bright beneath. They are painted over while bones are looked for, and no rule about mimics is asked of them,
but for those with muscle over them before the pelvis: in thin people bowel lies as near to the skin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.config import SheetSettings
from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import CTVolume, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.cover import covering_muscle_mm
from pipeline.steps.grid import bounding_box, expand, fine_box, margin_voxels, pool_max, pool_steps
from pipeline.steps.place import Surroundings
from pipeline.steps.voxels import Labels, Voxels, component_statistics, depth_mm, label_components

GRID_MM = 2.0
TISSUE_HU = 50
"""What sheets are painted over with."""
LAST_LAYER_MM = 2.0
"""What reaches into the deepest layer of this width goes on beneath it."""


def find_skin_sheets(
    smooth: CTVolume, body: Mask, settings: SheetSettings, *, bright_hu: float
) -> Voxels | None:
    """Find sheets under the skin.

    Parameters
    ----------
    body : Mask
        The patient, on the grid of the scan.
    bright_hu : float
        Level of what may be calcium or bone.

    Returns
    -------
    ndarray or None
        bool [k, j, i]; None where there is no sheet.
    """
    steps = pool_steps(smooth.geometry, target_mm=GRID_MM)
    spacing_mm = smooth.geometry.coarsen(steps).spacing_mm
    bright = (pool_max(smooth.hu, steps) >= bright_hu) & pool_max(body.voxels, steps)
    around = bounding_box(bright)
    if around is None:
        return None
    box = grow_box(around, margin_voxels(spacing_mm, max(settings.depths_mm)), bright.shape)
    fine = fine_box(box, steps, smooth.geometry.shape)
    bright = bright[box]
    deep = depth_mm(~pool_max(~body.voxels[fine], steps), spacing_mm)
    found = np.zeros(bright.shape, dtype=bool)
    for reach_mm in settings.depths_mm:
        last_layer = deep > reach_mm - LAST_LAYER_MM
        found |= _sheets_within(bright & (deep <= reach_mm), last_layer, spacing_mm, settings)
    if not found.any():
        return None
    k, j, i = (s.stop - s.start for s in fine)
    sheets = np.zeros(smooth.geometry.shape, dtype=bool)
    sheets[fine] = expand(found, steps, (k, j, i)) & (smooth.hu[fine] >= bright_hu) & body.voxels[fine]
    return sheets


def _sheets_within(
    shallow: Voxels, last_layer: Voxels, spacing_mm: Float3, settings: SheetSettings
) -> Voxels:
    """Pieces of what is bright near the skin that are wide, thin and end before the last layer."""
    labels = label_components(shallow, connectivity=26)
    counts, boxes = component_statistics(labels)
    beneath = np.bincount(labels[last_layer & shallow], minlength=len(counts))
    likely = counts * float(np.prod(spacing_mm)) >= settings.least_mm3
    likely &= beneath <= settings.beneath_fraction * counts
    likely[0] = False
    kept = np.zeros(len(counts), dtype=bool)
    for label in np.flatnonzero(likely):
        kept[label] = _is_sheet(labels, int(label), boxes[label], spacing_mm, settings)
    return np.asarray(kept[labels])


def _is_sheet(labels: Labels, label: int, box: Box, spacing_mm: Float3, settings: SheetSettings) -> bool:
    """Whether a piece is wide in two directions and thin."""
    own = labels[box] == label
    thickest_mm = 2 * float(depth_mm(np.pad(own, 1), spacing_mm).max()) - max(spacing_mm)
    if thickest_mm > settings.thickness_mm:
        return False
    places = np.argwhere(own) * np.asarray(spacing_mm)
    spread = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(np.cov(places.T)), 0))
    return bool(spread[1] >= settings.width_mm)


def hide_sheets(smooth: CTVolume, sheets: Voxels | None) -> CTVolume:
    """The scan with sheets painted over as soft tissue."""
    if sheets is None:
        return smooth
    hu = smooth.hu.copy()
    hu[sheets] = np.minimum(hu[sheets], TISSUE_HU)
    hu.setflags(write=False)
    return CTVolume(hu, smooth.geometry)


def split_sheets(
    candidates: Sequence[Candidate], sheets: Voxels | None, around: Surroundings, settings: SheetSettings
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Candidates that are sheets for the most part, and the others; behind the belly's wall is none."""
    if sheets is None:
        return (), tuple(candidates)
    own: list[Candidate] = []
    rest: list[Candidate] = []
    for one in candidates:
        share = np.count_nonzero(sheets[one.mask.box] & one.mask.voxels) / one.mask.voxel_count
        is_sheet = share >= 0.5 and not _is_behind_the_wall(one, around, settings)
        (own if is_sheet else rest).append(one)
    return tuple(own), tuple(rest)


def _is_behind_the_wall(one: Candidate, around: Surroundings, settings: SheetSettings) -> bool:
    """Whether something lies as bowel does: above the hip joints, before the pelvis, muscle over it."""
    if around.pelvis is None:
        return False
    middle = np.asarray(one.mask.points_lps_mm().mean(axis=0), dtype=np.float64)
    if not around.pelvis.lies_before(middle):
        return False
    return covering_muscle_mm(one.mask, around) >= settings.wall_mm
