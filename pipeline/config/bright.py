"""Settings of which scan is read, and of which voxels count as calcified."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipeline.config.section import Section
from pipeline.domain.scan import KernelPreference


class SeriesSettings(Section):
    """Which series of a study is measured; of no weight where the user names one."""

    kernel: KernelPreference = "soft_tissue"
    """Among series equally thin: for soft tissue, for bone, or any."""


class CandidateSettings(Section):
    """Which voxels count as calcified, and how they are gathered into components."""

    seed_hu: float = Field(220.0, ge=80, le=3000)
    """A component needs a voxel this bright (at 120 kVp, unenhanced)."""
    edge_hu: float = Field(180.0, ge=60, le=3000)
    """And reaches as far as this (at 120 kVp, unenhanced)."""
    noise_factor: float = Field(5.0, ge=0, le=20)
    """A seed must stand out of the surrounding tissue by this many local standard deviations."""
    faint_seed_hu: float = Field(160.0, ge=80, le=3000)
    """A fainter component needs a voxel this bright (at 120 kVp, unenhanced)"""
    faint_factor: float = Field(6.0, ge=0, le=20)
    """that stands out by this many local standard deviations,"""
    faint_edge_hu: float = Field(140.0, ge=60, le=3000)
    """reaches as far as this,"""
    faint_edge_factor: float = Field(4.0, ge=0, le=20)
    """or this many standard deviations where they are more,"""
    faint_sum: float = Field(40.0, ge=0)
    """has this sum of standard deviations over its voxels,"""
    faint_bone_mm: float = Field(3.0, ge=0, le=20)
    """and keeps this far from bone, whose rim is as faint."""
    contrast_edge_hu: float = Field(210.0, ge=60, le=3000)
    """Least edge where a contrast agent is declared but not seen in vessels;"""
    contrast_most_hu: float = Field(300.0, ge=60, le=3000)
    """where it is, the edge rises above the blood up to this. The seed rises by as much."""
    smoothing_mm: float = Field(0.4, ge=0, le=2)
    """Gaussian sigma of the light smoothing before thresholds are applied."""
    fragment_gap_mm: float = Field(2.0, ge=0, le=10)
    """Fragments no further apart than this are one lesion."""
    smallest_mm3: float = Field(3.0, ge=0)
    """Components below this are noise."""
    plateau_reach_mm: float = Field(2.0, ge=0.5, le=6)
    """How far blur carries: the edge of a lesion lies halfway to the plateau found this near."""

    @model_validator(mode="after")
    def _seed_above_edge(self) -> Self:
        if self.seed_hu < self.edge_hu:
            raise ValueError("seed_hu must not lie below edge_hu")
        if self.faint_seed_hu < self.faint_edge_hu:
            raise ValueError("faint_seed_hu must not lie below faint_edge_hu")
        return self
