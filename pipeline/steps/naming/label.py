"""The skeleton as it is shown: every bone at its own surface, with its name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import grow_box
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.steps.grid import bounding_box, expand, margin_voxels, pool_max, pool_mean
from pipeline.steps.naming.draw import draw_bones, without_pores
from pipeline.steps.naming.field import REACH_MM, ask_atlas
from pipeline.steps.naming.fill import fill_bones
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.inside import bone_and_tissue
from pipeline.steps.naming.name import OTHER_BONE, name_blocks
from pipeline.steps.naming.places import Blocks
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Voxels


def label_bones(skeleton: Skeleton, fit: AtlasFit | None, smooth: CTVolume) -> LabelMap:
    """Name the bones and draw them at their surface, in the box that holds them.

    Parameters
    ----------
    skeleton : Skeleton
        Bones drawn wide, and the calcium that touches them.
    fit : AtlasFit or None
        Of the atlas to these bones; None where no pelvis is shown.

    Returns
    -------
    LabelMap
        Values are places in `BONES`, from 1; all bone is `other_bone` where no pelvis is shown.
    """
    solid, geometry = skeleton.solid, smooth.geometry
    values = np.zeros(solid.shape, dtype=np.uint8)
    found = bounding_box(solid)
    if found is not None:
        box = grow_box(found, margin_voxels(geometry.spacing_mm, REACH_MM), geometry.shape)
        if fit is None:
            values[box] = _unnamed(solid[box], smooth.crop(box))
        else:
            values[box] = _named(solid[box], skeleton.lumps[box], fit, smooth.crop(box))
    values.setflags(write=False)
    return LabelMap(values, geometry, dict(enumerate(BONES, start=1)))


def _unnamed(solid: Voxels, smooth: CTVolume) -> NDArray[np.uint8]:
    blocks = Blocks.of(smooth)
    drawn = draw_bones(solid, smooth, blocks, np.zeros(blocks.mean_hu.shape, dtype=bool))
    drawn = without_pores(drawn, smooth.geometry.spacing_mm)
    return drawn * np.uint8(BONES.index(OTHER_BONE) + 1)


def _named(solid: Voxels, lumps: Voxels, fit: AtlasFit, smooth: CTVolume) -> NDArray[np.uint8]:
    blocks = Blocks.of(smooth)
    spacing_mm = blocks.geometry.spacing_mm
    wide = np.asarray(pool_max(solid, blocks.steps))
    field = ask_atlas(wide, blocks.geometry, fit)
    inside, tissue = bone_and_tissue(wide, blocks.mean_hu, spacing_mm, field)
    whole = solid | (expand(inside, blocks.steps, blocks.shape) & ~lumps)
    drawn = draw_bones(whole, smooth, blocks, tissue)
    named = name_blocks(pool_max(drawn, blocks.steps), blocks.mean_hu, field, fit)
    inner = fill_bones(named, pool_mean(drawn, blocks.steps) >= 0.5, blocks.mean_hu, spacing_mm)
    values = expand(np.maximum(named, inner), blocks.steps, blocks.shape)
    drawn |= expand(inner > 0, blocks.steps, blocks.shape) & ~lumps
    values *= drawn
    return values
