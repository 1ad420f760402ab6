"""A scan with a metal hip and TotalSegmentator's labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.analysis import Analysis
from pipeline.domain.anatomy import BONES
from pipeline.domain.image import CTVolume
from pipeline.domain.lesion import Lesion
from pipeline.domain.scan import Scan
from pipeline.nifti import read_label_map, read_volume
from tests.accuracy.lesions import FalseLesion, describe
from tests.accuracy.real import FURTHER_MM3
from tests.accuracy.sets import DATA
from tests.accuracy.truth import Truth

METAL = "metal"
METAL_HU = 2500
METAL_REACH_MM = 30.0

CLASSES = {
    25: "sacrum", 26: "sacrum", 27: "lumbar_vertebrae", 28: "lumbar_vertebrae", 29: "lumbar_vertebrae",
    30: "lumbar_vertebrae", 31: "lumbar_vertebrae", 75: "femur_left", 76: "femur_right",
    77: "hip_bone_left", 78: "hip_bone_right",
    **dict.fromkeys((*range(32, 51), 69, 70, 71, 72, 73, 74, 91, *range(92, 117)), "other_bone"),
    2: "kidney", 3: "kidney", 6: "stomach", 18: "small bowel", 19: "duodenum", 20: "colon", 21: "bladder",
    52: "aorta", 63: "vena cava", 64: "portal vein", 65: "iliac artery", 66: "iliac artery", 67: "iliac vein",
    68: "iliac vein", 117: "costal cartilage",
}  # fmt: skip
"""TotalSegmentator's classes of version 2 that are bone or may be bright; S1 is part of the sacrum."""


@dataclass(frozen=True, eq=False)
class Example:
    """The scan, and what another program says of it."""

    scan: Scan
    classes: NDArray[np.uint8] | NDArray[np.uint16]  #: as in `CLASSES`
    near_metal: NDArray[np.bool_]

    @property
    def bones(self) -> NDArray[np.uint8]:
        """Values as in `BONES`."""
        value = [BONES.index(name) + 1 if (name := CLASSES.get(n)) in BONES else 0 for n in range(256)]
        return np.array(value, dtype=np.uint8)[self.classes]


def load_example() -> Example:
    """Read the scan and its labels."""
    folder = DATA / "totalsegmentator_example"
    scan = read_volume(folder / "example_ct.nii.gz")
    labels = read_label_map(folder / "example_seg_fast_force_split.nii.gz", {})
    return Example(scan, labels.values, near_metal(scan.volume))


def near_metal(volume: CTVolume) -> NDArray[np.bool_]:
    """Voxels within reach of metal."""
    metal = volume.hu > METAL_HU
    if not metal.any():
        return np.zeros(volume.geometry.shape, dtype=bool)
    away = ndimage.distance_transform_edt(~metal, sampling=volume.geometry.spacing_mm)
    return np.asarray(away <= METAL_REACH_MM)


def example_lesions(example: Example, analysis: Analysis) -> tuple[FalseLesion, ...]:
    """All lesions, with the organ that most of each lies in, or metal where that is near."""
    nothing = np.zeros((1, 1, 1), np.uint8)
    truth = Truth(example.scan, (), nothing, (), nothing)
    return tuple(
        replace(describe(lesion, truth), on_mimic=_organ(lesion, example))
        for lesion in analysis.lesions
        if lesion.size.voxel_volume_mm3 >= FURTHER_MM3
    )


def _organ(lesion: Lesion, example: Example) -> str | None:
    box, voxels = lesion.mask.box, lesion.mask.voxels
    if (example.near_metal[box] & voxels).any():
        return METAL
    counts = np.bincount(example.classes[box][voxels], minlength=2)
    return CLASSES.get(int(np.argmax(counts[1:])) + 1) if counts[1:].any() else None
