"""Settings: one frozen section per step, with its defaults and limits.

A preset or a user's file is YAML that holds only what differs from these defaults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.domain.scan import KernelPreference
from pipeline.errors import UsageError


class Section(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SeriesSettings(Section):
    """Which series of a study is measured; of no weight where the user names one."""

    kernel: KernelPreference = "soft_tissue"
    """Among series equally thin: for soft tissue, for bone, or any."""


class BodySettings(Section):
    """What is patient and what is table, clothing and air."""

    skin_hu: float = Field(-350.0, ge=-900, le=-150)
    """Between air (-1000) and fat (-100)."""
    table_thickness_mm: float = Field(14.0, ge=2, le=60)
    """Anything thinner than this that hangs on the body by itself is not the patient."""
    smallest_part_mm3: float = Field(2000.0, ge=0)
    """Smaller pieces of tissue are not body."""


class SkeletonSettings(Section):
    """How bone is told from other bright tissue."""

    grid_mm: float = Field(1.25, ge=0.5, le=3)
    """Voxels are pooled to about this size before the search for bone."""
    bone_hu: float = Field(180.0, ge=100, le=400)
    """Cortex after pooling."""
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

    @model_validator(mode="after")
    def _radius_for_each_level(self) -> Self:
        if len(self.lump_hu) != len(self.lump_radius_mm):
            raise ValueError("lump_hu and lump_radius_mm must have the same length")
        return self


class MimicSettings(Section):
    """What only looks like calcinosis."""

    smallest_lesion_mm3: float = Field(5.0, ge=0)
    """Smaller components are listed as noise."""
    joined_fraction: float = Field(0.5, gt=0, le=1)
    """Share of a component that hangs on bone by half-bright tissue, to be a piece of it."""
    fragment_thickness_mm: float = Field(8.0, ge=0)
    """Thicker ones are not cortex."""
    cut_bone_hu: float = Field(600.0, ge=200, le=3000)
    """A thick piece this dense that the edge of the scan cuts is taken for bone."""
    cut_bone_thickness_mm: float = Field(5.0, ge=0)
    """What counts as thick there."""
    cut_piece_mm3: float = Field(300.0, ge=0)
    """A smaller piece is taken for bone where the same edge cuts bone beside it."""
    cut_bone_reach_mm: float = Field(12.0, ge=0)
    """What counts as beside it."""
    speck_mm3: float = Field(30.0, ge=0)
    """A component up to this size"""
    speck_reach_mm: float = Field(6.0, ge=0, le=30)
    """and this near to bone may be a tip of the bone: indeterminate."""
    joint_mm: float = Field(22.0, ge=0, le=60)
    """A piece at the end of the scan that lies in line with bone this near, along the body, continues it
    across a joint or disc."""
    few_voxels: int = Field(3, ge=0)
    """A spot of no more voxels than this"""
    few_voxels_hu: float = Field(300.0, ge=0)
    """that stays below this may be noise."""


class ContrastSettings(Section):
    """What is contrast medium in bowel or bladder, and what may be."""

    least_hu: float = Field(150.0, ge=60, le=500)
    """Contrast medium is denser than this,"""
    most_hu: float = Field(450.0, ge=100, le=3000)
    """and seldom denser than this."""
    gas_share: float = Field(0.03, ge=0, le=1)
    """What has this share of its surface on gas is in bowel,"""
    gas_mm2: float = Field(100.0, ge=0)
    """or so much of it,"""
    cortex_share_beside_gas: float = Field(0.05, ge=0, le=1)
    """unless more of its surface than this lies on cortex,"""
    shell_unevenness: float = Field(0.25, ge=0, le=1)
    """or its standard deviation is a greater share of its density: spongiosa behind a thin cortex."""
    least_pool_mm3: float = Field(1500.0, ge=0)
    """Without gas only this much contrast is told from bone,"""
    cortex_share: float = Field(0.03, ge=0, le=1)
    """with no more than this share of its surface on something denser,"""
    pool_unevenness: float = Field(0.18, ge=0, le=1)
    """and at most this standard deviation of its inside, as a share of its density."""
    least_thickness_mm: float = Field(5.0, ge=0)
    """Thinner lesions are not questioned."""
    unevenness: float = Field(0.12, ge=0, le=1)
    """Largest standard deviation of the inside as a share of its density."""
    mixed_hu: float = Field(620.0, ge=200, le=3000)
    """A component with 2 % of its voxels denser than this is not contrast alone."""
    small_mm3: float = Field(100.0, ge=0)
    """A smaller spot beside gas is contrast only"""
    small_most_hu: float = Field(380.0, ge=100, le=3000)
    """if it is no denser than this."""
    deep_mm: float = Field(10.0, ge=0)
    """An even pool this far from bone"""
    loop_mm: float = Field(15.0, ge=0, le=40)
    """and this near to gas or to bowel with contrast is bowel."""
    piece_unevenness: float = Field(0.2, ge=0, le=1)
    """The same limit for pieces beside bowel with contrast,"""
    piece_factor: float = Field(1.1, ge=0.5, le=3)
    """which are no denser than this times the bowel,"""
    small_factor: float = Field(0.85, ge=0.3, le=3)
    """or small ones than this times, since they are thinned by partial volume;"""
    piece_ring_share: float = Field(0.4, ge=0, le=1)
    """and for the share of directions in which bone must be met."""
    abdomen_mm: float = Field(20.0, ge=0)
    """Before the pelvis, an even pool this far from bone may be bowel."""
    abdomen_across_share: float = Field(0.12, ge=0, le=1)
    """There bone of the other side is met in this share of the directions that meet bone."""
    parted_mm3: float = Field(3000.0, ge=0)
    """In a component at least this large and no denser than contrast,"""
    dense_factor: float = Field(1.35, ge=1.05, le=5)
    """what is denser than this times its median, too dense for contrast"""
    dense_mm3: float = Field(30.0, ge=0)
    """and at least this large is a component of its own."""
    bladder_mm3: float = Field(3000.0, ge=0)
    """A pool in the bladder is at least this large,"""
    level_share: float = Field(0.5, ge=0, le=1)
    """and this share of its width ends at one level."""
    bone_gap_mm: float = Field(4.0, ge=0)
    """What lies nearer to bone is not in bowel or bladder, unless it has gas or a level."""
    ring_share: float = Field(0.5, ge=0, le=1)
    """Share of in-plane directions in which bone must be met."""
    widest_gap_deg: float = Field(150.0, ge=0, le=360)
    """Widest range of directions without bone: what lies before the bones is not within their ring."""
    across_share: float = Field(0.04, ge=0, le=1)
    """Share of the directions in which the first bone must lie beyond the midline."""
    apart_mm: float = Field(6.0, ge=1)
    """What was taken for bone and stands this far off every bone of the atlas, in the pelvic cavity,"""
    far_mm: float = Field(12.0, ge=1)
    """and somewhere as far as this, or that far"""
    beyond_mm: float = Field(20.0, ge=1)
    """and somewhere as far as this,"""
    swallowed_dense_share: float = Field(0.05, ge=0, le=1)
    """with no more than this share of it denser than contrast medium, is no bone;"""
    beside_bone_mm: float = Field(3.0, ge=0)
    """what hangs on it is given back with it down to this distance."""
    fluid_bone_mm: float = Field(20.0, ge=0)
    """In the pelvic cavity, this far from every bone of the atlas, what is no denser than contrast"""
    fluid_unevenness: float = Field(0.08, ge=0, le=1)
    """and as even as this is contrast in bowel, however thin."""
    obturator_mm: float = Field(15.0, ge=0)
    """Below the hip joints' roof, what lies this near to a hip bone may lie in the obturator internus."""


