"""Lumps grown back from their cores, against the bone they touch.

From its core a lump is grown along falling density, so that the border runs in the valley between lump
and bone. What it ran into through the cortex is given back to the bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from pipeline.domain.geometry import Box, Float3, box_within, grow_box
from pipeline.domain.image import CTVolume
from pipeline.steps.grid import bounding_box, margin_voxels
from pipeline.steps.parting import is_cut
from pipeline.steps.voxels import (
    HU,
    Voxels,
    component_boxes,
    distance_to_mm,
    label_background,
    label_components,
    opened,
    with_neighbours,
    within_mm,
)

CORTEX_MM = 1.6
"""What lies this near to marrow is cortex, whatever touches it."""
LUMP_TAIL_MM = 20.0
"""How far a lump may taper beyond where the ball fits."""
TISSUE_HU = 60.0
SPONGIOSA_RADIUS_MM = 1.5
"""Spongiosa is dim over more than the blurred rim of a lump."""
DIM_SHARE = 0.6
"""Spongiosa has less than this share of the lump's height over soft tissue."""
PLATEAU_REACH_MM = 8.0
"""How far within a core its own height is looked up: a core may reach through the cortex as well."""
LARGEST_INSIDE_MM2 = 600.0
"""A hole in a slice up to this size may be spongiosa that is not bright."""
LUMP_BESIDE_BONE = 0.7
"""It borders on the lump with less than this share of its border on bone; soft tissue caught between the
two has more."""
SURROUNDINGS_MM = 10.0
"""How far around a lump the cortex of the bone is looked at."""
CORTEX_PERCENTILE = 90.0
"""What lies deeper in the bone than this of its free surface is as far from the inside as cortex is thick."""
BEYOND_CORTEX_MM = 0.5
SPONGIOSA_HU = 450.0
"""What is no denser may be spongiosa."""
LOST_TAIL_MM = 3.0
"""No further than this from the lump: what lies beyond may be a growth centre."""
DIM_SIGMA_MM, DIM_SIGMA_VOXELS = 0.8, 0.6
"""Noise is smoothed this much before they are compared, and never more than so many voxels."""
FILM_RADIUS_MM = 1.6
"""What no ball of this radius fits into,"""
FILM_REACH_MM = 3.2
"""this near to the inside of bone, is cortex."""


def grow_lumps(smooth: CTVolume, cores: Voxels, bright: Voxels, marrow: Voxels, enclosed: Voxels) -> Voxels:
    """The lumps around their cores: what falls away from a core rather than from a bone.

    Parameters
    ----------
    bright : ndarray
        bool [k, j, i], bones and lumps together.
    marrow : ndarray
        bool [k, j, i], the inside of the bones, as found with the lumps out of the way.
    enclosed : ndarray
        bool [k, j, i], the same with the lumps in their place: all of it, and soft tissue between the two.
    """
    lumps = np.zeros(cores.shape, dtype=bool)
    outer = bounding_box(cores)
    if outer is None:
        return lumps
    labels = label_components(cores[outer], connectivity=26)
    spacing_mm = smooth.geometry.spacing_mm
    margin = margin_voxels(spacing_mm, LUMP_TAIL_MM + 2 * CORTEX_MM)
    for label, found in enumerate(component_boxes(labels), start=1):
        own = _in_whole(found, outer)
        box = grow_box(own, margin, cores.shape)
        core = np.zeros(cores[box].shape, dtype=bool)
        core[box_within(own, box)] = labels[found] == label
        ground = _Ground(smooth.hu[box], bright[box], marrow[box], enclosed[box], spacing_mm)
        lump = _grow_back(core, ground)
        if not _on_edge(lump, box, smooth.geometry.shape):
            lumps[box] |= lump
    return lumps


def _in_whole(box: Box, outer: Box) -> Box:
    """A box of a box, on the whole grid."""
    k, j, i = (slice(s.start + o.start, s.stop + o.start) for s, o in zip(box, outer, strict=True))
    return k, j, i


def near_cores(cores: Voxels, spacing_mm: Float3, *, reach_mm: float) -> Voxels:
    """Everything within `reach_mm` of a core: where lumps may be."""
    near = np.zeros(cores.shape, dtype=bool)
    box = bounding_box(cores)
    if box is not None:
        margin = margin_voxels(spacing_mm, reach_mm)
        box = grow_box(box, margin, cores.shape)
        near[box] = within_mm(cores[box], spacing_mm, reach_mm)
    return near


def _on_edge(voxels: Voxels, box: Box, shape: tuple[int, ...]) -> bool:
    """Whether voxels in a box of the scan lie on the scan's edge."""
    sides = [(s.start == 0, s.stop == size) for s, size in zip(box, shape, strict=True)]
    return is_cut(voxels, tuple(sides))


@dataclass(frozen=True, eq=False, slots=True)
class _Ground:
    """What a lump lies on, in a box around it."""

    hu: HU
    solid: Voxels  #: bone and lump
    marrow: Voxels
    enclosed: Voxels
    spacing_mm: Float3

    def slices(self, k: slice) -> _Ground:
        """Some slices of the box."""
        return _Ground(self.hu[k], self.solid[k], self.marrow[k], self.enclosed[k], self.spacing_mm)


