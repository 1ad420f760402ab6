"""Settings of what is found before calcium: the patient, metal, sheets, bones."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.config.section import Section


class BodySettings(Section):
    """What is patient and what is table, clothing and air."""

    skin_hu: float = Field(-350.0, ge=-900, le=-150)
    """Between air (-1000) and fat (-100)."""
    table_thickness_mm: float = Field(14.0, ge=2, le=60)
    """Anything thinner than this that hangs on the body by itself is not the patient."""
    smallest_part_mm3: float = Field(2000.0, ge=0)
    """Smaller pieces of tissue are not body."""


class MetalSettings(Section):
    """What is metal, and where its streaks reach."""

    seed_hu: float = Field(2800.0, ge=2000, le=20_000)
    """Metal has a voxel this bright (at 120 kVp): cortex ends below 2000 HU,"""
    saturated_hu: float = Field(3000.0, ge=2000, le=20_000)
    """and at no tube voltage must it be brighter than this: scales of 12 bits end at 3071 HU."""
    smallest_mm3: float = Field(1.0, ge=0)
    """A smaller spot this bright is noise."""
    doubtful_hu: float = Field(2000.0, ge=1000, le=20_000)
    """A lesion with a voxel this bright (at 120 kVp) may be metal: indeterminate."""
    rim_mm: float = Field(1.5, ge=0, le=6)
    """How far around metal its blur hides everything."""
    streak_reach: float = Field(2.0, ge=0, le=10)
    """Streaks reach so many times the root of the metal's area in the slice,"""
    least_reach_mm: float = Field(8.0, ge=0, le=100)
    """at least this far,"""
    most_reach_mm: float = Field(80.0, ge=0, le=500)
    """and at most this far;"""
    large_side_mm: float = Field(12.0, ge=0, le=200)
    """and everywhere between pieces of metal with this root of area or more."""
    streak_slice_mm: float = Field(3.0, ge=0, le=20)
    """How far beyond the metal's own slices, one slice at least."""
    streak_share: float = Field(0.1, ge=0, le=1)
    """A lesion with this share of its voxels among the streaks is doubted."""
    ray_elongation: float = Field(2.5, ge=1, le=20)
    """A ray is so many times as long as wide,"""
    ray_degrees: float = Field(25.0, ge=0, le=90)
    """points to the metal within this angle,"""
    dark_share: float = Field(0.15, ge=0, le=1)
    """and has this share of its surroundings darker than fat."""


class SheetSettings(Section):
    """What is a sheet of calcium under the skin."""

    depths_mm: tuple[Annotated[float, Field(gt=0, le=60)], ...] = (8.0, 12.0, 16.0)
    """A sheet ends before one of these depths below the skin,"""
    beneath_fraction: float = Field(0.03, ge=0, le=1)
    """no more than this share of it going on beneath, as bone does that comes near the skin."""
    thickness_mm: float = Field(10.0, ge=1, le=40)
    """It is no thicker than this,"""
    width_mm: float = Field(25.0, ge=5, le=200)
    """at least this wide in two directions,"""
    least_mm3: float = Field(300.0, ge=0)
    """and at least this large."""
    wall_mm: float = Field(4.0, ge=0, le=60)
    """Before the pelvis, with so much muscle between it and the skin, it lies behind the belly's wall."""


class SkeletonSettings(Section):
    """How bone is told from other bright tissue."""

    grid_mm: float = Field(1.25, ge=0.5, le=3)
    """Voxels are pooled to about this size before the search for bone."""
    bone_hu: float = Field(180.0, ge=100, le=400)
    """What is this bright may be bone (at 120 kVp; less at a higher voltage)."""
    joined_hu: float = Field(140.0, ge=80, le=400)
    """A bright piece joined to bone at this level, and no denser than bone there, is bone."""
    marrow_reach_mm: float = Field(30.0, ge=10, le=60)
    """How far the cortex may lie from the inside it encloses."""
    marrow_contrast_hu: float = Field(150.0, ge=50, le=500)
    """By how much the cortex is denser than the inside it encloses."""
    cortex_hu: float = Field(250.0, ge=100, le=800)
    """Least density of a cortex that encloses an inside."""
    enclosed_fraction: float = Field(0.65, gt=0, le=1)
    """Share of the 26 directions in which a cortex must be met."""
    smallest_marrow_mm3: float = Field(50.0, ge=0)
    """A bright component needs this much enclosed inside to be bone by that alone."""


