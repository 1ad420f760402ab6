"""What a result was computed from, as one hash: voxels, grid, and the fields that decide numbers."""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition


def input_sha256(volume: CTVolume, acquisition: Acquisition) -> str:
    """Hash a scan independently of file order, names and compression; no identity goes in."""
    deciding = (
        acquisition.study_date,
        acquisition.age_years,
        acquisition.sex,
        acquisition.manufacturer,
        acquisition.kvp,
        acquisition.kernel,
        acquisition.slice_thickness_mm,
        acquisition.contrast_agent,
        volume.geometry.shape,
        volume.hu.dtype.name,
    )
    digest = hashlib.sha256(repr(deciding).encode())
    digest.update((volume.geometry.affine.round(6) + 0.0).astype("<f8").tobytes())
    voxels = volume.hu if sys.byteorder == "little" else volume.hu.byteswap()
    digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()
