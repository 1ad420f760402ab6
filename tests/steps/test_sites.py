"""Where a lesion lies: regions in the reference patient and carried there, sides, layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import BoxedMask, LabelMap, Mask
from pipeline.domain.lesion import Depth, Interval, Lesion, Site
from pipeline.phantoms.muscles import left_muscles
from pipeline.phantoms.reference import reference_lesions
from pipeline.steps.naming.atlas import Points, load_atlas
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.pose import Pose, bent
from pipeline.steps.quality import site_flags
from pipeline.steps.sites.bones import hip_bone_part
from pipeline.steps.sites.codes import code_of
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.layers import Tissue
from pipeline.steps.sites.locate import Ground, locate_lesions
from pipeline.steps.sites.muscles import region_of_structure, side_of_structure
from pipeline.steps.sites.ossified import is_possibly_ossified
from pipeline.steps.sites.regions import territory_of
from pipeline.steps.sites.skin import Skin
from pipeline.steps.sites.spread import pattern_of, sum_by
from pipeline.steps.sites.territories import TERRITORIES
from tests.builders import (
    AIR_HU,
    FAT_HU,
    MUSCLE_HU,
    a_lesion,
    ball,
    boxed,
    centred_grid,
    ct,
    cylinder,
    paint,
)

REGION_OF_PHANTOM = {
    "ischiofemoral space": "ischiofemoral_space",
    "obturator internus": "obturator_internus",
    "adductors": "adductor_compartment",
}
OBLIQUE = np.array([[0.9, -0.3, 0.2], [0.35, 0.9, -0.15], [-0.15, 0.22, 0.95]])
TURNED = np.linalg.svd(OBLIQUE)[0] @ np.linalg.svd(OBLIQUE)[2]
"""A turn of the whole patient by about 25 degrees."""


def regions_at(places: Points) -> list[str]:
    return [TERRITORIES[n].region for n in territory_of(places)]


def upright() -> AtlasFit:
    atlas = load_atlas()
    return AtlasFit(atlas, atlas.points, atlas.normals, 1.0)


def posed(pose: Pose) -> AtlasFit:
    atlas = load_atlas()
    return AtlasFit(atlas, pose.place(atlas), pose.place_normals(atlas), pose.size)


def voxels_of(lesion_number: int, step_mm: float = 2.0) -> Points:
    """Places within a lesion of the reference case, in the reference patient."""
    shape = reference_lesions()[lesion_number].shape
    axes = [
        np.arange(low, high, step_mm)
        for low, high in zip(shape.bounds.low_mm, shape.bounds.high_mm, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    inside = shape.distance_mm(grid[:, :, None])[:, 0] < 0
    return np.asarray(grid.T[inside])


@pytest.mark.parametrize("number", range(len(reference_lesions())))
def test_the_lesions_of_the_reference_case_lie_in_their_regions(number: int) -> None:
    lesion, places = reference_lesions()[number], voxels_of(number)
    own = [one == REGION_OF_PHANTOM[lesion.structure] for one in regions_at(places)]
    assert np.mean(own) > 0.5  # half of it, as the definition asks
    assert (places[:, 0].mean() > 0) == (lesion.side == "left")


MUSCLES = {
    "gluteus minimus": "gluteal_superficial",
    "gluteus medius": "gluteal_superficial",
    "tensor fasciae latae": "anterior_thigh",
    "piriformis": "gluteal_deep",
    "iliopsoas": "iliopsoas",
    "sartorius": "anterior_thigh",
    "pectineus": "adductor_compartment",
    "obturator internus": "obturator_internus",
    "obturator externus": "obturator_externus",
    "quadratus femoris": "ischiofemoral_space",
    "adductor longus": "adductor_compartment",
    "adductor magnus": "adductor_compartment",
    "gracilis": "adductor_compartment",
    "hamstrings": "posterior_thigh",
    "vastus medialis": "anterior_thigh",
    "vastus lateralis": "anterior_thigh",
    "rectus femoris": "anterior_thigh",
}


@pytest.mark.parametrize("muscle", MUSCLES)
def test_most_of_each_muscle_of_the_phantom_lies_in_its_region(muscle: str) -> None:
    """The phantom's muscles were drawn for another purpose, before any region was."""
    shape = left_muscles()[muscle]
    low = np.maximum(shape.bounds.low_mm, [-10, -90, -120])  # the phantom's thigh is a sketch below
    high = np.minimum(shape.bounds.high_mm, [160, 120, 170])
    axes = [np.arange(a, b, 4.0) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    inside = shape.distance_mm(grid[:, :, None])[:, 0] < -1.0
    found = regions_at(np.asarray(grid.T[inside]))
    assert len(found) > 20
    assert np.mean([one == MUSCLES[muscle] for one in found]) > 0.6


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.15])
def test_a_child_and_a_turned_patient_have_the_same_regions(scale: float) -> None:
    pose = replace(Pose.upright(load_atlas(), scale), matrix=scale * TURNED).shifted(
        np.array([40.0, -130.0, 700.0])
    )
    places = np.concatenate([voxels_of(n, 4.0) for n in range(4)])
    carried = ReferenceFrame(posed(pose)).to_reference(places @ pose.matrix.T + pose.shift_mm)
    # the map is exact for a pose that bends nothing
    assert np.abs(carried - places).max() < 1e-6


