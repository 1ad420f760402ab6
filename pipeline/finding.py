"""What is bright in a scan, and what it is: composition of the steps from voxels to candidates."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from pipeline.config import ContrastSettings, Settings
from pipeline.domain.analysis import Threshold
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.geometry import Box, Geometry, grow_box
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.domain.scan import Acquisition, Scan
from pipeline.recall import Recall, afresh
from pipeline.stages import STAGES, OnStage
from pipeline.steps.abdomen import question_abdomen
from pipeline.steps.blood import BloodPool, find_blood_pool, may_reach_thighs
from pipeline.steps.bone import PooledScan, pool_scan
from pipeline.steps.bowel import tell_bowel
from pipeline.steps.candidates import Specks, find_bright, gather_candidates
from pipeline.steps.contrast import tell_contrast
from pipeline.steps.grid import bounding_box, embed_labels, embed_mask
from pipeline.steps.guest import question_on_bone, skeleton_from
from pipeline.steps.metal import Metal, bones_beside_metal, find_metal, hide_metal, list_metal
from pipeline.steps.mimics import classify_candidates
from pipeline.steps.naming.draw import Canvas
from pipeline.steps.naming.fit import AtlasFit, fit_atlas, prepare_atlas
from pipeline.steps.naming.label import label_bones
from pipeline.steps.noise import local_noise
from pipeline.steps.organs import question_organs
from pipeline.steps.parted import tell_beads
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.pieces import question_pieces, question_sheets
from pipeline.steps.place import Air, Surroundings, find_air, look_around
from pipeline.steps.release import release_contrast
from pipeline.steps.ribs import tell_ribs
from pipeline.steps.rim import Levels, find_rim, widen_skeleton
from pipeline.steps.sheets import find_skin_sheets, hide_sheets, split_sheets
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.skeleton import Skeleton, segment_skeleton
from pipeline.steps.smooth import smooth_volume
from pipeline.steps.spots import tell_spots
from pipeline.steps.stones import tell_stones
from pipeline.steps.streaks import question_density, question_streaks
from pipeline.steps.swallowed import release_swallowed
from pipeline.steps.threshold import adapt_to_contrast, calcium_factor, choose_threshold, keep_faint_below
from pipeline.steps.tissue import muscle_level_hu
from pipeline.steps.vessels import tell_vessels
from pipeline.steps.voxels import Voxels


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What was found in a scan, on its whole grid."""

    candidates: tuple[Candidate, ...]
    skeleton: Future[LabelMap]  #: bones with their names, which may still be being drawn
    threshold: Threshold
    noise_hu: float | None
    specks: Specks
    fit: AtlasFit | None  #: of the atlas; None where no pelvis was recognised


@dataclass(frozen=True, eq=False, slots=True)
class _Ground:
    """The box of the body, and what is known before bones are looked for."""

    inner: CTVolume
    body: Mask
    smooth: CTVolume  #: without metal
    bare: CTVolume  #: without metal and sheets under the skin
    metal: Metal | None
    sheets: Voxels | None
    guest: Anatomy | None
    acquisition: Acquisition
    threshold: Threshold

    @property
    def calcium_factor(self) -> float:
        """How many times brighter calcium is than at 120 kVp."""
        return calcium_factor(self.acquisition.kvp)

    @property
    def has_named_bones(self) -> bool:
        """Whether the user's map tells the bones."""
        return self.guest is not None and bool((self.guest.bones.values > 0).any())


@dataclass(frozen=True, eq=False, slots=True)
class _Bones:
    """The skeleton, where the atlas lies in it, and what the rules about place need of both."""

    skeleton: Skeleton
    around: Surroundings
    blood: Future[BloodPool | None]
    fit: AtlasFit | None = None
    canvas: Future[Canvas | None] | None = None  #: None where the user's map names the bones


def find(
    scan: Scan,
    body: Mask,
    settings: Settings,
    *,
    anatomy: Anatomy | None,
    beside: ThreadPoolExecutor,
    on_stage: OnStage,
    recall: Recall = afresh,
) -> Found:
    """Find everything bright that is not bone, told what it is; the bones; the threshold and the noise.

    Works on the box of the body alone and carries the answer back to the whole grid. The box is a
    voxel wider than the body, so that only what is cut by the scan touches its faces. Gas and noise are
    found beside the bones, which do not need them; bones are named beside all that does not need the names.

    Parameters
    ----------
    beside : ThreadPoolExecutor
        Of one thread.
    recall : Recall
        How the long steps are called.
    """
    found = bounding_box(body.voxels)
    if found is None:
        raise ValueError("an empty body has no box")
    box = grow_box(found, (1, 1, 1), body.geometry.shape)
    ground = _prepare(scan, body, box, anatomy, settings, recall)
    on_stage(STAGES[1])
    air = beside.submit(lambda: recall(find_air, ground.bare, ground.body))
    thickness_mm = scan.acquisition.slice_thickness_mm
    noise = beside.submit(lambda: recall(local_noise, ground.smooth, ground.body, thickness_mm))
    bones = _find_bones(ground, air, beside, settings, recall)
    labels = beside.submit(_labels, ground, bones, recall)
    on_stage(STAGES[2])
    local = noise.result()
    threshold = _threshold(ground, bones, settings)
    ground, bones = _with_rims(ground, bones, threshold, settings)
    bright = find_bright(ground.smooth, ground.body, bones.skeleton, local, threshold, settings.candidates)
    candidates, specks = gather_candidates(ground.smooth, bright, threshold, settings.candidates)
    candidates = _told(candidates, ground, bones, local.median_hu, settings)
    return Found(
        _embedded(candidates, box, body.geometry),
        beside.submit(
            lambda: embed_labels(_without_lesions(labels.result(), candidates), box, body.geometry)
        ),
        threshold,
        local.median_hu,
        specks,
        bones.fit,
    )


