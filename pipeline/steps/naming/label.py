"""The skeleton as it is shown: every bone at its own surface, with its name."""

from __future__ import annotations

import numpy as np

from pipeline.config import SkeletonSettings
from pipeline.domain.anatomy import BONES
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.steps.bone import pool_scan
from pipeline.steps.grid import expand, pool_max
from pipeline.steps.naming.draw import draw_bones
from pipeline.steps.naming.fit import fit_atlas
from pipeline.steps.naming.inside import bone_and_tissue
from pipeline.steps.naming.name import OTHER_BONE, name_blocks
from pipeline.steps.voxels import Voxels


def label_bones(
    solid: Voxels, lumps: Voxels, smooth: CTVolume, body: Mask, settings: SkeletonSettings
) -> LabelMap:
    """Name the bones and draw them at their surface.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones drawn wide.
    lumps : ndarray
        bool [k, j, i], calcium that touches them.

    Returns
    -------
    LabelMap
        Values are places in `BONES`, from 1; all bone is `other_bone` where no pelvis is shown.
    """
    pooled = pool_scan(smooth, body, settings)
    fit = fit_atlas(solid, smooth.geometry)
    values = np.zeros(solid.shape, dtype=np.uint8)
    coarse = smooth.geometry.coarsen(pooled.steps)
    if fit is None:
        drawn = draw_bones(solid, smooth, pooled, np.zeros(coarse.shape, dtype=bool))
        values[drawn] = BONES.index(OTHER_BONE) + 1
    else:
        inside, tissue = bone_and_tissue(pool_max(solid, pooled.steps), pooled.mean_hu, coarse, fit)
        whole = solid | (expand(inside, pooled.steps, pooled.shape) & ~lumps)
        drawn = draw_bones(whole, smooth, pooled, tissue)
        named = name_blocks(pool_max(drawn, pooled.steps), pooled.mean_hu, coarse, fit)
        values[drawn] = expand(named, pooled.steps, pooled.shape)[drawn]
    values.setflags(write=False)
    return LabelMap(values, smooth.geometry, dict(enumerate(BONES, start=1)))