@pytest.mark.parametrize("angle_deg", [-20.0, 15.0, 30.0])
def test_the_thigh_goes_with_a_bent_hip_and_the_buttock_stays(angle_deg: float) -> None:
    atlas = load_atlas()
    pose = Pose.upright(atlas, 1.0).turned(np.eye(3), {name: bent(angle_deg) for name in atlas.heads_mm})
    frame = ReferenceFrame(posed(pose))
    head = atlas.heads_mm["femur_left"]
    in_thigh: Points = np.array([[107.0, -33.0, -150.0], [127.0, 12.0, -150.0], [92.0, -6.0, -150.0]])
    moved = (in_thigh - head) @ bent(angle_deg).T + head
    # 150 mm below the hip an unbent frame would be off by 40 to 75 mm; regions are 20 mm wide and more
    assert np.linalg.norm(frame.to_reference(moved) - in_thigh, axis=1).max() < 8.0
    in_pelvis: Points = np.array([[42.0, 16.0, -20.0], [42.0, 58.0, 23.0], [105.0, 45.0, 60.0]])
    assert np.linalg.norm(frame.to_reference(in_pelvis) - in_pelvis, axis=1).max() < 8.0


@pytest.mark.parametrize(
    ("left_mm", "part"),
    [
        ((107.5, -42.0, 76.0), "ilium"),  # anterior superior spine
        ((42.0, 80.0, 46.0), "ilium"),  # posterior superior spine
        ((82.0, 0.0, 28.0), "ilium"),  # roof of the socket
        ((58.0, 32.0, 34.0), "ilium"),  # greater sciatic notch
        ((49.0, 53.0, -9.0), "ischium"),  # spine
        ((61.0, 36.0, -16.0), "ischium"),  # back wall of the socket
        ((52.0, 20.0, -72.0), "ischium"),  # tuberosity
        ((37.0, -4.0, -66.0), "ischium"),  # its ramus
        ((12.0, -41.0, -34.0), "pubis"),  # inferior ramus, below the symphysis
        ((11.0, -44.0, -20.0), "pubis"),  # symphysis
        ((28.0, -43.0, 2.0), "pubis"),  # superior ramus
        ((62.0, -20.0, 4.0), "pubis"),  # where it meets the socket
    ],
)
def test_each_landmark_of_the_hip_bone_lies_on_its_part(left_mm: Float3, part: str) -> None:
    assert hip_bone_part("hip_bone_left", np.array(left_mm)) == part
    assert hip_bone_part("hip_bone_right", left_mm * np.array([-1.0, 1.0, 1.0])) == part
    assert hip_bone_part("femur_left", np.array(left_mm)) is None


def test_above_and_below_all_landmarks_nothing_is_guessed() -> None:
    places: Points = np.array([[100.0, 0.0, -320.0], [30.0, 80.0, 300.0], [65.0, 30.0, -150.0]])
    assert (territory_of(places) >= 0).tolist() == [False, False, True]


GRID = Geometry.from_spacing((80, 90, 140), spacing_mm=(4.0, 3.0, 3.0), origin_lps_mm=(-210, -130, -200))
"""Around the reference patient, in its own coordinates."""


def ground(
    *, frame: ReferenceFrame | None = None, organs: LabelMap | None = None, grid: Geometry = GRID
) -> Ground:
    """A trunk of muscle in fat without bones."""
    z, y, x = np.indices(grid.shape)
    points = grid.to_lps_mm(np.stack([z, y, x], -1))
    away = np.hypot(points[..., 0] / 170, points[..., 1] / 110)
    hu = np.where(away < 1, FAT_HU, AIR_HU)
    hu = np.where(away < 0.85, MUSCLE_HU, hu)
    bones = LabelMap(np.zeros(grid.shape, np.uint8), grid)
    volume, body = ct(hu, grid), Mask(away < 1, grid)
    return Ground(Tissue(volume, bones, Skin.of(body, volume)), body, bones, frame, organs, False)


