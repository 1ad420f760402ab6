"""Whether fat parts something from the bones next to it, as it parts bowel from the muscles on them.

Fat beside a piece is thin evidence against a lesion: a muscle has fat on its other side as well. Fat between
the piece and the bones it lies at says that it is in none of the muscles that line the pelvis.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask
from pipeline.steps.naming.atlas import Points
from pipeline.steps.place import Surroundings

FAT_HU = -30.0
REACH_MM = 20.0
"""Where every bone is further away no muscle lines it,"""
SLACK_MM = 8.0
"""and bones are next to a place where they are no further than the nearest one and this much."""
STEP_MM = 0.5
LAYER_MM = 2.0
"""As much fat parts two things."""


def share_of_ways_through_fat(mask: BoxedMask, around: Surroundings) -> float:
    """Of the straight ways from the middle of something to the bones next to it, how many cross fat.

    Returns
    -------
    float
        0 to 1; 0 as well where the atlas has no bone within 20 mm, or is not known.
    """
    if around.pelvis is None:
        return 0.0
    middle = np.asarray(mask.points_lps_mm().mean(axis=0), dtype=np.float64)
    ways = around.pelvis.fit.points - middle
    far_mm = np.linalg.norm(ways, axis=1)
    if far_mm.min() > REACH_MM:
        return 0.0
    near = far_mm <= far_mm.min() + SLACK_MM
    return float(_cross_fat(middle, ways[near], far_mm[near], around).mean())


def _cross_fat(middle: Points, ways: Points, far_mm: Points, around: Surroundings) -> Points:
    """(n,): 1 for each way that crosses a layer of fat before bone, else 0."""
    steps_mm = np.arange(0.0, far_mm.max(), STEP_MM)
    places = middle + (ways / far_mm[:, None])[:, None] * steps_mm[:, None]
    index = around.smooth.geometry.to_index(places.reshape(-1, 3)).T
    shape = (len(ways), len(steps_mm))
    hu = ndimage.map_coordinates(around.smooth.hu, index, output=np.float32, order=1, mode="nearest")
    bone = ndimage.map_coordinates(
        around.solid.view(np.uint8), index, output=np.uint8, order=0, mode="constant"
    )
    layer_hu = ndimage.uniform_filter1d(hu.reshape(shape), round(LAYER_MM / STEP_MM), axis=1, mode="nearest")
    before = ~np.logical_or.accumulate(bone.reshape(shape) > 0, axis=1) & (steps_mm <= far_mm[:, None])
    return np.asarray(((layer_hu <= FAT_HU) & before).any(axis=1), dtype=np.float64)
