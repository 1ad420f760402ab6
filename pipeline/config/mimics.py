"""Settings of what only looks like calcinosis."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.section import Section


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
    marrow_mm2: float = Field(2000.0, ge=0)
    """What bone closes in within so much of a slice lies in its marrow."""
    cut_bone_reach_mm: float = Field(12.0, ge=0)
    """What counts as beside it."""
    speck_mm3: float = Field(30.0, ge=0)
    """A component up to this size"""
    speck_reach_mm: float = Field(6.0, ge=0, le=30)
    """and this near to bone may be a tip of the bone: indeterminate."""
    joint_mm: float = Field(22.0, ge=0, le=60)
    """A piece at the scan's end in line with bone this near, along the body, continues it across a joint."""
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
    cortex_to_gas: float = Field(0.5, ge=0)
    """and more than this share of what lies on gas, which no bone touches,"""
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
    enclosed_gas_hu: float = Field(-200.0, ge=-1000, le=-120)
    """What it closes in in a slice is gas, however small, where it is less dense than this."""
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
    needle_mm3: float = Field(40.0, ge=0)
    """but not ones up to this size"""
    needle_spread_mm: float = Field(0.4, ge=0)
    """and this thin (standard deviation across, the blur taken off), which vessels leave;"""
    piece_ring_share: float = Field(0.4, ge=0, le=1)
    """and for the share of directions in which bone must be met."""
    piece_fat_share: float = Field(0.15, ge=0, le=1)
    """A piece with this share of fat around it lies in no muscle,"""
    piece_parted_share: float = Field(0.6, ge=0, le=1)
    """with fat across this share of the straight ways to the bones next to it in none that lines them"""
    line_factor: float = Field(3.0, ge=1)
    """(but longer than so many times its width, in standard deviations, perhaps along a fascia),"""
    piece_match: float = Field(0.9, ge=0.5, le=1)
    """with at least this times the density of the contrast it is as dense,"""
    piece_most_match: float = Field(1.1, ge=1, le=3)
    """and with no more than this times it,"""
    small_match: float = Field(0.75, ge=0.3, le=1)
    """or with this where it is small and fat parts it from bone, since partial volume takes a quarter,"""
    tiny_mm3: float = Field(40.0, ge=0)
    """or up to this size in the tissue of an organ;"""
    piece_bone_mm: float = Field(20.0, ge=0)
    """and this far from all bones it lies beyond the muscles on them: evidence for bowel."""
    abdomen_mm: float = Field(20.0, ge=0)
    """Before the pelvis, an even pool this far from bone may be bowel."""
    abdomen_across_share: float = Field(0.12, ge=0, le=1)
    """There bone of the other side is met in this share of the directions that meet bone."""
    parted_mm3: float = Field(3000.0, ge=0)
    """In a component at least this large and no denser than contrast,"""
    dense_factor: float = Field(1.35, ge=1.05, le=5)
    """what is denser than this times its median, too dense for contrast"""
    dense_mm3: float = Field(30.0, ge=0)
    """and at least this large is a component of its own;"""
    spot_factor: float = Field(1.5, ge=1.05, le=5)
    """so is a smaller spot with this times its median."""
    bladder_mm3: float = Field(3000.0, ge=0)
    """A pool in the bladder is at least this large,"""
    level_share: float = Field(0.6, ge=0, le=1)
    """this share of its width, where no bone ends it, ends at one level,"""
    level_mm2: float = Field(200.0, ge=0)
    """and so much of it. Or it is as large"""
    full_mm3: float = Field(10_000.0, ge=0)
    """as this, holds a ball"""
    full_thickness_mm: float = Field(18.0, ge=0)
    """of this diameter, and is even: full to the brim."""
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
    crumb_share: float = Field(0.5, ge=0, le=1)
    """thin crumbs of it with so much of bone and contrast medium around are told for bone;"""
    beside_bone_mm: float = Field(3.0, ge=0)
    """what hangs on it is given back with it down to this distance."""
    fluid_bone_mm: float = Field(20.0, ge=0)
    """In the pelvic cavity, this far from every bone of the atlas, what is no denser than contrast"""
    fluid_unevenness: float = Field(0.08, ge=0, le=1)
    """and as even as this is contrast in bowel, however thin."""
    obturator_mm: float = Field(15.0, ge=0)
    """Below the hip joints' roof, what lies this near to a hip bone may lie in the obturator internus."""
    muscle_mm: float = Field(2.0, ge=-20, le=30)
    """What lies this near to a muscle of the pelvic wall, as the atlas has them, may lie in that muscle,"""
    muscle_fat_share: float = Field(0.35, ge=0, le=1)
    """if no more than this share of what is around it is fat;"""
    deep_muscle_mm: float = Field(-3.0, ge=-30, le=30)
    """deeper in it than this (negative), nothing that is seen nearby tells it for bowel,"""
    organ_hu: float = Field(8.0, ge=0, le=100)
    """but soft tissue so much less dense than muscle is an organ's, whatever the atlas has;"""
    organ_bone_mm: float = Field(2.0, ge=0)
    """there a piece as near to bone as this may be bowel too."""
    wall_mm: float = Field(4.0, ge=0, le=60)
    """With less muscle than this between it and the skin, and in such a muscle"""
    wall_fat_share: float = Field(0.5, ge=0, le=1)
    """or with so much fat around, it may lie before the wall of the belly."""


