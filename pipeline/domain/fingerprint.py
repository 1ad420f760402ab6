"""What a result was computed from, as hashes: of the voxels, and of all that decides numbers."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import numpy as np

from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition


def with_hashes(acquisition: Acquisition, volume: CTVolume) -> Acquisition:
    """The acquisition with the hashes of its voxels and of all that decides numbers."""
    voxels = voxels_sha256(volume)
    return replace(acquisition, voxels_sha256=voxels, input_sha256=_input_sha256(volume, acquisition, voxels))


def voxels_sha256(volume: CTVolume) -> str:
    """Hash the voxels alone: two scans of a patient differ in their noise, whatever their headers say."""
    voxels = volume.hu if sys.byteorder == "little" else volume.hu.byteswap()
    return hashlib.sha256(np.ascontiguousarray(voxels).data).hexdigest()


def _input_sha256(volume: CTVolume, acquisition: Acquisition, voxels: str) -> str:
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
    digest.update(voxels.encode())
    return digest.hexdigest()