def _prepare(
    scan: Scan, body: Mask, box: Box, anatomy: Anatomy | None, settings: Settings, recall: Recall
) -> _Ground:
    inner, inner_body = recall(_cut, scan.volume, body, box)
    threshold = choose_threshold(scan.acquisition, settings.candidates)
    factor = calcium_factor(scan.acquisition.kvp)
    metal = recall(find_metal, inner, settings.metal, factor=factor)
    clean = recall(hide_metal, inner, metal)
    smooth = recall(smooth_volume, clean, sigma_mm=settings.candidates.smoothing_mm)
    bone_hu = _bone_hu(scan.acquisition, threshold, settings)
    sheets = recall(find_skin_sheets, smooth, inner_body, settings.sheets, bright_hu=bone_hu)
    return _Ground(
        inner=inner,
        body=inner_body,
        smooth=smooth,
        bare=recall(hide_sheets, smooth, sheets),
        metal=metal,
        sheets=sheets,
        guest=recall(anatomy.crop, box) if anatomy is not None else None,
        acquisition=scan.acquisition,
        threshold=threshold,
    )


def _cut(volume: CTVolume, body: Mask, box: Box) -> tuple[CTVolume, Mask]:
    """The volume and the body in a box."""
    inner = volume.crop(box)
    return inner, Mask(body.voxels[box], inner.geometry)


def _bone_hu(acquisition: Acquisition, threshold: Threshold, settings: Settings) -> float:
    """Level at which bone is gathered: its own at 120 kVp, and lower where calcium is dimmer.

    It does not follow an edge of lesions that is set lower than that: bones stay as they are (`rim`).
    """
    usual_hu = round(settings.skeleton.bone_hu * calcium_factor(acquisition.kvp), 1)
    return min(settings.skeleton.bone_hu, max(usual_hu, threshold.edge_hu))


def _find_bones(
    ground: _Ground, air: Future[Air], beside: ThreadPoolExecutor, settings: Settings, recall: Recall
) -> _Bones:
    """The skeleton without metal and contrast medium; what a user's map names bone is bone.

    While the atlas is laid into the bones, blood is looked for and the drawing of bones prepared.
    """
    beside.submit(prepare_atlas)
    bare, body = ground.bare, ground.body
    pooled = recall(pool_scan, bare, body, settings.skeleton)
    skeleton = recall(_beside_metal, _skeleton(ground, pooled, settings, recall), ground.metal)
    around = recall(look_around, bare, body, skeleton, air.result(), ground.acquisition)
    solid = skeleton.solid
    if ground.has_named_bones:
        blood = beside.submit(lambda: recall(find_blood_pool, bare, body, skeleton))
        fit, pelvis = _pelvis(solid, ground, recall)
        return _Bones(skeleton, replace(around, pelvis=pelvis), blood, fit)
    canvas = beside.submit(lambda: recall(Canvas.around, solid, bare))
    skeleton = left = recall(release_contrast, skeleton, around, pooled, settings.contrast)
    blood = beside.submit(lambda: recall(find_blood_pool, bare, body, left))
    fit, pelvis = _pelvis(left.solid, ground, recall)
    if pelvis is not None:
        skeleton = recall(_without_swallowed, left, solid, pelvis, bare, settings.contrast)
    return _Bones(skeleton, replace(around.without(skeleton.solid), pelvis=pelvis), blood, fit, canvas)


def _pelvis(solid: Voxels, ground: _Ground, recall: Recall) -> tuple[AtlasFit | None, Pelvis | None]:
    """The atlas laid into the bones, for places, regions and other dates; also into a user's bones."""
    fit = recall(fit_atlas, solid, ground.smooth.geometry)
    return fit, Pelvis(fit, ReferenceFrame(fit)) if fit is not None else None


def _beside_metal(skeleton: Skeleton, metal: Metal | None) -> Skeleton:
    return replace(skeleton, labels=bones_beside_metal(skeleton.labels, metal))


