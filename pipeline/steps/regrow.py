"""Lumps grown back from their cores, against the bone they touch.

From its core a lump is grown along falling density, so that the border runs in the valley between lump
and bone. What it ran into through the cortex is given back to the bone.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import CTVolume
from pipeline.steps.grid import bounding_box, margin_voxels
from pipeline.steps.parting import is_cut
from pipeline.steps.voxels import HU, Voxels, component_boxes, label_components, opened, within_mm

CORTEX_MM = 1.6
"""What lies this near to marrow is cortex, whatever touches it."""
LUMP_TAIL_MM = 20.0
"""How far a lump may taper beyond where the ball fits."""
TISSUE_HU = 60.0
SPONGIOSA_RADIUS_MM = 1.5
"""Spongiosa is dim over more than the blurred rim of a lump."""
DIM_SHARE = 0.6
"""Spongiosa has less than this share of the lump's height over soft tissue."""
DIM_SIGMA_MM, DIM_SIGMA_VOXELS = 0.8, 0.6
"""Noise is smoothed this much before they are compared, and never more than so many voxels."""
FILM_RADIUS_MM = 1.6
"""What no ball of this radius fits into,"""
FILM_REACH_MM = 2.5
"""this near to bone, is cortex."""


def grow_lumps(smooth: CTVolume, cores: Voxels, bright: Voxels, marrow: Voxels) -> Voxels:
    """The lumps around their cores: what falls away from a core rather than from a bone.

    Parameters
    ----------
    bright : ndarray
        bool [k, j, i], bones and lumps together.
    marrow : ndarray
        bool [k, j, i], the inside of the bones, as found with the lumps out of the way.
    """
    lumps = np.zeros(cores.shape, dtype=bool)
    labels = label_components(cores, connectivity=26)
    margin = margin_voxels(smooth.geometry.spacing_mm, LUMP_TAIL_MM + 2 * CORTEX_MM)
    for label, found in enumerate(component_boxes(labels), start=1):
        box = grow_box(found, margin, cores.shape)
        core = labels[box] == label
        lump = _grow_back(core, smooth.hu[box], bright[box], marrow[box], smooth.geometry.spacing_mm)
        if not _on_edge(lump, box, smooth.geometry.shape):
            lumps[box] |= lump
    return lumps


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


def _grow_back(
    core: Voxels,
    hu: HU,
    solid: Voxels,
    marrow: Voxels,
    spacing_mm: Float3,
) -> Voxels:
    markers = np.zeros(core.shape, dtype=np.int32)
    markers[solid & ~within_mm(core, spacing_mm, LUMP_TAIL_MM)] = 2
    markers[solid & within_mm(marrow, spacing_mm, CORTEX_MM)] = 2
    markers[core] = 1
    falling = -hu.astype(np.float32)
    basins = watershed(falling, markers, mask=solid)  # type: ignore[no-untyped-call]
    lump = np.asarray(basins == 1)
    found = bounding_box(lump)
    if found is not None:
        box = grow_box(found, margin_voxels(spacing_mm, 2 * CORTEX_MM + SPONGIOSA_RADIUS_MM), lump.shape)
        lump[box] &= ~_bone_under(lump[box], core[box], hu[box], solid[box], spacing_mm)
    labels = label_components(lump, connectivity=6)
    return np.isin(labels, np.unique(labels[core & lump]))


def _bone_under(lump: Voxels, core: Voxels, hu: HU, solid: Voxels, spacing_mm: Float3) -> Voxels:
    """Spongiosa that the lump ran into through the cortex it touches, and that cortex.

    Spongiosa is clearly less dense than the lump over more than its blurred rim, and hangs together with
    the bone outside. What is left of the lump beside it in threads and films is cortex.
    """
    spongy = opened(_dimmer(core, hu, spacing_mm) & solid, spacing_mm, SPONGIOSA_RADIUS_MM)
    labels = label_components(spongy | (solid & ~lump), connectivity=6)
    joined = np.zeros(int(labels.max()) + 1, dtype=bool)
    joined[np.unique(labels[solid & ~lump])] = True
    joined[0] = False
    spongy &= joined[labels]
    beyond = ~within_mm(core, spacing_mm, CORTEX_MM)
    bone = within_mm(spongy, spacing_mm, CORTEX_MM) & beyond
    rest = lump & ~bone
    films = rest & ~opened(rest, spacing_mm, FILM_RADIUS_MM)
    return bone | (films & beyond & within_mm(solid & ~rest, spacing_mm, FILM_REACH_MM))


def _dimmer(core: Voxels, hu: HU, spacing_mm: Float3) -> Voxels:
    """What is clearly less dense than the core next to it, noise smoothed away."""
    sigma = [min(DIM_SIGMA_MM / mm, DIM_SIGMA_VOXELS) for mm in spacing_mm]
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), sigma)
    nearest = np.asarray(
        ndimage.distance_transform_edt(
            ~core, sampling=spacing_mm, return_distances=False, return_indices=True
        )
    )
    level = TISSUE_HU + DIM_SHARE * (smooth[tuple(nearest)] - TISSUE_HU)
    return np.asarray(smooth < level)
