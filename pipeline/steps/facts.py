"""What the rules on mimics ask of a component, each worked out once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask
from pipeline.steps.grid import margin_voxels
from pipeline.steps.naming.atlas import Points
from pipeline.steps.place import Place, Surroundings, place_of
from pipeline.steps.voxels import depth_mm, distance_to_mm

GAS_REACH_MM = 2.6
"""The wall of bowel is 2 to 3 mm thick; contrast within has none between itself and the gas."""
FARTHEST_GAS_MM = 20.0
SHELL_MM = (2.0, 5.0)
"""Where around a component the tissue it lies in is looked at."""
FAT_HU = -30.0


@dataclass(frozen=True, slots=True)
class Texture:
    """The inside of a component."""

    middle_hu: float  #: median of its inner half, away from the blurred border
    unevenness: float  #: standard deviation over median, there
    high_hu: float  #: 98th percentile of all of it
    thickness_mm: float  #: diameter of the largest ball that fits in


@dataclass(frozen=True, slots=True)
class GasContact:
    """How a component lies to gas within the body."""

    distance_mm: float  #: infinite beyond 20 mm
    share: float  #: of its surface that lies on gas
    area_mm2: float  #: the same


@dataclass(frozen=True, eq=False)
class Facts:
    """A component among its surroundings."""

    mask: BoxedMask
    around: Surroundings

    @cached_property
    def texture(self) -> Texture:
        """How dense and how even it is."""
        depth = depth_mm(np.pad(self.mask.voxels, 1), self.mask.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
        hu = self.around.smooth.hu[self.mask.box]
        inner = hu[depth >= depth.max() / 2].astype(np.float64)
        middle = float(np.median(inner))
        high = float(np.percentile(hu[self.mask.voxels], 98))
        return Texture(middle, float(inner.std()) / max(middle, 1.0), high, 2 * float(depth.max()))

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
        wide = self.mask.padded(margin_voxels(spacing, FARTHEST_GAS_MM))
        gas = self.around.gas[wide.box]
        if not gas.any():
            return GasContact(float("inf"), 0.0, 0.0)
        away = distance_to_mm(gas, spacing)
        inside = ndimage.binary_erosion(wide.voxels, structure=np.ones((3, 3, 3), dtype=bool))
        surface = wide.voxels & ~inside
        touching = away[surface] <= max(GAS_REACH_MM, 1.8 * max(spacing[1:]))
        area = float(touching.sum()) * self.mask.geometry.voxel_volume_mm3 ** (2 / 3)
        return GasContact(float(away[surface].min()), float(touching.mean()), area)

    @cached_property
    def fat_share(self) -> float:
        """Of the tissue around it, how much is fat."""
        spacing = self.mask.geometry.spacing_mm
        wide = self.mask.padded(margin_voxels(spacing, SHELL_MM[1] + 1))
        away = distance_to_mm(wide.voxels, spacing)
        shell = self.around.smooth.hu[wide.box][(away >= SHELL_MM[0]) & (away <= SHELL_MM[1])]
        return float(np.mean(shell <= FAT_HU)) if shell.size else 0.0

    @cached_property
    def mostly_released(self) -> bool:
        """Whether the skeleton gave most of it back."""
        given_back = np.count_nonzero(self.around.released[self.mask.box] & self.mask.voxels)
        return bool(given_back >= self.mask.voxel_count / 2)
