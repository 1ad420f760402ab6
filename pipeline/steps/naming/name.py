"""Names carried from the fitted atlas to every voxel of bone.

Deep inside a bone, or far nearer to one bone than to any other, the atlas is sure. From there the names
spread through the marrow first: two bones meet where the ridge of their cortices runs, which the scan knows
better than the atlas.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import grow_box
from pipeline.steps.grid import expand
from pipeline.steps.naming.field import AtlasField
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.places import NEAR_MM
from pipeline.steps.naming.spread import spread
from pipeline.steps.voxels import Voxels, component_boxes, label_components, with_neighbours

OTHER_BONE = "other_bone"
VALUES = MappingProxyType({name: value for value, name in enumerate(BONES, start=1)})
"""What each bone is called in a label map."""

NEARER_MM = 20.0
"""So much nearer to one bone than to the next is sure."""
DEEP_MM = 7.0
"""So deep inside a bone's surface is sure."""
MOST_BLOCKS = 4096
"""No bone is so large that it closes in more."""
LUMBAR_MM = 185.0
"""Height of five vertebrae with their discs, in the reference patient."""


def name_blocks(
    solid: Voxels, mean_hu: NDArray[np.float32], field: AtlasField, fit: AtlasFit
) -> NDArray[np.uint8]:
    """Name every block of bone.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bone on a coarse grid.
    mean_hu : ndarray
        The scan on that grid.
    field : AtlasField
        Of the atlas to this bone.

    Returns
    -------
    ndarray
        uint8 [k, j, i], as in `VALUES`; 0 where there is no bone.
    """
    sure = expand(_sure_names(field, fit), field.steps, solid.shape)
    named = spread(np.where(solid, sure, np.uint8(0)), mean_hu, solid)
    named[solid & (named == 0)] = VALUES[OTHER_BONE]
    return _without_closed_in(named)


def _without_closed_in(named: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The names, where other bone that one bone closes in has that bone's.

    The middle of an adult's femoral head is as far from every surface as another bone, and perhaps
    nearer to the socket.
    """
    labels = label_components(named == VALUES[OTHER_BONE], connectivity=26)
    for number, (k, j, i) in enumerate(component_boxes(labels), start=1):
        box = grow_box((k, j, i), (1, 1, 1), named.shape)
        own = labels[box] == number
        if np.count_nonzero(own) > MOST_BLOCKS:
            continue
        around = np.unique(named[box][with_neighbours(own) & ~own])
        if len(around) == 1 and around[0]:
            named[box][own] = around[0]
    return named


def _sure_names(field: AtlasField, fit: AtlasFit) -> NDArray[np.uint8]:
    """Names where the atlas is sure, 0 elsewhere, on the grid that it was asked on."""
    sure = (field.distance_mm <= NEAR_MM) & ((field.lead_mm >= NEARER_MM) | (field.height_mm <= -DEEP_MM))
    values = np.array([VALUES[name] for name in fit.atlas.names], dtype=np.uint8)
    names = np.where(sure, values[field.bone], 0).astype(np.uint8)
    names[_is_another(field, fit)] = VALUES[OTHER_BONE]
    return names


def _is_another(field: AtlasField, fit: AtlasFit) -> Voxels:
    """What is far outside within the atlas's range along the body, or above the highest lumbar vertebra."""
    z, own = field.level_mm, fit.points[:, 2]
    covered = (z > own.min() + NEAR_MM) & (z < own.max() - NEAR_MM)
    top_mm = own[fit.atlas.of("sacrum")].max() + LUMBAR_MM * fit.size
    far = (field.distance_mm > NEAR_MM) & (field.height_mm > 0)
    return np.asarray(field.asked & ((covered & far) | (z > top_mm)))
