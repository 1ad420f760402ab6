"""What the rules on mimics ask of a component, each worked out once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask
from pipeline.steps.cover import covering_muscle_mm
from pipeline.steps.grid import margin_voxels
from pipeline.steps.naming.atlas import Points
from pipeline.steps.place import Place, Surroundings, distance_within_mm, place_of
from pipeline.steps.tissue import tissue_around_hu
from pipeline.steps.voxels import HU, depth_mm, distance_to_mm, label_background

GAS_REACH_MM = 2.6
"""The wall of bowel is 2 to 3 mm thick; contrast within has none between itself and the gas."""
SHELL_MM = (2.0, 5.0)
"""Where around a component the tissue it lies in is looked at."""
FAT_HU = -30.0
CONTRAST_HU = 150.0


@dataclass(frozen=True, slots=True)
class Texture:
    """The inside of a component."""

    middle_hu: float  #: median of its inner half, away from the blurred border
    unevenness: float  #: standard deviation over median, there
    thickness_mm: float  #: diameter of the largest ball that fits in


@dataclass(frozen=True, slots=True)
class GasContact:
    """How much of a component's surface lies on gas."""

    share: float
    area_mm2: float


@dataclass(frozen=True, eq=False)
class Facts:
    """A component among its surroundings."""

    mask: BoxedMask
    around: Surroundings

    @cached_property
    def high_hu(self) -> float:
        """98th percentile of its density."""
        return float(np.percentile(self.around.smooth.hu[self.mask.box][self.mask.voxels], 98))

    @cached_property
    def texture(self) -> Texture:
        """How even it is."""
        depth = depth_mm(np.pad(self.mask.voxels, 1), self.mask.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
        inner = self.around.smooth.hu[self.mask.box][depth >= depth.max() / 2].astype(np.float64)
        middle = float(np.median(inner))
        return Texture(middle, float(inner.std()) / max(middle, 1.0), 2 * float(depth.max()))

    @cached_property
    def own_unevenness(self) -> float:
        """What the noise of the scan does not explain."""
        explained = self.around.noise_hu / max(self.texture.middle_hu, 1.0)
        return float(np.sqrt(max(self.texture.unevenness**2 - explained**2, 0.0)))

    @cached_property
    def place(self) -> Place:
        """Where it lies among the bones."""
        return place_of(self.mask, self.around)

    @cached_property
    def middle_lps_mm(self) -> Points:
        """(3,): the mean of its voxels."""
        return np.asarray(self.mask.points_lps_mm().mean(axis=0), dtype=np.float64)

    @cached_property
    def gas(self) -> GasContact:
        """Whether it floats on gas."""
        spacing = self.mask.geometry.spacing_mm
        reach_mm = max(GAS_REACH_MM, 1.8 * max(spacing[1:]))
        wide = self.mask.padded(margin_voxels(spacing, reach_mm))
        gas = self.around.gas[wide.box]
        if not gas.any():
            return GasContact(0.0, 0.0)
        inside = ndimage.binary_erosion(wide.voxels, structure=np.ones((3, 3, 3), dtype=bool))
        touching = distance_to_mm(gas, spacing)[wide.voxels & ~inside] <= reach_mm
        area = float(touching.sum()) * self.mask.geometry.voxel_volume_mm3 ** (2 / 3)
        return GasContact(float(touching.mean()), area)

    @cached_property
    def gas_mm(self) -> float:
        """Distance to gas within the body; infinite beyond 40 mm."""
        return distance_within_mm(self.mask, self.around.gas)

    @cached_property
    def enclosed_hu(self) -> float | None:
        """The lowest density of what it closes in, in a slice; None where it closes nothing in."""
        whole = np.pad(self.mask.voxels, ((0, 0), (1, 1), (1, 1)))
        labels = np.stack([label_background(plane) for plane in whole])
        inside = ((labels != labels[:, :1, :1]) & (labels > 0))[:, 1:-1, 1:-1]
        return float(self.around.smooth.hu[self.mask.box][inside].min()) if inside.any() else None

    @cached_property
    def shell_hu(self) -> HU:
        """(n,): the tissue around it."""
        spacing = self.mask.geometry.spacing_mm
        wide = self.mask.padded(margin_voxels(spacing, SHELL_MM[1] + 1))
        away = distance_to_mm(wide.voxels, spacing)
        return self.around.smooth.hu[wide.box][(away >= SHELL_MM[0]) & (away <= SHELL_MM[1])]

    @cached_property
    def fat_share(self) -> float:
        """Of the tissue around it, how much is fat."""
        return float(np.mean(self.shell_hu <= FAT_HU)) if self.shell_hu.size else 0.0

    @cached_property
    def tissue_hu(self) -> float | None:
        """Density of the soft tissue around it, fat left aside; None where there is too little."""
        return tissue_around_hu(self.mask, self.around)

    @cached_property
    def below_muscle_hu(self) -> float:
        """By how much that tissue is less dense than the scan's muscle; minus infinity where unknown."""
        if self.around.muscle_hu is None or self.tissue_hu is None:
            return -float("inf")
        return self.around.muscle_hu - self.tissue_hu

    @cached_property
    def muscle_mm(self) -> float:
        """How far its middle lies outside of the muscles that line the pelvis, as the atlas has them.

        Negative within one; infinite where no atlas tells.
        """
        pelvis = self.around.pelvis
        return float("inf") if pelvis is None else pelvis.wall_muscle_mm(self.middle_lps_mm)

    @cached_property
    def covered_mm(self) -> float:
        """How much muscle lies between it and the skin."""
        return covering_muscle_mm(self.mask, self.around)

    @cached_property
    def contrast_share(self) -> float:
        """Of the tissue around it, how much is as dense as contrast medium or denser."""
        return float(np.mean(self.shell_hu >= CONTRAST_HU)) if self.shell_hu.size else 0.0

    @cached_property
    def mostly_released(self) -> bool:
        """Whether the skeleton gave most of it back."""
        given_back = np.count_nonzero(self.around.released[self.mask.box] & self.mask.voxels)
        return bool(given_back >= self.mask.voxel_count / 2)