def _grow_back(core: Voxels, ground: _Ground) -> Voxels:
    """One lump around its core."""
    solid, spacing_mm = ground.solid, ground.spacing_mm
    dimmer = _dimmer(core, ground.hu, spacing_mm)
    core, marrow = core & ~dimmer, ground.marrow & dimmer
    lump = _basin(core, ground.hu, solid, marrow, spacing_mm)
    found = bounding_box(lump)
    if found is not None:
        box = grow_box(found, margin_voxels(spacing_mm, SURROUNDINGS_MM), lump.shape)
        inside = marrow | (dimmer & solid)
        inside[box[0]] |= _dark_insides(lump[box[0]], ground.slices(box[0]))
        bone_under, inside = _bone_under(lump[box], core[box], inside[box], solid[box], spacing_mm)
        lump[box] &= ~bone_under
        inside |= ground.enclosed[box] & ~solid[box]
        dense = solid[box] & ~dimmer[box] & (ground.hu[box] >= SPONGIOSA_HU)
        lump[box] |= _beyond_cortex(lump[box], inside, solid[box], dense, spacing_mm)
    labels = label_components(lump, connectivity=6)
    return np.isin(labels, np.unique(labels[core & lump]))


def _basin(core: Voxels, hu: HU, solid: Voxels, marrow: Voxels, spacing_mm: Float3) -> Voxels:
    """What falls away from the core rather than from bone."""
    markers = np.zeros(core.shape, dtype=np.int32)
    markers[solid & ~within_mm(core, spacing_mm, LUMP_TAIL_MM)] = 2
    markers[solid & within_mm(marrow, spacing_mm, CORTEX_MM)] = 2
    markers[core] = 1
    falling = -hu.astype(np.float32)
    basins = watershed(falling, markers, mask=solid)  # type: ignore[no-untyped-call]
    return np.asarray(basins == 1)


def _bone_under(
    lump: Voxels, core: Voxels, inside: Voxels, solid: Voxels, spacing_mm: Float3
) -> tuple[Voxels, Voxels]:
    """The bone that the lump ran into through the cortex it touches, and the inside of bone around.

    The inside hangs together with the bone outside; what lies on it is cortex, and so is what is left of the
    lump next to it in threads and films.
    """
    inside = opened(inside, spacing_mm, SPONGIOSA_RADIUS_MM)
    labels = label_components(inside | (solid & ~lump), connectivity=6)
    joined = np.zeros(int(labels.max()) + 1, dtype=bool)
    joined[np.unique(labels[solid & ~lump])] = True
    joined[0] = False
    inside &= joined[labels]
    beyond = ~within_mm(core, spacing_mm, CORTEX_MM)
    bone = within_mm(inside, spacing_mm, CORTEX_MM) & beyond
    rest = lump & ~bone
    films = rest & ~opened(rest, spacing_mm, FILM_RADIUS_MM)
    return bone | (films & beyond & within_mm(inside, spacing_mm, FILM_REACH_MM)), inside


def _beyond_cortex(lump: Voxels, inside: Voxels, solid: Voxels, dense: Voxels, spacing_mm: Float3) -> Voxels:
    """What is as dense as the lump, beside it, and further from the inside of bone than its cortex is thick.

    How thick the cortex is shows its free surface away from the lump.
    """
    bone = solid & ~lump
    surface = bone & with_neighbours(~solid & ~inside) & ~within_mm(lump, spacing_mm, FILM_REACH_MM)
    if not inside.any() or not surface.any():
        return np.zeros_like(lump)
    away_mm = distance_to_mm(inside, spacing_mm)
    cortex_mm = float(np.percentile(away_mm[surface], CORTEX_PERCENTILE))
    more = bone & dense & (away_mm > cortex_mm + BEYOND_CORTEX_MM)
    more &= within_mm(lump, spacing_mm, LOST_TAIL_MM)
    return more & opened(lump | more, spacing_mm, FILM_RADIUS_MM)


def _dark_insides(lump: Voxels, ground: _Ground) -> Voxels:
    """Small holes of each slice that border on bone more than on the lump: spongiosa that is not bright."""
    inside = np.zeros(lump.shape, dtype=bool)
    _, spacing_j, spacing_i = ground.spacing_mm
    most = round(LARGEST_INSIDE_MM2 / (spacing_j * spacing_i))
    beside_lump, beside_bone = (_beside_in_plane(one) for one in (lump, ground.solid & ~lump))
    for k, solid in enumerate(ground.solid):
        padded = label_background(np.pad(solid, 1))
        labels = padded[1:-1, 1:-1]
        sizes = np.bincount(padded.ravel())
        on_lump, on_bone = (
            np.bincount(labels[one[k]], minlength=len(sizes)) for one in (beside_lump, beside_bone)
        )
        small = (sizes <= most) & (on_lump <= LUMP_BESIDE_BONE * on_bone)
        small[[0, padded[0, 0]]] = False
        inside[k] = small[labels]
    return inside


def _beside_in_plane(voxels: Voxels) -> Voxels:
    """Set voxels and their neighbours along rows and columns."""
    near = voxels.copy()
    near[:, 1:] |= voxels[:, :-1]
    near[:, :-1] |= voxels[:, 1:]
    near[..., 1:] |= voxels[..., :-1]
    near[..., :-1] |= voxels[..., 1:]
    return near


def _dimmer(core: Voxels, hu: HU, spacing_mm: Float3) -> Voxels:
    """What is clearly less dense than the core next to it, noise smoothed away."""
    sigma = [min(DIM_SIGMA_MM / mm, DIM_SIGMA_VOXELS) for mm in spacing_mm]
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), sigma)
    size = [1 + 2 * round(PLATEAU_REACH_MM / mm) for mm in spacing_mm]
    plateau = ndimage.maximum_filter(np.where(core, smooth, np.float32(-1000)), size=size)
    dense = core & (smooth >= TISSUE_HU + DIM_SHARE * (plateau - TISSUE_HU))
    nearest = np.asarray(
        ndimage.distance_transform_edt(
            ~dense, sampling=spacing_mm, return_distances=False, return_indices=True
        )
    )
    level = TISSUE_HU + DIM_SHARE * (smooth[tuple(nearest)] - TISSUE_HU)
    return np.asarray(smooth < level)