class VesselSettings(Section):
    """What is calcium in the wall of a vessel."""

    most_mm3: float = Field(400.0, ge=0)
    """Larger components are not asked,"""
    most_thickness_mm: float = Field(5.0, ge=0)
    """nor thicker ones."""
    length_mm: float = Field(20.0, ge=5, le=200)
    """A vessel is followed at least this far,"""
    reach_mm: float = Field(60.0, ge=10, le=500)
    """and no further than this to each side."""
    border_share: float = Field(0.7, gt=0, le=1)
    """Share of directions in which its border must show,"""
    wall_hu: float = Field(30.0, ge=5, le=500)
    """as a wall this much brighter than the blood,"""
    fat_hu: float = Field(60.0, ge=10, le=500)
    """or as tissue outside this much darker."""
    blood_hu: tuple[float, float] = (10.0, 150.0)
    """Density of the blood,"""
    blood_range_hu: float = Field(60.0, ge=10, le=500)
    """and largest difference within it."""
    wall_share: float = Field(0.5, gt=0, le=1)
    """A section with a bright wall in this share of directions is calcified;"""
    wall_mm: float = Field(9.0, ge=0, le=200)
    """a vessel that is so over this length is beyond doubt."""
    faint_hu: float = Field(12.0, ge=1, le=200)
    """A faint wall is on the average this much brighter than blood and tissue around,"""
    faint_noise: float = Field(0.6, ge=0, le=10)
    """and by this many standard deviations of the noise,"""
    faint_length_mm: float = Field(30.0, ge=5, le=200)
    """over this length."""
    beyond_mm: float = Field(30.0, ge=0, le=100)
    """How far beyond its ends such a vessel goes on,"""
    aside_mm: float = Field(3.0, ge=0, le=20)
    """and how far from its rim a spot may lie there."""
    ring_share: float = Field(0.5, ge=0, le=1)
    """Within the pelvis: share of in-plane directions in which bone is met,"""
    widest_gap_deg: float = Field(150.0, ge=0, le=360)
    """widest range of directions without,"""
    across_share: float = Field(0.04, ge=0, le=1)
    """share in which the first bone lies beyond the midline,"""
    wall_depth_mm: float = Field(8.0, ge=0)
    """and distance from bone: the muscles along it may hold calcinosis."""


