"""Where the patient is: skin and inside, without table, clothing and air."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.config import BodySettings
from pipeline.domain.geometry import Float3, grow_box
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.grid import bounding_box, expand, fine_box, pool_steps, sample
from pipeline.steps.voxels import Voxels, deeper_than_mm, label_components, within_mm

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
    voxels = np.zeros(volume.geometry.shape, dtype=bool)
    found = bounding_box(tissue)
    if found is not None:
        box = grow_box(found, (1, 1, 1), tissue.shape)
        fine = fine_box(box, steps, volume.geometry.shape)
        k, j, i = (s.stop - s.start for s in fine)
        voxels[fine] = expand(_body(tissue[box], spacing, settings), steps, (k, j, i))
    voxels.setflags(write=False)
    return Mask(voxels, volume.geometry)


def _body(tissue: Voxels, spacing_mm: Float3, settings: BodySettings) -> Voxels:
    """Tissue in or next to thick parts, its holes filled."""
    thick = _thick_parts(tissue, spacing_mm, settings)
    reach_mm = settings.table_thickness_mm / 2 + 2 * max(spacing_mm[1:])
    near = within_mm(thick, spacing_mm, reach_mm)
    body = np.asarray(ndimage.binary_dilation(tissue & near, structure=NEXT_IN_PLANE) & near)
    for plane in body:
        ndimage.binary_fill_holes(plane, output=plane)
    return body


def _thick_parts(tissue: Voxels, spacing_mm: Float3, settings: BodySettings) -> Voxels:
    """Centres of balls that fit into the tissue, in pieces large enough to be a body part."""
    core = deeper_than_mm(tissue, spacing_mm, settings.table_thickness_mm / 2)
    if not core.any():
        return tissue
    labels = label_components(core, connectivity=26)
    volumes = np.bincount(labels.ravel()) * float(np.prod(spacing_mm))
    volumes[0] = 0
    return np.asarray((volumes >= settings.smallest_part_mm3)[labels])
