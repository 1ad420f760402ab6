"""Read the lesions that a human outlined, for one scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.anatomy.carry import carry_labels
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.outlines import Outlines
from pipeline.domain.scan import Scan
from pipeline.errors import InputRefused
from pipeline.nifti import SUFFIXES, read_label_map
from pipeline.outlines.grid import Index, by_value, grid_text, index_on, refuse_grid


def read_outlines(path: Path, scan: Scan, *, resample: bool = False) -> Outlines:
    """Read a label map (NIfTI, or DICOM SEG) whose every value or segment is one lesion.

    Parameters
    ----------
    resample : bool
        Take the nearest label at each voxel of the scan where the grids differ. Without it, that is refused.

    Raises
    ------
    InputRefused
        LESIONS_GRID for another grid; LESIONS_MISMATCH for outlines of another series; LESIONS_EMPTY without
        any; LESIONS_OVERLAP where a voxel is in two; else as the readers of NIfTI and DICOM say.
    """
    geometry = scan.volume.geometry
    if path.name.lower().endswith(SUFFIXES):
        labels = read_label_map(path, {})
        index = _resampled(labels, geometry) if resample else _placed(labels, geometry)
    else:
        from pipeline.dicom.seg_outlines import resampled_segments, segment_voxels

        take = resampled_segments if resample else segment_voxels
        index = take(path, scan)
    if not index:
        raise InputRefused("LESIONS_EMPTY", "expected at least one outlined lesion, found none")
    _refuse_overlap(index, geometry)
    return Outlines(tuple(BoxedMask.of_index(index[value], geometry) for value in sorted(index)))


def _placed(labels: LabelMap, geometry: Geometry) -> dict[int, Index]:
    """The voxels of each label, where they are voxels of the scan."""
    there = np.argwhere(labels.values)
    ends = labels.geometry.to_lps_mm([[0, 0, 0], [n - 1 for n in labels.geometry.shape]])
    spans = [np.ptp(grid.to_index(ends), axis=0) for grid in (labels.geometry, geometry)]
    found = index_on(geometry, labels.geometry.to_lps_mm(there))
    if found is None or np.abs(spans[0] - spans[1]).max() > 0.5:
        raise refuse_grid(geometry, grid_text(labels.geometry))
    values = labels.values[tuple(there.T)]
    return {int(value): found[values == value] for value in np.unique(values)}


def _resampled(labels: LabelMap, geometry: Geometry) -> dict[int, Index]:
    return by_value(labels, carry_labels(labels, geometry))


def _refuse_overlap(index: Mapping[int, Index], geometry: Geometry) -> None:
    flat = np.concatenate([np.ravel_multi_index(tuple(own.T), geometry.shape) for own in index.values()])
    twice = len(flat) - len(np.unique(flat))
    if twice:
        raise InputRefused("LESIONS_OVERLAP", f"{twice} voxels are in two outlined lesions: each is in one")