def block(low_mm: Float3, high_mm: Float3, grid: Geometry = GRID) -> BoxedMask:
    """A box of voxels between two corners, LPS mm."""
    a, b = (np.rint(grid.to_index(corner)).astype(int) for corner in (low_mm, high_mm))
    voxels = np.zeros(grid.shape, dtype=bool)
    voxels[a[0] : b[0] + 1, a[1] : b[1] + 1, a[2] : b[2] + 1] = True
    return boxed(voxels, grid)


def site_of(mask: BoxedMask, **given: object) -> Site:
    return locate_lesions([mask], ground(**given))[0]  # type: ignore[arg-type]


def test_a_lesion_has_side_region_structure_and_code() -> None:
    frame = ReferenceFrame(upright())
    site = site_of(block((36, 8, -28), (46, 28, -16)), frame=frame)
    assert (site.side, site.region, site.structure) == ("left", "obturator_internus", "obturator internus")
    assert site.code == "SCT 29836001"  # hip region: no code of the muscle is known
    site = site_of(block((-100, 70, -35), (-70, 80, -5)), frame=frame)
    assert (site.side, site.region, site.code) == ("right", "gluteal_superficial", "SCT 181674001")


def test_a_lesion_belongs_to_the_region_with_half_of_it_and_involves_the_next() -> None:
    # the border of gluteus maximus and the hamstrings, then a sheet over half of the thigh
    frame = ReferenceFrame(upright())
    site = site_of(block((60, -20, -170), (72, 86, -150)), frame=frame)
    assert site.region == "adductor_compartment"
    assert "posterior_thigh" in site.also_involves
    sheet = site_of(block((30, -100, -180), (140, 100, 0)), frame=frame)
    assert sheet.region == "multiple"
    assert len(sheet.also_involves) >= 3


@pytest.mark.parametrize(
    ("low", "high", "side"),
    [
        ((-8, -2, -70), (8, 4, -50), "midline"),  # perineum
        ((-14, 80, 140), (14, 90, 150), "midline"),  # across the spine
        ((2, 78, 140), (8, 90, 150), "left"),  # beside it
        ((-8, 78, 140), (-2, 90, 150), "right"),
    ],
)
def test_on_the_midline_is_what_crosses_it_or_has_no_twin(low: Float3, high: Float3, side: str) -> None:
    grid = Geometry.from_spacing((90, 110, 100), spacing_mm=(4.0, 2.0, 2.0), origin_lps_mm=(-99, -110, -130))
    sites = locate_lesions([block(low, high, grid)], ground(frame=ReferenceFrame(upright()), grid=grid))
    assert sites[0].side == side


def test_without_landmarks_region_and_structure_stay_empty_and_are_flagged() -> None:
    site = site_of(block((36, 8, -28), (46, 28, -16)))
    assert (site.region, site.structure, site.code, site.also_involves) == (None, None, None, ())
    assert site.side == "left"  # a trunk wider than deep has a middle
    lesion = replace(a_lesion(1, np.ones((2, 2, 2), dtype=bool), centred_grid((2, 2, 2))), site=site)
    (flag,) = site_flags([lesion])
    assert (flag.code, flag.message.split()[:3]) == ("REGION_UNKNOWN", ["1", "of", "1"])
    assert site_flags([replace(lesion, site=Site(region="perineum"))]) == ()


def limbs(*centres_mm: float, radius_mm: float = 40.0) -> Ground:
    """Round limbs beside each other."""
    grid = centred_grid((12, 100, 220), (3.0, 1.5, 1.5))
    inside = np.logical_or.reduce([cylinder(grid, x, 0.0, radius_mm) < 0 for x in centres_mm])
    bones = np.logical_or.reduce([cylinder(grid, x, 0.0, 8.0) < 0 for x in centres_mm])
    labels = LabelMap(bones.astype(np.uint8), grid, {1: "other_bone"})
    volume, body = ct(np.where(inside, MUSCLE_HU, AIR_HU), grid), Mask(inside, grid)
    return Ground(Tissue(volume, labels, Skin.of(body, volume)), body, labels, None, None, False)


@pytest.mark.parametrize(
    ("centres", "at_mm", "side"),
    [((-60.0, 60.0), 40.0, "left"), ((-60.0, 60.0), -80.0, "right"), ((-38.0, 38.0), 60.0, "left"),
     ((0.0,), 20.0, None)],
)  # fmt: skip
def test_of_one_leg_nobody_says_which_it_is(
    centres: tuple[float, ...], at_mm: float, side: str | None
) -> None:
    where = limbs(*centres)
    mask = boxed(ball(where.body.geometry, (at_mm, 15.0, 0.0), 4.0) < 0, where.body.geometry)
    assert locate_lesions([mask], where)[0].side == side