class VesselSettings(Section):
    """What is calcium in the wall of a vessel."""

    least_mm3: float = Field(5.0, ge=0)
    """Smaller components are not asked,"""
    most_mm3: float = Field(400.0, ge=0)
    """nor larger ones,"""
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
    ring_mm3: float = Field(1500.0, ge=0)
    """A component up to this size"""
    ring_length_mm: float = Field(8.0, ge=0, le=100)
    """is a wall by its own form if over this length, and in half of its slices,"""
    ring_turn: float = Field(0.4, gt=0, le=1)
    """it lies on an arc around blood that spans this share of a circle,"""
    ring_off_mm: float = Field(0.9, gt=0, le=5)
    """off it by no more than this (root of the mean square)."""
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
    """and this far from the symphysis;"""
    retropubic_mm: float = Field(2.0, ge=0)
    """(with fat all around, behind it, this far);"""
    midline_mm: float = Field(10.0, ge=0)
    """below it, only this near, since the adductors begin beside it."""
    pubic_mm: float = Field(30.0, ge=0)
    """Before, behind and below the pelvis, below the hip joints' roof, veins hold stones this near to it."""
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
    all_fat_share: float = Field(0.6, ge=0, le=1)
    """Fat is all around where so much of the tissue around is fat,"""
    half_fat_share: float = Field(0.4, ge=0, le=1)
    """and beside it where so much is."""
    muscle_mm: float = Field(3.0, ge=-20, le=30)
    """What is round and this near to a muscle of the pelvic wall, as the atlas has them, may be in it;"""
    streak_muscle_mm: float = Field(-2.0, ge=-20, le=30)
    """what is not round, deeper in it than this (negative), since the iliac vessels run along the psoas;"""
    muscle_fat_share: float = Field(0.15, ge=0, le=1)
    """within one, with no more than this share of fat around, it is."""
    organ_hu: float = Field(8.0, ge=0, le=100)
    """Near the midline, in soft tissue so much less dense than muscle, a round one lies in no muscle;"""
    alike_size: float = Field(3.0, ge=1)
    """a questioned one there is a phlebolith where another has its volume to within this factor,"""
    alike_peak: float = Field(1.5, ge=1)
    """and its peak density to within this."""
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
    """and with this share of fat around it lies on a vessel; within the psoas there is none,"""
    contrast_share: float = Field(0.1, ge=0, le=1)
    """nor contrast in bowel, of which this share is enough."""
    muscle_mm: float = Field(-2.0, ge=-20, le=30)
    """Deeper in a muscle than this (negative), as the atlas has it, it may lie in that muscle."""
    piece_mm3: float = Field(300.0, ge=0)
    """A piece of bone is no larger than this,"""
    piece_height_mm: float = Field(0.0)
    """lies no higher than this over the surface of a bone of the atlas,"""
    piece_reach_mm: float = Field(10.0, ge=0)
    """no further than this from it,"""
    piece_most_hu: float = Field(350.0, ge=0)
    """and is no denser than this, or the edge of the scan cuts it."""
    coccyx_mm3: float = Field(1500.0, ge=0)
    """A dense piece up to this large in the atlas's coccyx may be of it,"""
    coccyx_shown_share: float = Field(0.3, ge=0, le=1)
    """and is, where no more than this share of the coccyx around is shown by other bone,"""
    coccyx_most_hu: float = Field(700.0, ge=0)
    """or where it is no denser than this,"""
    coccyx_depth_mm: float = Field(1.5, ge=0)
    """and its middle lies so deep in that bone."""
    cut_vertebra_mm: float = Field(4.0)
    """A piece that the upper end of the scan cuts, at most so high over a lumbar vertebra of the atlas,"""
    cut_vertebra_mm3: float = Field(1500.0, ge=0)
    """and no larger than this, is its lower rim."""
    process_reach_mm: float = Field(18.0, ge=0)
    """A piece cut by the upper end of the scan this near to a lumbar vertebra, to its side,"""
    process_hu: float = Field(300.0, ge=0)
    """and this dense, is its transverse process."""
    rim_hu: float = Field(380.0, ge=0)
    """A corner of something that the scan cuts on two sides is bone if it has a rim this dense"""
    rim_share: float = Field(0.75, ge=0, le=1)
    """and its inside, towards the edge, has at most this share of that density."""
    end_hu: float = Field(250.0, ge=0)
    """What the first or last slice cuts and is no denser than this"""
    end_tissue_hu: float = Field(100.0, ge=0)
    """is the end of a bone with sparse spongiosa where tissue denser than this,"""
    end_width_mm: float = Field(8.0, ge=0)
    """so wide,"""
    end_rim_share: float = Field(0.5, ge=0, le=1)
    """of which it covers no more than this share, goes on beside it,"""
    end_reach_mm: float = Field(20.0, ge=0)
    """this near to bone that the same slice cuts."""
    above_mm: float = Field(20.0, ge=0)
    """So far above the iliac crests ribs and organs are not told from lesions,"""
    subcutaneous_fat_share: float = Field(0.6, ge=0, le=1)
    """unless this share of what lies around is fat."""
    rib_lung_mm: float = Field(12.0, ge=0, le=40)
    """Up there, what lies in the wall of the trunk this near to a lung is a rib,"""
    rib_gap_mm: float = Field(30.0, ge=0, le=40)
    """and what lies no further than this from a rib is a part of it or the next one."""
    rib_skin_mm: float = Field(40.0, ge=0, le=80)
    """The wall goes this deep."""
    abdomen_mm: float = Field(13.0, ge=0, le=60)
    """Above the hip joints, further than this from all muscles as the atlas has them,"""
    abdomen_above_mm: float = Field(5.0, ge=0, le=60)
    """or than this above the iliac crests,"""
    abdomen_fat_share: float = Field(0.45, ge=0, le=1)
    """or with this share of fat around, outside every muscle,"""
    abdomen_wall_mm: float = Field(4.0, ge=0, le=60)
    """and with so much that is as dense as muscle before the skin, a lesion lies among the organs."""
