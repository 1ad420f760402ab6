"""The skeleton as it is shown: every bone at its own surface, with its name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.image import LabelMap
from pipeline.steps.grid import expand, pool_max, pool_mean
from pipeline.steps.naming.draw import Canvas, draw_bones, without_pores
from pipeline.steps.naming.field import ask_atlas
from pipeline.steps.naming.fill import fill_bones
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.inside import bone_and_tissue
from pipeline.steps.naming.name import OTHER_BONE, name_blocks
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Voxels


def label_bones(skeleton: Skeleton, fit: AtlasFit | None, canvas: Canvas | None) -> LabelMap:
    """Name the bones and draw them at their surface, in the box that holds them.

    Parameters
    ----------
    skeleton : Skeleton
        Bones drawn wide, and the calcium that touches them.
    fit : AtlasFit or None
        Of the atlas to these bones; None where no pelvis is shown.
    canvas : Canvas or None
        The scan around these bones, or around more than these; None where there is no bone.

    Returns
    -------
    LabelMap
        Values are places in `BONES`, from 1; all bone is `other_bone` where no pelvis is shown.
    """
    solid = skeleton.solid
    values = np.zeros(solid.shape, dtype=np.uint8)
    if canvas is not None:
        box = canvas.box
        if fit is None:
            values[box] = _unnamed(solid[box], canvas)
        else:
            values[box] = _named(solid[box], skeleton.lumps[box], fit, canvas)
    values.setflags(write=False)
    return LabelMap(values, skeleton.labels.geometry, dict(enumerate(BONES, start=1)))


def _unnamed(solid: Voxels, canvas: Canvas) -> NDArray[np.uint8]:
    drawn = draw_bones(solid, canvas, np.zeros(canvas.blocks.mean_hu.shape, dtype=bool))
    drawn = without_pores(drawn, canvas.spacing_mm)
    return drawn * np.uint8(BONES.index(OTHER_BONE) + 1)


def _named(solid: Voxels, lumps: Voxels, fit: AtlasFit, canvas: Canvas) -> NDArray[np.uint8]:
    blocks = canvas.blocks
    spacing_mm = blocks.geometry.spacing_mm
    wide = np.asarray(pool_max(solid, blocks.steps))
    field = ask_atlas(wide, blocks.geometry, fit)
    asked = bone_and_tissue(wide, blocks.mean_hu, spacing_mm, field)
    whole = solid | (expand(asked.inside, blocks.steps, blocks.shape) & ~lumps)
    drawn = draw_bones(whole, canvas, asked.tissue)
    named = name_blocks(pool_max(drawn, blocks.steps), blocks.mean_hu, field, fit)
    core = pool_mean(drawn, blocks.steps) >= 0.5
    inner = fill_bones(named, core, blocks.mean_hu, spacing_mm, thin_wall=asked.thin_wall)
    values = expand(np.maximum(named, inner), blocks.steps, blocks.shape)
    drawn |= expand(inner > 0, blocks.steps, blocks.shape) & ~lumps
    values *= drawn
    return values