class LumpProof(Section):
    """What tells a dense lump on a bone from a thick part of the bone."""

    free_fraction: float = Field(ge=0, le=1)
    """Share of its surroundings that must be soft tissue."""
    marrow_kept: float = Field(ge=0, le=1)
    """Share of the marrow around it that must still be enclosed with the lump taken away."""


class PartingSettings(Section):
    """How a dense lump is parted from the bone it touches."""

    lump_hu: tuple[Annotated[float, Field(ge=100, le=3000)], ...] = (250.0, 350.0, 450.0, 550.0)
    """Levels at which dense lumps are looked for."""
    lump_radius_mm: tuple[Annotated[float, Field(gt=0, le=50)], ...] = (6.5, 4.8, 4.2, 4.0)
    """Radius a ball must have to fit into a lump at each level; no cortex but a shaft's is as thick."""
    usual: LumpProof = LumpProof(free_fraction=0.66, marrow_kept=0.35)
    """What a lump must show."""
    bulky: LumpProof = LumpProof(free_fraction=0.5, marrow_kept=0.16)
    """What a bulky one must show: no bone is dense throughout over so much."""
    bulky_radius_mm: float = Field(7.5, ge=3, le=30)
    """A lump is bulky from this radius on,"""
    bulky_hu: float = Field(600.0, ge=200, le=3000)
    """where its inside is this dense: a femoral head has 300 to 500 HU,"""
    bulky_unevenness: float = Field(0.1, ge=0, le=1)
    """or where its standard deviation is at most this share of it: spongiosa has 0.15."""
    even: LumpProof = LumpProof(free_fraction=0.44, marrow_kept=0.5)
    """What a part must show that is even and dense: thick slices leave bone and lump no gap between them."""
    floating_fraction: float = Field(0.72, ge=0, le=1)
    """The more of its surroundings is soft tissue, the less marrow must it show kept; with this share none:
    so much free surface is seen only on the walls of shafts,"""
    compact_hu: float = Field(1000.0, ge=500, le=3000)
    """which are this dense."""
    even_hu: float = Field(500.0, ge=200, le=3000)
    """Even parts of bone are less dense than this, or are the walls of shafts, which hold marrow."""
    even_unevenness: float = Field(0.1, ge=0, le=1)
    """Their standard deviation is at most this share of their density,"""
    even_mm3: float = Field(300.0, ge=0)
    """and the places nearly as deep as the deepest one are this large."""
    thick_slice_mm: float = Field(3.5, gt=0)
    """In slices further apart than this a trochanter looks thick and dense throughout: there"""
    thick_unevenness: float = Field(0.13, ge=0, le=1)
    """no lump that is not bulky is believed whose standard deviation is a greater share of its density."""

    @model_validator(mode="after")
    def _radius_for_each_level(self) -> Self:
        if len(self.lump_hu) != len(self.lump_radius_mm):
            raise ValueError("lump_hu and lump_radius_mm must have the same length")
        return self


class AnatomySettings(Section):
    """How bones and organs that the user brings are used."""

    rim_mm: float = Field(2.0, ge=0, le=6)
    """Labels end this far off the edge of a bone at most: a bright layer this thin on a bone is bone."""
    thin_mm: float = Field(6.0, ge=0, le=20)
    """What is thin and on bone beyond that (one voxel either way at least) may be bone: indeterminate."""
    inside_share: float = Field(0.5, gt=0, le=1)
    """A candidate with this share of its voxels in a structure lies in it,"""
    partly_share: float = Field(0.1, gt=0, le=1)
    """and with this share partly: indeterminate."""
    lumen_share: float = Field(0.5, gt=0, le=1)
    """Contrast fills this share of a vessel in the slices where it is,"""
    wall_thickness_mm: float = Field(4.0, ge=0, le=20)
    """and calcium in its wall is no thicker than this,"""
    wall_share: float = Field(0.8, gt=0, le=1)
    """with this share of its voxels on the wall."""
    wall_inside_share: float = Field(0.3, ge=0, le=1)
    """and this share of them within the label: what lies beside a vessel is a lesion."""
    wall_mm: float = Field(1.5, ge=0, le=6)
    """How far off the label's edge the wall may lie, on either side."""
