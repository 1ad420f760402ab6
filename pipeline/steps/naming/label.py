"""The skeleton as it is shown: every bone at its own surface, with its name."""

from __future__ import annotations

import numpy as np

from pipeline.config import SkeletonSettings
from pipeline.domain.anatomy import BONES
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.steps.bone import pool_scan
from pipeline.steps.grid import expand, pool_max
from pipeline.steps.naming.draw import draw_bones
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.inside import bone_and_tissue
from pipeline.steps.naming.name import OTHER_BONE, name_blocks
from pipeline.steps.skeleton import Skeleton

GRID_MM = 1.6
"""Names and insides are told on voxels of about this size; surfaces on the scan's own."""


def label_bones(
    skeleton: Skeleton, fit: AtlasFit | None, smooth: CTVolume, body: Mask, settings: SkeletonSettings
) -> LabelMap:
    """Name the bones and draw them at their surface.

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
    pooled = pool_scan(smooth, body, settings.model_copy(update={"grid_mm": GRID_MM}))
    solid = skeleton.solid
    values = np.zeros(solid.shape, dtype=np.uint8)
    coarse = smooth.geometry.coarsen(pooled.steps)
    if fit is None:
        drawn = draw_bones(solid, smooth, pooled, np.zeros(coarse.shape, dtype=bool))
        values[drawn] = BONES.index(OTHER_BONE) + 1
    else:
        inside, tissue = bone_and_tissue(pool_max(solid, pooled.steps), pooled.mean_hu, coarse, fit)
        whole = solid | (expand(inside, pooled.steps, pooled.shape) & ~skeleton.lumps)
        drawn = draw_bones(whole, smooth, pooled, tissue)
        named = name_blocks(pool_max(drawn, pooled.steps), pooled.mean_hu, coarse, fit)
        values[drawn] = expand(named, pooled.steps, pooled.shape)[drawn]
    values.setflags(write=False)
    return LabelMap(values, smooth.geometry, dict(enumerate(BONES, start=1)))