class StoneSettings(Section):
    """What is a phlebolith or another small stone in the pelvic cavity."""

    most_mm3: float = Field(180.0, ge=0)
    """As a ball of 7 mm: phleboliths are 2 to 6 mm wide, and look larger by blur."""
    bone_mm: float = Field(12.0, ge=0)
    """Nearer to bone it may lie in a muscle of the pelvic wall;"""
    child_bone_mm: float = Field(13.0, ge=0)
    """in a child, who seldom has phleboliths, nearer than this;"""
    middle_mm: float = Field(20.0, ge=0)
    """but there is no muscle this near to the midline"""
    symphysis_mm: float = Field(4.0, ge=0)
    """and this far from the symphysis."""
    round_mm: float = Field(0.4, ge=0)
    """Round: the standard deviations along its two longest axes differ by no more than this."""
    thin_mm: float = Field(0.7, ge=0)
    """A streak is thinner (standard deviation across)"""
    short_mm: float = Field(2.5, ge=0)
    """and shorter than this (standard deviation along)."""
    prostate_mm: float = Field(20.0, ge=0)
    """Half the width of the prostate."""
    soft_hu: float = Field(10.0, ge=-200, le=100)
    """Tissue around that is denser than this is soft tissue;"""
    fat_hu: float = Field(-40.0, ge=-200, le=100)
    """less dense than this, fat."""
    ring_share: float = Field(0.5, ge=0, le=1)
    """Within the pelvis: as for vessels,"""
    widest_gap_deg: float = Field(150.0, ge=0, le=360)
    """the same,"""
    across_share: float = Field(0.04, ge=0, le=1)
    """and the same."""


class SpotSettings(Section):
    """Which small spots are bone or vessel by their place in the pelvis of the atlas."""

    vessel_mm3: float = Field(60.0, ge=0)
    """A spot no larger than this,"""
    vessel_thickness_mm: float = Field(4.0, ge=0)
    """no thicker than this,"""
    vessel_bone_mm: float = Field(20.0, ge=0)
    """this far from every bone"""
    fat_share: float = Field(0.15, ge=0, le=1)
    """and with this share of fat around it lies on a vessel; within the psoas there is none."""
    piece_mm3: float = Field(300.0, ge=0)
    """A piece of bone is no larger than this,"""
    piece_height_mm: float = Field(0.0)
    """lies no higher than this over the surface of a bone of the atlas,"""
    piece_reach_mm: float = Field(10.0, ge=0)
    """no further than this from it,"""
    piece_most_hu: float = Field(350.0, ge=0)
    """and is no denser than this, or the edge of the scan cuts it."""
    rim_hu: float = Field(380.0, ge=0)
    """A corner of something that the scan cuts on two sides is bone if it has a rim this dense"""
    rim_share: float = Field(0.75, ge=0, le=1)
    """and its inside, towards the edge, has at most this share of that density."""
    above_mm: float = Field(20.0, ge=0)
    """So far above the iliac crests ribs and organs are not told from lesions,"""
    subcutaneous_fat_share: float = Field(0.6, ge=0, le=1)
    """unless this share of what lies around is fat."""


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