def body_of_layers(grid: Geometry) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A cylinder: muscle to 30 mm, fat to 48 mm, skin of 2 mm as dense as muscle."""
    hu = np.full(grid.shape, AIR_HU)
    for radius_mm, value in ((50.0, MUSCLE_HU), (48.0, FAT_HU), (30.0, MUSCLE_HU)):
        hu = paint(hu, cylinder(grid, 0.0, 0.0, radius_mm), value)
    return hu, cylinder(grid, 0.0, 0.0, 50.0) < 0


@pytest.mark.parametrize(
    ("x_mm", "radius_mm", "depth", "skin_mm"),
    [(48.4, 1.5, "skin", 0.0), (40.0, 3.0, "subcutaneous", 7.0), (30.0, 3.0, "fascial", 17.0),
     (15.0, 4.0, "muscular", 31.0)],
)  # fmt: skip
def test_what_lies_around_a_lesion_tells_its_layer(
    x_mm: float, radius_mm: float, depth: Depth, skin_mm: float
) -> None:
    grid = centred_grid((24, 120, 120))
    hu, inside = body_of_layers(grid)
    lump = ball(grid, (x_mm, 0.0, 0.0), radius_mm)
    volume, body = ct(paint(hu, lump, 500.0), grid), Mask(inside, grid)
    bones = LabelMap(np.zeros(grid.shape, np.uint8), grid)
    where = Ground(Tissue(volume, bones, Skin.of(body, volume)), body, bones, None, None, False)
    site = locate_lesions([boxed((lump < 0) & inside, grid)], where)[0]
    assert site.depth == depth
    # from voxel to voxel of 1 mm, so that both ends may be off by half of one
    assert site.skin_depth_mm == pytest.approx(skin_mm, abs=1.5)


def test_fat_between_muscles_is_fascial_and_not_subcutaneous() -> None:
    grid = centred_grid((24, 120, 120))
    hu, inside = body_of_layers(grid)
    hu = paint(hu, cylinder(grid, 0.0, 0.0, 12.0), FAT_HU)
    lump = ball(grid, (0.0, 0.0, 0.0), 4.0)
    volume, body = ct(paint(hu, lump, 500.0), grid), Mask(inside, grid)
    bones = LabelMap(np.zeros(grid.shape, np.uint8), grid)
    where = Ground(Tissue(volume, bones, Skin.of(body, volume)), body, bones, None, None, False)
    assert locate_lesions([boxed(lump < 0, grid)], where)[0].depth == "fascial"


def test_where_the_picture_ends_is_no_skin() -> None:
    grid = centred_grid((24, 120, 120))
    hu, inside = body_of_layers(grid)
    cut = np.broadcast_to(np.arange(120) > 90, grid.shape)
    volume, body = ct(np.where(cut, -2000.0, hu), grid), Mask(inside & ~cut, grid)
    mask = boxed(ball(grid, (25.0, 0.0, 0.0), 3.0) < 0, grid)
    depths_mm = Skin.of(body, volume).depths_mm(mask)
    # the picture ends 3 mm from it, the skin lies 40 mm up and down: sqrt(50² - 30²)
    assert depths_mm is not None
    assert depths_mm.min() == pytest.approx(36.0, abs=6.0)


@pytest.mark.parametrize(("inside_hu", "expected"), [(100.0, True), (700.0, False)])
def test_a_rim_around_a_less_dense_inside_may_be_bone(inside_hu: float, expected: bool) -> None:
    grid = centred_grid((24, 60, 60))
    lump = ball(grid, (0.0, 0.0, 0.0), 12.0)
    hu = paint(paint(np.full(grid.shape, MUSCLE_HU), lump, 700.0), lump + 2.5, inside_hu)
    mask = boxed((lump < 0) & (hu > 180.0), grid)
    assert is_possibly_ossified(mask, ct(hu, grid)) is expected


def test_a_cup_that_is_open_on_one_side_is_no_bone() -> None:
    grid = centred_grid((24, 60, 60))
    lump = ball(grid, (0.0, 0.0, 0.0), 12.0)
    hu = paint(paint(np.full(grid.shape, MUSCLE_HU), lump, 700.0), lump + 2.5, 100.0)
    hu[:, :30] = MUSCLE_HU
    assert not is_possibly_ossified(boxed((lump < 0) & (hu > 180.0), grid), ct(hu, grid))


@pytest.mark.parametrize(
    ("name", "region", "side"),
    [
        ("gluteus_maximus_left", "gluteal_superficial", "left"),
        ("Obturator internus, right", "obturator_internus", "right"),
        ("obturator-externus", "obturator_externus", None),
        ("quadratus_femoris_left", "ischiofemoral_space", "left"),
        ("quadratus lumborum", "paraspinal", None),
        ("autochthon_right", "paraspinal", "right"),
        ("rectus femoris", "anterior_thigh", None),
        ("rectus abdominis", "abdominal_wall", None),
        ("biceps femoris", "posterior_thigh", None),
        ("iliopsoas_left", "iliopsoas", "left"),
        ("urinary_bladder", "pelvic_cavity", None),
        ("obt_int", "obturator_internus", None),
        ("gmax", "gluteal_superficial", None),
        ("adductor minimus", "adductor_compartment", None),
        ("thigh_posterior_compartment_left", "posterior_thigh", "left"),
        ("thigh_medial_compartment_right", "adductor_compartment", "right"),
        ("leg_posterior_compartment", "leg", None),
        ("colon", None, None),  # most of it lies above the pelvis
        ("spleen", None, None),
    ],
)
def test_the_name_in_a_label_map_tells_the_region(name: str, region: str | None, side: str | None) -> None:
    assert region_of_structure(name) == region
    assert side_of_structure(name) == side


def test_the_users_map_stands_above_the_atlas() -> None:
    mask = block((36, 8, -28), (46, 28, -16))
    values = np.zeros(GRID.shape, np.uint8)
    values[mask.box][mask.voxels] = 7
    organs = LabelMap(values, GRID, {7: "piriformis_right"})
    site = site_of(mask, frame=ReferenceFrame(upright()), organs=organs)
    assert (site.region, site.structure, site.side) == ("gluteal_deep", "piriformis_right", "right")
    alone = site_of(mask, organs=organs)
    assert (alone.region, alone.side) == ("gluteal_deep", "right")


def test_no_code_is_made_up() -> None:
    assert code_of("perineum", None) is None
    assert code_of(None, None) is None
    assert code_of("gluteal_superficial", "gluteus_medius_left") == "SCT 78333006"
    assert code_of("gluteal_superficial", None) == "SCT 46862004"


def lesion_at(number: int, depth: Depth, region: str, size_mm: Float3, volume_mm3: float) -> Lesion:
    """A block of so many mm along x, y, z."""
    grid = centred_grid((70, 150, 150), (1.0, 1.0, 1.0))
    voxels = np.zeros(grid.shape, dtype=bool)
    i, j, k = (round(mm) for mm in size_mm)
    voxels[1 : 1 + k, 1 : 1 + j, 1 : 1 + i] = True
    one = a_lesion(number, voxels, grid)
    size = replace(one.size, volume_mm3=Interval(volume_mm3))
    return replace(one, size=size, site=Site(side="left", region=region, depth=depth))


def test_the_burden_is_summed_by_region_and_depth_of_what_is_definite() -> None:
    lesions = [
        lesion_at(1, "muscular", "iliopsoas", (10, 10, 10), 900.0),
        lesion_at(2, "fascial", "iliopsoas", (20, 3, 10), 500.0),
        replace(lesion_at(3, "skin", "perineum", (5, 5, 5), 100.0), status="indeterminate"),
        replace(lesion_at(4, "skin", "perineum", (5, 5, 5), 50.0), site=Site()),
    ]
    assert sum_by(lesions, lambda one: one.site.region) == {"iliopsoas": 1400.0, "unknown": 50.0}
    assert sum_by(lesions, lambda one: one.site.depth) == {
        "fascial": 500.0,
        "muscular": 900.0,
        "unknown": 50.0,
    }


def test_the_pattern_is_that_of_most_of_the_volume() -> None:
    lump = lesion_at(1, "muscular", "iliopsoas", (12, 12, 12), 1700.0)
    line = lesion_at(2, "muscular", "adductor_compartment", (3, 3, 40), 360.0)
    plaque = lesion_at(3, "subcutaneous", "gluteal_superficial", (30, 3, 30), 2700.0)
    armour = lesion_at(4, "subcutaneous", "gluteal_superficial", (120, 3, 40), 14400.0)
    assert pattern_of([lump, line]) == "tumoral"
    assert pattern_of([line]) == "fascial"
    assert pattern_of([plaque]) == "superficial"
    assert pattern_of([armour, plaque]) == "exoskeleton"
    assert pattern_of([lump, plaque]) == "mixed"
    assert pattern_of([replace(lump, status="indeterminate")]) is None
