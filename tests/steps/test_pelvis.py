"""Places in the reference pelvis, and what is told by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import ContrastSettings, SpotSettings
from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.domain.scan import Acquisition
from pipeline.steps.bowel import where_bowel_lies
from pipeline.steps.naming.atlas import Points, load_atlas
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import Place, Surroundings, find_air, look_around
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.spots import tell_spots
from pipeline.steps.swallowed import release_swallowed
from tests.builders import (
    CORTEX_HU,
    FAT_HU,
    MUSCLE_HU,
    Values,
    ball,
    boxed,
    centred_grid,
    coordinates_mm,
    cylinder,
    paint,
)
from tests.steps.scenes import in_muscle, rod, surroundings

HEAD_MM = 80.0
"""From the midline to the middle of a femoral head of the reference patient, at height 0."""
CAVITY: Float3 = (20.0, 20.0, 45.0)
"""Beside the iliac vessels: above the hip joints, more than 20 mm from every bone."""


@pytest.fixture(scope="module")
def pelvis() -> Pelvis:
    atlas = load_atlas()
    return Pelvis(AtlasFit(atlas, atlas.points, atlas.normals, 1.0))


def between(a: Points, b: Points) -> Points:
    return np.asarray((a + b) / 2, dtype=np.float64)


def ischium_and_femur(pelvis: Pelvis, side: int) -> Points:
    """Halfway between the tuberosity of the ischium and the femur of one side, 55 mm below the hip joint."""
    points, atlas = pelvis.fit.points, pelvis.fit.atlas
    name = "left" if side > 0 else "right"
    level = np.abs(points[:, 2] + 55) < 6
    hip = points[level & atlas.of(f"hip_bone_{name}")]
    hip = hip[hip[:, 1] > np.median(hip[:, 1])]
    femur = points[level & atlas.of(f"femur_{name}")]
    return between(hip[np.abs(hip[:, 0]).argmax()], femur[np.abs(femur[:, 0]).argmin()])


@pytest.mark.parametrize("x_mm", [-25.0, 0.0, 25.0])
@pytest.mark.parametrize("z_mm", [-20.0, 0.0, 40.0])
def test_the_middle_of_the_pelvis_is_enclosed(pelvis: Pelvis, x_mm: float, z_mm: float) -> None:
    assert pelvis.encloses(np.array([x_mm, 15.0, z_mm]))


@pytest.mark.parametrize("side", [-1, 1])
def test_the_ischiofemoral_space_is_not_enclosed(pelvis: Pelvis, side: int) -> None:
    place = ischium_and_femur(pelvis, side)
    assert not pelvis.encloses(place)
    assert not pelvis.lies_before(place)


@pytest.mark.parametrize("place", [(0.0, 120.0, 40.0), (-70.0, 110.0, 20.0), (110.0, 0.0, -120.0)])
def test_buttock_back_and_thigh_are_not_enclosed(pelvis: Pelvis, place: Float3) -> None:
    assert not pelvis.encloses(np.array(place))


@pytest.mark.parametrize(
    "place", [(0.0, 120.0, 40.0), (-70.0, 110.0, 20.0), (90.0, 60.0, 60.0), (-110.0, 40.0, 40.0)]
)
def test_buttock_and_back_are_not_before_the_pelvis(pelvis: Pelvis, place: Float3) -> None:
    assert pelvis.is_behind(np.array(place))
    assert not pelvis.lies_before(np.array(place))


@pytest.mark.parametrize(
    "place", [(0.0, 15.0, 0.0), (25.0, 15.0, 40.0), (20.0, -60.0, 60.0), (-60.0, -40.0, 70.0)]
)
def test_cavity_and_iliac_fossa_are_not_behind_the_pelvis(pelvis: Pelvis, place: Float3) -> None:
    assert not pelvis.is_behind(np.array(place))


def test_what_lies_before_the_iliac_wings_is_before_and_not_within(pelvis: Pelvis) -> None:
    place = np.array([20.0, -60.0, 60.0])
    assert not pelvis.encloses(place)
    assert pelvis.lies_before(place)


def test_the_nearest_bone_has_its_name_and_a_height_below_zero_inside(pelvis: Pelvis) -> None:
    near = pelvis.nearest(np.array([-HEAD_MM, 0.0, 0.0]))
    assert near.name == "femur_right"
    assert near.height_mm < -5
    assert pelvis.nearest(np.array([HEAD_MM, 0.0, 0.0])).name == "femur_left"


def grid_around(centre: Float3, half_mm: float, spacing_mm: Float3 = (2.0, 1.0, 1.0)) -> Geometry:
    shape = tuple(round(2 * half_mm / step) for step in spacing_mm)
    x, y, z = (value - half_mm for value in centre)
    return Geometry.from_spacing(
        (shape[0], shape[1], shape[2]), spacing_mm=spacing_mm, origin_lps_mm=(x, y, z)
    )


def scene(hu: Values, geometry: Geometry, pelvis: Pelvis, bone: Values | None = None) -> Surroundings:
    solid = np.zeros(geometry.shape, dtype=bool) if bone is None else bone < 0
    nothing = np.zeros(geometry.shape, dtype=bool)
    skeleton = Skeleton(LabelMap(solid.astype(np.uint8), geometry, {1: "other_bone"}), nothing, nothing)
    body = Mask(np.ones(geometry.shape, dtype=bool), geometry)
    volume = CTVolume(np.rint(hu).astype(np.int16), geometry)
    around = look_around(volume, body, skeleton, find_air(volume, body), Acquisition())
    return replace(around, pelvis=pelvis)


def told(
    shape: Values, hu: Values, geometry: Geometry, pelvis: Pelvis, bone: Values | None = None
) -> Candidate:
    voxels = (shape < 0.5) & (hu > 180)
    one = Candidate(boxed(voxels, geometry), 180.0, 1, float(hu[voxels].max()))
    (result,) = tell_spots((one,), scene(hu, geometry, pelvis, bone), SpotSettings())
    return result


def streak_at(place: Float3, tissue_hu: float, pelvis: Pelvis) -> Candidate:
    """A calcified streak of 5 mm along the body."""
    geometry = grid_around(place, 24.0)
    x, y, z = place
    shape = rod((x, y, z - 2.5), (x, y, z + 2.5), 1.0, geometry)
    hu = paint(np.full(geometry.shape, tissue_hu), shape, 650.0)
    return told(shape, hu, geometry, pelvis)


def test_a_thin_streak_in_the_fat_beside_the_iliac_vessels_is_vascular(pelvis: Pelvis) -> None:
    found = streak_at(CAVITY, FAT_HU, pelvis)
    assert found.kind == "vascular"
    assert "iliac" in found.reason


def test_the_same_streak_deep_in_the_psoas_is_questioned(pelvis: Pelvis) -> None:
    found = streak_at(CAVITY, FAT_HU, in_muscle(pelvis))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_in_soft_tissue_all_around_it_may_lie_in_the_psoas(pelvis: Pelvis) -> None:
    found = streak_at(CAVITY, MUSCLE_HU, pelvis)
    assert (found.kind, found.status) == ("lesion", "indeterminate")


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("tissue_hu", [FAT_HU, MUSCLE_HU])
def test_in_the_ischiofemoral_space_it_is_a_lesion(pelvis: Pelvis, side: int, tissue_hu: float) -> None:
    x, y, z = ischium_and_femur(pelvis, side)
    found = streak_at((float(x), float(y), float(z)), tissue_hu, pelvis)
    assert (found.kind, found.status) == ("lesion", "definite")


COCCYX: Float3 = (0.0, 71.0, -27.0)


def spot_at_the_coccyx(
    hu_of_it: float, pelvis: Pelvis, *, bone_at: Float3 | None = None, place: Float3 = COCCYX
) -> Candidate:
    """A ball in the coccyx of the atlas, and maybe bone of 6 mm radius as well."""
    geometry = grid_around(COCCYX, 20.0)
    shape = ball(geometry, place, 2.5)
    hu = paint(np.full(geometry.shape, MUSCLE_HU), shape, hu_of_it)
    bone = None if bone_at is None else np.where(shape < 1.0, 1.0, ball(geometry, bone_at, 6.0))
    return told(shape, hu, geometry, pelvis, bone)


def test_a_spot_in_the_coccyx_of_the_atlas_is_the_coccyx_where_no_other_bone_is(pelvis: Pelvis) -> None:
    for hu_of_it in (280.0, 800.0):
        assert spot_at_the_coccyx(hu_of_it, pelvis).kind == "bone_fragment"


def test_a_dense_spot_beside_the_coccyx_that_is_shown_may_be_of_it(pelvis: Pelvis) -> None:
    found = spot_at_the_coccyx(800.0, pelvis, bone_at=COCCYX)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert "coccyx" in found.reason


def test_a_spot_as_dense_as_bone_within_the_coccyx_is_a_segment_of_it(pelvis: Pelvis) -> None:
    found = spot_at_the_coccyx(600.0, pelvis, bone_at=COCCYX)
    assert (found.kind, found.status) == ("bone_fragment", "definite")
    assert "segment" in found.reason


def test_the_same_spot_near_the_surface_of_the_coccyx_may_be_of_it(pelvis: Pelvis) -> None:
    x, y, z = COCCYX
    heights_mm = np.arange(z, z - 12.0, -0.25)
    above_mm = [pelvis.nearest(np.array([x, y, height])).height_mm for height in heights_mm]
    near = next(n for n, above in enumerate(above_mm) if above > -1.0)
    assert above_mm[near] <= 0
    found = spot_at_the_coccyx(600.0, pelvis, bone_at=COCCYX, place=(x, y, float(heights_mm[near])))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_a_large_lump_at_the_coccyx_is_a_lesion(pelvis: Pelvis) -> None:
    geometry = grid_around(COCCYX, 24.0)
    shape = ball(geometry, COCCYX, 8.0)  # 2100 mm³
    found = told(shape, paint(np.full(geometry.shape, MUSCLE_HU), shape, 800.0), geometry, pelvis)
    assert (found.kind, found.status) == ("lesion", "definite")


def corner_told(inside_hu: float, pelvis: Pelvis) -> Candidate:
    """A ball of 16 mm with a rim of 4 mm, of which a corner reaches into the scan."""
    geometry = grid_around((300.0, 0.0, -250.0), 20.0)
    x, y, z = geometry.to_lps_mm((0, 0, 0))
    middle: Float3 = (float(x) - 6, float(y) - 6, float(z) - 6)
    outer = ball(geometry, middle, 16.0)
    hu = paint(np.full(geometry.shape, MUSCLE_HU), outer, 480.0)
    hu = paint(hu, ball(geometry, middle, 12.0), inside_hu)
    return told(outer, hu, geometry, pelvis)


END = centred_grid((10, 60, 60))


def end_told(inside_hu: float, *, rim_hu: float = 230.0, bone_x_mm: float = -17.0) -> Candidate:
    """A disc of 14 mm that the first slice cuts, with half a rim of 3 mm, beside a shaft."""
    disc, muscle = ball(END, (6.0, 0.0, -9.0), 7.0), np.full(END.shape, MUSCLE_HU)
    rim = np.maximum(disc, 4.0 - np.hypot(*(coordinates_mm(END)[0] - 6.0, coordinates_mm(END)[1])))
    x, _, z = coordinates_mm(END)
    hu = paint(paint(muscle, disc, inside_hu), np.maximum(rim, 6.0 - x + 0 * z), rim_hu)
    hu = paint(hu, cylinder(END, bone_x_mm, 0.0, 9.0), CORTEX_HU)
    around, _ = surroundings(hu, geometry=END)
    voxels = (hu >= 180) & (ball(END, (6.0, 0.0, -9.0), 9.0) < 0)
    one = Candidate(boxed(voxels, END), 180.0, 1, float(hu[voxels].max()))
    (told,) = tell_spots((one,), around, SpotSettings())
    return told


def test_the_faint_rim_of_a_bones_end_that_the_first_slice_cuts_is_bone() -> None:
    assert end_told(130.0).kind == "bone_fragment"


@pytest.mark.parametrize(("inside_hu", "rim_hu"), [(230.0, 230.0), (130.0, 400.0), (MUSCLE_HU, 230.0)])
def test_even_dense_or_thin_calcium_at_the_end_of_the_scan_stays_a_lesion(
    inside_hu: float, rim_hu: float
) -> None:
    assert end_told(inside_hu, rim_hu=rim_hu).kind == "lesion"


def test_far_from_bone_the_faint_rim_at_the_end_of_the_scan_stays_a_lesion() -> None:
    assert end_told(130.0, bone_x_mm=-60.0).kind == "lesion"


def test_a_corner_with_a_dense_rim_is_bone_and_an_even_one_is_not(pelvis: Pelvis) -> None:
    assert corner_told(220.0, pelvis).kind == "bone_fragment"
    assert corner_told(480.0, pelvis).kind == "lesion"


def swallowed(
    content_hu: float, shell_hu: float, centre: Float3, pelvis: Pelvis, *, known_mm: float = 0.0
) -> float:
    """Share of a ball of 10 mm, taken for bone, that is given back; its upper `known_mm` were before."""
    geometry = grid_around(centre, 30.0, (2.0, 2.0, 2.0))
    shape = ball(geometry, centre, 10.0)
    hu = paint(np.full(geometry.shape, MUSCLE_HU), shape, shell_hu)
    hu = paint(hu, ball(geometry, centre, 7.5), content_hu)
    nothing = np.zeros(geometry.shape, dtype=bool)
    top = ball(geometry, (centre[0], centre[1], centre[2] + 20.0 - known_mm), 10.0) < 0
    released = (shape < 0) & top
    own = (shape < 0) & ~released
    skeleton = Skeleton(LabelMap(own.astype(np.uint8), geometry, {1: "other_bone"}), nothing, nothing)
    volume = CTVolume(np.rint(hu).astype(np.int16), geometry)
    left = release_swallowed(skeleton, released, pelvis, volume, ContrastSettings()).solid
    return float(1 - left.sum() / own.sum())


def test_even_contrast_in_the_cavity_away_from_all_bones_is_given_back(pelvis: Pelvis) -> None:
    assert swallowed(300.0, 300.0, CAVITY, pelvis) > 0.95


def test_what_has_a_cortex_stays_bone(pelvis: Pelvis) -> None:
    assert swallowed(200.0, CORTEX_HU, CAVITY, pelvis) == 0


def test_what_hangs_on_known_contrast_is_contrast_outside_the_cavity_too(pelvis: Pelvis) -> None:
    beside = (150.0, 60.0, 0.0)
    assert swallowed(300.0, 300.0, beside, pelvis, known_mm=3.0) > 0.95
    assert swallowed(200.0, CORTEX_HU, beside, pelvis, known_mm=3.0) == 0


def test_beside_the_pelvis_nothing_is_given_back(pelvis: Pelvis) -> None:
    assert swallowed(300.0, 300.0, (150.0, 60.0, 0.0), pelvis) == 0


def streak_above_the_crests(tissue_hu: float, pelvis: Pelvis) -> Candidate:
    return streak_at((90.0, -60.0, pelvis.crest_mm + 40.0), tissue_hu, pelvis)


def test_above_the_crests_only_what_lies_in_fat_is_sure(pelvis: Pelvis) -> None:
    assert streak_above_the_crests(FAT_HU, pelvis).status == "definite"
    assert streak_above_the_crests(MUSCLE_HU, pelvis).status == "indeterminate"


def test_the_iliac_fossa_is_before_the_wing_and_the_buttock_is_not(pelvis: Pelvis) -> None:
    for side in (-1, 1):
        assert pelvis.lies_in_fossa(np.array([side * 75.0, -10.0, 80.0]))
        assert not pelvis.lies_in_fossa(np.array([side * 110.0, 70.0, 60.0]))
        assert not pelvis.lies_in_fossa(np.array([side * 75.0, -10.0, -60.0]))


@pytest.mark.parametrize(("value_hu", "kind"), [(700.0, "bone_fragment"), (300.0, "lesion")])
def test_a_dense_piece_at_the_upper_end_beside_a_lumbar_vertebra_is_its_process(
    pelvis: Pelvis, value_hu: float, kind: str
) -> None:
    points = pelvis.fit.points[pelvis.fit.atlas.of("lumbar_vertebrae")]
    tip = points[points[:, 0].argmax()]
    place = (float(tip[0]) + 12.0, float(tip[1]), float(tip[2]))
    assert pelvis.nearest(np.array(place)).name == "lumbar_vertebrae"
    geometry = grid_around((place[0], place[1], place[2] - 19.0), 20.0)
    shape = rod((place[0] - 3, place[1], place[2]), (place[0] + 3, place[1], place[2]), 2.0, geometry)
    found = told(shape, paint(np.full(geometry.shape, MUSCLE_HU), shape, value_hu), geometry, pelvis)
    assert found.mask.box[0].stop == geometry.shape[0]
    assert found.kind == kind


@pytest.mark.parametrize(("before_mm", "kind"), [(2.0, "bone_fragment"), (9.0, "lesion")])
def test_what_the_upper_end_cuts_at_a_lumbar_vertebra_is_its_rim(
    pelvis: Pelvis, before_mm: float, kind: str
) -> None:
    """A bar across the front of a vertebra, as faint as spongiosa, and one further before it."""
    lumbar = pelvis.fit.atlas.of("lumbar_vertebrae")
    points, normals = pelvis.fit.points[lumbar], pelvis.fit.normals[lumbar]
    front = points[(normals[:, 1] + np.abs(points[:, 0]) / 20).argmin()]
    x, y, z = (float(value) for value in front - [0.0, before_mm, 0.0])
    geometry = grid_around((x, y, z - 19.0), 20.0)
    shape = rod((x - 8, y, z), (x + 8, y, z), 2.0, geometry)
    found = told(shape, paint(np.full(geometry.shape, MUSCLE_HU), shape, 260.0), geometry, pelvis)
    assert found.mask.box[0].stop == geometry.shape[0]
    assert found.kind == kind


def test_the_muscles_that_line_the_pelvis_are_known_on_both_sides() -> None:
    atlas = load_atlas()
    fit = AtlasFit(atlas, atlas.points, atlas.normals, 1.0)
    pelvis = Pelvis(fit, ReferenceFrame(fit))
    psoas = np.array([45.0, 8.0, 98.0])  # on its course, 17 mm thick there
    assert pelvis.wall_muscle_mm(psoas) == pytest.approx(-17.0, abs=1.5)
    assert pelvis.wall_muscle_mm(psoas * [-1, 1, 1]) == pytest.approx(-17.0, abs=1.5)
    assert pelvis.wall_muscle_mm(np.array([0.0, 10.0, 20.0])) > 15.0
    assert Pelvis(fit).wall_muscle_mm(psoas) == float("inf")


def test_where_bones_are_all_around_bowel_lies_but_not_in_the_buttock() -> None:
    within = Place(ring_share=0.9, across_share=0.5, widest_gap_deg=40.0, bone_mm=20.0, middle_mm=60.0)
    assert where_bowel_lies(within, ContrastSettings())
    assert not where_bowel_lies(replace(within, behind=True), ContrastSettings())