class RegisterSettings(Section):
    """How the skeleton of one scan is laid on that of another."""

    sample_points: int = Field(4000, ge=200, le=100_000)
    """Points drawn from the bone surface of the earlier scan."""
    trim_fraction: float = Field(0.7, gt=0.2, le=1)
    """Share of the best fitting points that count: bones move against one another."""
    iterations: int = Field(200, ge=5, le=500)
    accepted_residual_mm: float = Field(3.0, gt=0, le=20)
    """Median surface distance above which the fit is rejected."""
    largest_growth: float = Field(0.08, ge=0, le=0.3)
    """Scales further from 1 than this are not growth."""


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
    """Rescan limits of a volume V in mm³ are plus or minus this times the square root of V (coronary
    calcium on gated CT: a prior until limits of this scan are known)."""
    kernel_shift_mm: float = Field(0.05, ge=0, le=2)
    """Another kernel moves the border of every lesion by up to this;"""
    thickness_shift: float = Field(0.25, ge=0, le=2)
    """other slices move it by up to this share of the difference in thickness."""


class FigureSettings(Section):
    """Pictures for people."""

    enabled: bool = True
    dots_per_inch: int = Field(110, ge=50, le=600)
    half_width_mm: float = Field(60.0, ge=15, le=300)
    """Least half width of the cut-out around a lesion."""
    most_lesions: int = Field(24, ge=0)
    """Pictures are made for this many of the largest lesions."""


class Settings(Section):
    """All sections together."""

    series: SeriesSettings = SeriesSettings()
    body: BodySettings = BodySettings()
    skeleton: SkeletonSettings = SkeletonSettings()
    candidates: CandidateSettings = CandidateSettings()
    parting: PartingSettings = PartingSettings()
    sheets: SheetSettings = SheetSettings()
    mimics: MimicSettings = MimicSettings()
    contrast: ContrastSettings = ContrastSettings()
    vessels: VesselSettings = VesselSettings()
    stones: StoneSettings = StoneSettings()
    spots: SpotSettings = SpotSettings()
    metal: MetalSettings = MetalSettings()
    anatomy: AnatomySettings = AnatomySettings()
    register_bones: RegisterSettings = RegisterSettings()
    match: MatchSettings = MatchSettings()
    respond: RespondSettings = RespondSettings()
    figures: FigureSettings = FigureSettings()

    def with_(self, **sections: Mapping[str, Any]) -> Settings:
        """The same settings with some values changed, by section.

        Raises
        ------
        UsageError
            For an unknown section or name, or a value out of its limits.
        """
        return settings_from(merge(self.model_dump(mode="json"), sections))

    def sha256(self) -> str:
        """Hash of all that decides the numbers of a scan (pictures and the choice of series left out)."""
        content = self.model_dump(mode="json", exclude={"figures", "series"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A nested mapping with the values of another laid over it."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if nested else value  # type: ignore[arg-type]
    return merged


def settings_from(content: Mapping[str, Any]) -> Settings:
    """Settings from nested plain values.

    Raises
    ------
    UsageError
        Naming the first key that is unknown or out of its limits.
    """
    try:
        return Settings.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {where or 'file'}: {first['msg']}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"settings hold a value that is not plain: {error}") from error


def read_settings(file: Path) -> dict[str, Any]:
    """Nested plain values of a YAML file.

    Raises
    ------
    UsageError
        If the file cannot be read or is not a mapping of sections.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"settings file {file.name} cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"settings file {file.name} must map sections to settings")
    return content


def preset_folder() -> Path:
    """Where the shipped presets lie: in the installed package, or in the source tree."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


def preset_names() -> list[str]:
    """Names of the shipped presets."""
    return sorted(file.stem for file in preset_folder().glob("*.yaml"))


def load_settings(name_or_file: str | None, overrides: Sequence[str] = ()) -> Settings:
    """Settings of a preset or file, with single values laid over it.

    Parameters
    ----------
    name_or_file : str or None
        A preset's name, a path to a YAML file, or None for the defaults.
    overrides : sequence of str
        Each ``section.key=value``; the value is read as YAML.

    Raises
    ------
    UsageError
        For an unknown preset, key or value.
    """
    content: dict[str, Any] = {}
    if name_or_file is not None:
        content = read_settings(_preset_file(name_or_file))
    for override in overrides:
        content = merge(content, _parse_override(override))
    return settings_from(content)


def _preset_file(name_or_file: str) -> Path:
    if name_or_file in preset_names():
        return preset_folder() / f"{name_or_file}.yaml"
    file = Path(name_or_file)
    if not file.is_file():
        known = ", ".join(preset_names())
        raise UsageError(f"no preset and no file is called {name_or_file!r}; presets: {known}")
    return file


def _parse_override(text: str) -> dict[str, Any]:
    path, separator, value = text.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (separator and dot and section and key):
        raise UsageError(f"expected section.key=value, found {text!r}")
    try:
        return {section: {key: yaml.safe_load(value)}}
    except yaml.YAMLError as error:
        raise UsageError(f"the value of {path.strip()} cannot be read") from error
