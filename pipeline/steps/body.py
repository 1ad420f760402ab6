"""Where the patient is: skin and inside, without table, clothing and air."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.config import BodySettings
from pipeline.domain.geometry import Float3
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.grid import expand, pool_steps, sample
from pipeline.steps.voxels import Voxels, depth_mm, distance_to_mm, label_components

BODY_GRID_MM = 2.5
"""Fine enough for a table top; the outermost voxel is added back afterwards."""
NEXT_IN_PLANE = np.array(
    [[[False] * 3] * 3, [[False, True, False], [True] * 3, [False, True, False]], [[False] * 3] * 3]
)
"""A voxel and its four neighbours in the slice."""


def segment_body(volume: CTVolume, settings: BodySettings) -> Mask:
    """Find the patient, holes filled, on a grid of about 2.5 mm carried back to the scan's.

    Tissue that a ball as thick as a table top does not fit into is dropped where it hangs on by
    itself; thin parts of the body next to thick ones (skin folds, plaques) stay.

    Returns
    -------
    Mask
        On the scan's grid; empty where there is only air.
    """
    steps = pool_steps(volume.geometry, target_mm=BODY_GRID_MM)
    spacing = volume.geometry.coarsen(steps).spacing_mm
    tissue = sample(volume.hu, steps) > settings.skin_hu
    thick = _thick_parts(tissue, spacing, settings)
    reach = settings.table_thickness_mm / 2 + 2 * max(spacing[1:])
    near = distance_to_mm(thick, spacing) <= reach
    body = ndimage.binary_dilation(tissue & near, structure=NEXT_IN_PLANE) & near
    for plane in body:
        ndimage.binary_fill_holes(plane, output=plane)
    voxels = expand(body, steps, volume.geometry.shape)
    voxels.setflags(write=False)
    return Mask(voxels, volume.geometry)


def _thick_parts(tissue: Voxels, spacing_mm: Float3, settings: BodySettings) -> Voxels:
    """Centres of balls that fit into the tissue, in pieces large enough to be a body part."""
    core = depth_mm(tissue, spacing_mm) > settings.table_thickness_mm / 2
    if not core.any():
        return tissue
    labels = label_components(core, connectivity=26)
    volumes = np.bincount(labels.ravel()) * float(np.prod(spacing_mm))
    volumes[0] = 0
    return np.asarray((volumes >= settings.smallest_part_mm3)[labels])
