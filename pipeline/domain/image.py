"""Voxels with their place: the CT volume, masks and label maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Box, Geometry, box_within, frozen_array, grow_box
from pipeline.errors import GeometryError


def _check_shape(kind: str, shape: tuple[int, ...], geometry: Geometry) -> None:
    if shape != geometry.shape:
        raise GeometryError(f"{kind} is {shape} but its grid is {geometry.shape}")


@dataclass(frozen=True, eq=False, slots=True)
class CTVolume:
    """One CT volume in Hounsfield units.

    The array is int16 where the rescale slope is 1, else float32.
    """

    hu: NDArray[np.int16] | NDArray[np.float32]  #: [k, j, i]
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.hu.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            raise GeometryError(f"HU must be int16 or float32, found {self.hu.dtype}")
        _check_shape("the volume", self.hu.shape, self.geometry)
        object.__setattr__(self, "hu", frozen_array(self.hu, self.hu.dtype))

    def crop(self, box: Box) -> CTVolume:
        """The part of the volume inside a box, without copying it."""
        return CTVolume(self.hu[box], self.geometry.crop(box))


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """A yes/no answer for every voxel of a grid."""

    voxels: NDArray[np.bool_]  #: [k, j, i]
    geometry: Geometry

    def __post_init__(self) -> None:
        voxels = frozen_array(self.voxels, np.bool_)
        _check_shape("the mask", voxels.shape, self.geometry)
        object.__setattr__(self, "voxels", voxels)

    @property
    def volume_mm3(self) -> float:
        """Voxel-count volume."""
        return int(np.count_nonzero(self.voxels)) * self.geometry.voxel_volume_mm3


@dataclass(frozen=True, eq=False, slots=True)
class LabelMap:
    """One small number for every voxel of a grid; 0 is nothing."""

    values: NDArray[np.uint8] | NDArray[np.uint16]  #: [k, j, i]
    geometry: Geometry
    names: Mapping[int, str] = field(default_factory=dict)  #: value → what it is

    def __post_init__(self) -> None:
        if self.values.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
            raise GeometryError(f"labels must be uint8 or uint16, found {self.values.dtype}")
        _check_shape("the label map", self.values.shape, self.geometry)
        object.__setattr__(self, "values", frozen_array(self.values, self.values.dtype))
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    def __contains__(self, name: str) -> bool:
        return name in self.names.values()

    def present(self) -> list[int]:
        """Values other than 0 that occur, in rising order."""
        seen = np.zeros(np.iinfo(self.values.dtype).max + 1, dtype=bool)
        for plane in self.values:  # slice by slice: counting makes wide copies
            seen[plane] = True
        return [int(value) for value in np.flatnonzero(seen) if value]

    def mask_of(self, name: str) -> Mask:
        """The voxels of one name; empty if the name is not in the map."""
        values = [value for value, own in self.names.items() if own == name]
        return Mask(np.isin(self.values, values), self.geometry)


@dataclass(frozen=True, eq=False, slots=True)
class BoxedMask:
    """A mask that is false outside a box of its grid, kept as the box alone."""

    voxels: NDArray[np.bool_]  #: [k, j, i] within the box
    box: Box  #: where the box lies in `geometry`
    geometry: Geometry  #: of the whole grid

    def __post_init__(self) -> None:
        voxels = frozen_array(self.voxels, np.bool_)
        size = tuple(s.stop - s.start for s in self.box)
        inside = all(0 <= s.start < s.stop <= n for s, n in zip(self.box, self.geometry.shape, strict=True))
        if voxels.shape != size or not inside:
            raise GeometryError(f"a boxed mask of {voxels.shape} does not fit its box {self.box}")
        object.__setattr__(self, "voxels", voxels)

    @classmethod
    def of_index(cls, index_kji: NDArray[np.int64], geometry: Geometry) -> BoxedMask:
        """The mask of some voxels, (n, 3) with n at least 1, in the smallest box."""
        low, high = index_kji.min(axis=0), index_kji.max(axis=0) + 1
        k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        voxels = np.zeros(high - low, dtype=bool)
        voxels[tuple((index_kji - low).T)] = True
        return cls(voxels, (k, j, i), geometry)

    @property
    def voxel_count(self) -> int:
        """Number of voxels that are set."""
        return int(np.count_nonzero(self.voxels))

    @property
    def volume_mm3(self) -> float:
        """Voxel-count volume."""
        return self.voxel_count * self.geometry.voxel_volume_mm3

    @property
    def touches_edge(self) -> bool:
        """Whether a set voxel lies on the outermost layer of the grid."""
        return any(
            (s.start == 0 and bool(self.voxels.take(0, axis=axis).any()))
            or (s.stop == n and bool(self.voxels.take(-1, axis=axis).any()))
            for axis, (s, n) in enumerate(zip(self.box, self.geometry.shape, strict=True))
        )

    def shared_with(self, other: BoxedMask) -> int:
        """Number of voxels set in both; both masks are on one grid."""
        pairs = list(zip(self.box, other.box, strict=True))
        start = [max(a.start, b.start) for a, b in pairs]
        stop = [min(a.stop, b.stop) for a, b in pairs]
        if any(first >= last for first, last in zip(start, stop, strict=True)):
            return 0
        k, j, i = (slice(first, last) for first, last in zip(start, stop, strict=True))
        own, others = (one.voxels[box_within((k, j, i), one.box)] for one in (self, other))
        return int(np.count_nonzero(own & others))

    def index_kji(self) -> NDArray[np.int64]:
        """(n, 3): indices of the set voxels in the whole grid."""
        start = np.array([s.start for s in self.box])
        return np.asarray(np.argwhere(self.voxels) + start, dtype=np.int64)

    def points_lps_mm(self) -> NDArray[np.float64]:
        """(n, 3): centres of the set voxels."""
        return self.geometry.to_lps_mm(self.index_kji())

    def padded(self, margin_voxels: tuple[int, int, int]) -> BoxedMask:
        """The same mask in a larger box, cut at the edge of the grid."""
        box = grow_box(self.box, margin_voxels, self.geometry.shape)
        voxels = np.zeros([s.stop - s.start for s in box], dtype=bool)
        voxels[box_within(self.box, box)] = self.voxels
        return BoxedMask(voxels, box, self.geometry)