def _without_swallowed(
    skeleton: Skeleton, found: Voxels, pelvis: Pelvis, bare: CTVolume, settings: ContrastSettings
) -> Skeleton:
    """What is left of the bones that were found, without what lies far from every bone of the atlas."""
    return release_swallowed(skeleton, found & ~skeleton.solid, pelvis, bare, settings)


def _skeleton(ground: _Ground, pooled: PooledScan, settings: Settings, recall: Recall) -> Skeleton:
    """Bones as the anatomy at hand names them, else as the built-in search finds them."""
    bone_hu = _bone_hu(ground.acquisition, ground.threshold, settings)
    if ground.guest is None or not ground.has_named_bones:
        own = (settings.skeleton, settings.parting)
        return recall(segment_skeleton, ground.bare, ground.body, pooled, *own, bone_hu=bone_hu)
    sections = (settings.anatomy, settings.skeleton, settings.parting)
    return recall(skeleton_from, ground.guest.bones, ground.bare, ground.body, sections, bone_hu=bone_hu)


def _labels(ground: _Ground, bones: _Bones, recall: Recall) -> LabelMap:
    """The bones as they are shown."""
    if bones.canvas is None:
        return bones.skeleton.labels
    labels = recall(label_bones, bones.skeleton, bones.fit, bones.canvas.result())
    return recall(bones_beside_metal, labels, ground.metal)


def _without_lesions(labels: LabelMap, candidates: Sequence[Candidate]) -> LabelMap:
    """The bones without the voxels of lesions: what lies on a bone is not the bone as well."""
    values = labels.values.copy()
    for one in candidates:
        if one.kind == "lesion":
            values[one.mask.box][one.mask.voxels] = 0
    values.setflags(write=False)
    return LabelMap(values, labels.geometry, labels.names)


def _threshold(ground: _Ground, bones: _Bones, settings: Settings) -> Threshold:
    """The threshold with what is known of contrast medium in the blood."""
    blood, pelvis = bones.blood.result(), bones.around.pelvis
    undeclared = blood is not None and blood.both_sides and not ground.acquisition.contrast_agent
    if blood is not None and undeclared and pelvis is not None:
        roof_mm = pelvis.roof_mm
        if not may_reach_thighs(ground.bare, ground.body, bones.skeleton, blood, roof_mm):
            return keep_faint_below(ground.threshold, roof_mm)
    return adapt_to_contrast(ground.threshold, blood, ground.acquisition, settings.candidates)


def _with_rims(
    ground: _Ground, bones: _Bones, threshold: Threshold, settings: Settings
) -> tuple[_Ground, _Bones]:
    """Sheets and bones with their blurred rims, where lesions are drawn further down than those."""
    levels = Levels.of(threshold, _bone_hu(ground.acquisition, ground.threshold, settings))
    if levels is None:
        return ground, bones
    skeleton = widen_skeleton(bones.skeleton, ground.smooth, ground.body, levels)
    if ground.sheets is not None:
        rim = find_rim(ground.sheets, ground.smooth, ground.body, levels)
        ground = replace(ground, sheets=ground.sheets | rim)
    return ground, replace(bones, skeleton=skeleton, around=replace(bones.around, solid=skeleton.solid))


def _told(
    candidates: Sequence[Candidate],
    ground: _Ground,
    bones: _Bones,
    noise_hu: float | None,
    settings: Settings,
) -> tuple[Candidate, ...]:
    """What each candidate is. Sheets under the skin are lesions; no rule about mimics is asked of them."""
    muscle_hu = muscle_level_hu(bones.around)
    around = replace(bones.around, noise_hu=noise_hu or 0.0, muscle_hu=muscle_hu)
    on_skin, told = split_sheets(candidates, ground.sheets, around, settings.sheets)
    told = tell_contrast(told, around, settings.contrast)
    told = tell_vessels(told, around, settings.vessels)
    told = tell_bowel(told, around, settings.contrast)
    told = classify_candidates(told, bones.skeleton, settings.mimics)
    told = tell_beads(told, bones.skeleton, around, settings.spots)
    told = tell_spots(told, around, settings.spots)
    told = tell_ribs(told, around, settings.spots)
    told = tell_stones(told, around, settings.stones)
    told = question_pieces(told, around, settings.contrast)
    on_skin = question_sheets(on_skin, told, replace(around, smooth=ground.smooth), settings.contrast)
    told = question_abdomen(told, around, settings.spots)
    told = question_density(told, settings.metal, factor=ground.calcium_factor)
    told = question_streaks(told, ground.inner, ground.body, ground.metal, settings.metal)
    if ground.guest is not None:
        told = question_organs(told, ground.guest.organs, settings.anatomy)
        told = question_on_bone(told, bones.skeleton, settings.anatomy)
    return (*on_skin, *told, *list_metal(ground.inner, ground.metal))


def _embedded(candidates: Sequence[Candidate], box: Box, geometry: Geometry) -> tuple[Candidate, ...]:
    return tuple(one.on_grid(embed_mask(one.mask, box, geometry)) for one in candidates)
