"""Metal: denser than any bone, and mostly cut off at the top of the scanner's scale.

It is painted over before bones and calcium are looked for, and listed by itself. What it does to
its surroundings is in `streaks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import MetalSettings
from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import bounding_box, margin_voxels
from pipeline.steps.voxels import HU, Voxels, component_boxes, label_components, within_mm

TISSUE_HU = 50
"""What metal is painted over with: below any threshold, above fat and gas."""

NEXT = ndimage.generate_binary_structure(3, 2)
"""Voxels that share a face or an edge."""


@dataclass(frozen=True, eq=False, slots=True)
class Metal:
    """Where metal is and what it spoils; all bool [k, j, i] on the scan's grid."""

    voxels: Voxels  #: above half of its height
    rim: Voxels  #: blurred by it, without `voxels`

    @property
    def hidden(self) -> Voxels:
        """Metal and its blurred rim."""
        return np.asarray(self.voxels | self.rim)


def find_metal(volume: CTVolume, settings: MetalSettings, *, factor: float) -> Metal | None:
    """Find what is denser than bone and calcium can be.

    Parameters
    ----------
    volume : CTVolume
        Not smoothed.
    factor : float
        How many times brighter calcium is than at 120 kVp. The level follows it up to the top of
        the scale, where metal is cut off at any tube voltage.

    Returns
    -------
    Metal or None
        None where there is none.
    """
    seed_hu = min(settings.seed_hu * factor, settings.saturated_hu)
    if volume.hu.max() < seed_hu:
        return None
    seeds = _large_parts(volume.hu >= seed_hu, volume, settings.smallest_mm3)
    found = bounding_box(seeds)
    if found is None:
        return None
    spacing_mm = volume.geometry.spacing_mm
    k, j, i = (2 * max(1, n) for n in margin_voxels(spacing_mm, settings.rim_mm))
    box = grow_box(found, (k, j, i), volume.geometry.shape)
    inside = np.zeros(seeds.shape, dtype=bool)
    inside[box] = _to_half_height(volume.hu[box], seeds[box], spacing_mm, settings)
    rim = np.zeros_like(inside)
    rim[box] = _near(inside[box], spacing_mm, settings.rim_mm) & ~inside[box]
    return Metal(inside, rim)


def _large_parts(voxels: Voxels, volume: CTVolume, smallest_mm3: float) -> Voxels:
    box = bounding_box(voxels)
    kept = np.zeros_like(voxels)
    if box is not None:
        labels = label_components(voxels[box], connectivity=26)
        large = np.bincount(labels.ravel()) * volume.geometry.voxel_volume_mm3 >= smallest_mm3
        large[0] = False
        kept[box] = large[labels]
    return kept


def _to_half_height(hu: HU, seeds: Voxels, spacing_mm: Float3, settings: MetalSettings) -> Voxels:
    """Seeds and what lies beside them above half of the greatest HU near by."""
    size = [2 * max(1, int(settings.rim_mm / mm)) + 1 for mm in spacing_mm]
    peak = ndimage.maximum_filter(hu, size=size, mode="nearest").astype(np.float32)
    return _near(seeds, spacing_mm, settings.rim_mm) & (hu >= peak / 2)


def _near(voxels: Voxels, spacing_mm: Float3, reach_mm: float) -> Voxels:
    """Within a distance, and the next voxels at any spacing."""
    beside = ndimage.binary_dilation(voxels, structure=NEXT)
    return np.asarray(beside | within_mm(voxels, spacing_mm, reach_mm))


def hide_metal(volume: CTVolume, metal: Metal | None) -> CTVolume:
    """The scan with metal and its blurred rim painted over as soft tissue."""
    if metal is None:
        return volume
    hu = volume.hu.copy()
    hu[metal.hidden] = TISSUE_HU
    hu.setflags(write=False)
    return CTVolume(hu, volume.geometry)


def bones_beside_metal(labels: LabelMap, metal: Metal | None) -> LabelMap:
    """Bones as found with the metal hidden: carried on into its rim, and taken out of the metal."""
    if metal is None:
        return labels
    found = bounding_box(metal.hidden)
    if found is None:
        return labels
    values = labels.values.copy()
    box = grow_box(found, (2, 2, 2), labels.geometry.shape)
    values[box] = _carried_on(values[box], metal.rim[box], labels.geometry.spacing_mm)
    values[metal.voxels] = 0
    values.setflags(write=False)
    return LabelMap(values, labels.geometry, labels.names)


def _carried_on(
    values: NDArray[np.uint8] | NDArray[np.uint16], rim: Voxels, spacing_mm: Float3
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Labels carried into the rim from next to it."""
    nearest = ndimage.distance_transform_edt(
        values == 0, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    reach = _near(values > 0, spacing_mm, 0.0) & rim & (values == 0)
    return np.where(reach, values[tuple(nearest)], values)


def list_metal(volume: CTVolume, metal: Metal | None) -> tuple[Candidate, ...]:
    """Every piece of metal as something left out, by falling volume."""
    if metal is None:
        return ()
    labels = label_components(metal.voxels, connectivity=26)
    pieces = [
        _piece(labels[box] == label, box, volume)
        for label, box in enumerate(component_boxes(labels), start=1)
    ]
    return tuple(sorted(pieces, key=lambda one: -one.mask.voxel_count))


def _piece(voxels: Voxels, box: Box, volume: CTVolume) -> Candidate:
    hu = volume.hu[box][voxels]
    reason = f"{hu.max():.0f} HU: denser than bone or calcium"
    mask = BoxedMask(voxels, box, volume.geometry)
    return Candidate(mask, float(hu.min()), 1, float(hu.max()), kind="metal", reason=reason)
