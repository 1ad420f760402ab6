"""Settings of what becomes of lesions over time, and of pictures."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.section import Section


class RegisterSettings(Section):
    """How the skeleton of one scan is laid on that of another."""

    sample_points: int = Field(4000, ge=200, le=100_000)
    """Points drawn from the bone surface of the earlier scan."""
    trim_fraction: float = Field(0.7, gt=0.2, le=1)
    """Share of the best fitting points that count: bones move against one another."""
    iterations: int = Field(200, ge=5, le=500)
    """Steps of the fit at most."""
    accepted_residual_mm: float = Field(3.0, gt=0, le=20)
    """Median surface distance above which the fit is rejected."""
    largest_growth: float = Field(0.08, ge=0, le=0.3)
    """Scales further from 1 than this are not growth."""
    bone_residual_mm: float = Field(1.0, gt=0, le=10)
    """Median distance of a bone's two surfaces above which its fit is rejected,"""
    agreeing_share: float = Field(0.6, gt=0, le=1)
    """as is one where less of the surface that both scans show lies within 2 mm,"""
    covered_bone: float = Field(0.15, gt=0, le=1)
    """one where the scans share less than this of the bone,"""
    least_held: float = Field(0.01, ge=0, le=1)
    """and one that nothing holds in some direction, as a shaft that slides along itself: the least eigenvalue
    of the normal equations, in which a direction that all of the surface speaks for counts 1."""


class MatchSettings(Section):
    """Which lesions of two scans are the same one."""

    reach_mm: float = Field(6.0, ge=0, le=50)
    """Largest distance between the surfaces of one lesion on two dates, after registration; a place
    further from the body than this is not shown."""
    covered_share: float = Field(0.98, gt=0, le=1)
    """Share of a lesion that another scan must show for its place to be covered."""
    spoilt_share: float = Field(0.1, gt=0, le=1)
    """A place with this share of the lesion in metal or its streaks is not judged,"""
    bone_share: float = Field(0.5, gt=0, le=1)
    """nor one with this share of it in bone,"""
    left_share: float = Field(0.5, gt=0, le=1)
    """nor one where something left out lies with this share of its voxels"""
    left_mm: float = Field(2.0, ge=0, le=20)
    """within this of the lesion's."""


class RespondSettings(Section):
    """Tracks to response."""

    change_fraction: float = Field(0.25, gt=0, lt=1)
    """Calcinosis: beyond plus or minus this share of the burden is change."""
    rescan_factor: float = Field(3.445, ge=0, le=50)
    """Rescan limits of a volume V in mm³ are plus or minus this times the square root of V where the limits
    of the volumes are unknown (coronary calcium on gated CT: a prior)."""
    repeat_factor: float = Field(2.6, ge=0, le=50)
    """Where they are known, no less than this times the square root: 95 % of repeat scans of phantoms."""
    kernel_shift_mm: float = Field(0.05, ge=0, le=2)
    """Another kernel moves the border of every lesion by up to this;"""
    thickness_shift: float = Field(0.25, ge=0, le=2)
    """other slices move it by up to this share of the difference in thickness."""


class FigureSettings(Section):
    """Pictures and the report, for people."""

    enabled: bool = True
    """Whether pictures and the report are made."""
    dots_per_inch: int = Field(110, ge=50, le=600)
    """Of all pictures but those for a paper."""
    half_width_mm: float = Field(60.0, ge=15, le=300)
    """Least half width of the cut-out around a lesion."""
    most_lesions: int = Field(24, ge=0)
    """Pictures are made for this many of the largest lesions."""
    paper: int = Field(1, ge=0, le=24)
    """Figures for a paper, 300 dpi and SVG, are made for this many of the largest lesions or tracks."""
    report: bool = True
    """Whether `report.html` is written too, where pictures are."""
