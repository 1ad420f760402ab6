"""What solids are made of: HU by depth under the surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from pipeline.phantoms.shapes import Floats

CALCIUM_HU_BY_KVP = (
    (70.0, 207.0),
    (80.0, 177.0),
    (100.0, 145.0),
    (120.0, 130.0),
    (135.0, 119.0),
    (140.0, 116.0),
)
"""HU of the same calcium by tube voltage: published Agatston thresholds; 140 kVp is extrapolated."""

AIR_HU = -1000.0


def calcium_ratio(kvp: float) -> float:
    """HU of calcium at a tube voltage, relative to 120 kVp (interpolated; held at the ends)."""
    kvps, hus = zip(*CALCIUM_HU_BY_KVP, strict=True)
    return float(np.interp(kvp, kvps, hus)) / 130.0


@dataclass(frozen=True)
class Texture:
    """A smooth random field of unit spread, the same at the same place in every scan."""

    seed: int
    shortest_mm: float = 2.2
    longest_mm: float = 8.0
    waves: int = 10

    @cached_property
    def _waves(self) -> tuple[tuple[float, float, float, float], ...]:
        rng = np.random.default_rng([self.seed, 77])
        directions = rng.normal(size=(self.waves, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths_mm = rng.uniform(self.shortest_mm, self.longest_mm, self.waves)
        vectors = directions * (2 * np.pi / lengths_mm)[:, None]
        phases = rng.uniform(0, 2 * np.pi, self.waves)
        return tuple(
            (float(x), float(y), float(z), float(f)) for (x, y, z), f in zip(vectors, phases, strict=True)
        )

    def at(self, p: Floats) -> Floats:
        """Value (n, m) at points (3, n, m)."""
        total = np.zeros(p.shape[1:], dtype=p.dtype)
        for x, y, z, phase in self._waves:
            total += np.sin(p[0] * x + p[1] * y + p[2] * z + phase)
        return total * float(np.sqrt(2.0 / self.waves))


class Material(Protocol):
    """HU inside a solid."""

    @property
    def core_hu(self) -> float | None:
        """HU of everything deeper than `rind_mm`; None if it varies."""
        ...

    @property
    def rind_mm(self) -> float:
        """Depth at which the core begins."""
        ...

    def hu(self, p: Floats, depth_mm: Floats, calcium: float) -> Floats:
        """HU (n, m) of points (3, n, m) at a depth, with calcium's HU multiplied by `calcium`."""
        ...


@dataclass(frozen=True)
class Soft:
    """Tissue without calcium, with a rind of its own: fascia around muscle, skin around fat."""

    core_hu: float
    rind_mm: float = 0.0
    rind_hu: float = 0.0

    def hu(self, p: Floats, depth_mm: Floats, calcium: float) -> Floats:  # noqa: ARG002 (one signature for all materials)
        """HU by depth."""
        return np.where(depth_mm < self.rind_mm, self.rind_hu, self.core_hu).astype(p.dtype)


@dataclass(frozen=True)
class Calcified:
    """Calcium through and through, as in a lesion."""

    mean_hu: float  #: at 120 kVp
    core_hu: None = None
    rind_mm: float = 0.0

    def hu(self, p: Floats, depth_mm: Floats, calcium: float) -> Floats:
        """The same HU throughout."""
        return np.full(depth_mm.shape, self.mean_hu * calcium, dtype=p.dtype)


Profile = tuple[tuple[float, float], ...]
"""(z in mm, value) by rising z; a single pair is a constant."""


def _profile(profile: Profile, z: Floats) -> Floats | float:
    if len(profile) == 1:
        return profile[0][1]
    heights, values = zip(*profile, strict=True)
    return np.asarray(np.interp(z, heights, values), dtype=z.dtype)


@dataclass(frozen=True)
class BoneTissue:
    """A cortex around marrow, both changing along the bone."""

    cortex_mm: Profile
    cortex_hu: Profile
    marrow_hu: Profile
    texture: Texture
    texture_hu: float = 45.0  #: spread of the trabecular texture
    core_hu: None = None
    rind_mm: float = 0.0

    def hu(self, p: Floats, depth_mm: Floats, calcium: float) -> Floats:
        """HU by depth; marrow below 0 HU is fat and has no calcium."""
        marrow = _profile(self.marrow_hu, p[2]) + self.texture_hu * self.texture.at(p)
        marrow = np.where(marrow > 0, marrow * calcium, marrow)
        cortex = _profile(self.cortex_hu, p[2]) * calcium
        return np.where(depth_mm < _profile(self.cortex_mm, p[2]), cortex, marrow).astype(p.dtype)
