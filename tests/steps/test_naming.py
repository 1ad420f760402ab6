"""Every bone by its name: the atlas laid into a phantom of another size, turned, mirrored, cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Box, Geometry
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.phantoms import PhantomScan, build, reference_case
from pipeline.phantoms.atlas import write_atlas
from pipeline.phantoms.patient import Posture
from pipeline.steps.naming.atlas import load_atlas
from pipeline.steps.naming.draw import Canvas, draw_bones
from pipeline.steps.naming.field import ask_atlas
from pipeline.steps.naming.fill import fill_bones
from pipeline.steps.naming.fit import fit_atlas
from pipeline.steps.naming.inside import bone_and_tissue
from pipeline.steps.naming.label import label_bones
from pipeline.steps.naming.pose import Pose, bent
from pipeline.steps.naming.spread import spread
from pipeline.steps.skeleton import Skeleton
from tests.builders import add_bone, body_hu, centred_grid, ct, cylinder

Names = NDArray[np.uint8]
OF_PHANTOM = {
    "hip_right": "hip_bone_right",
    "hip_left": "hip_bone_left",
    "l4": "lumbar_vertebrae",
    "l5": "lumbar_vertebrae",
}
LARGE = BONES[:5]
MIRRORED = [0, 2, 1, 4, 3, 5, 6, 7, 8]


def scan_of(scale: float, posture: Posture) -> PhantomScan:
    case, _ = reference_case(3)
    patient = replace(case.patient, scale=scale, growth_plates_open=False, femur_rotation_deg=(12.0, -8.0))
    scanner = replace(
        case.scanner,
        spacing_mm=(3.0, 2.0, 2.0),
        slice_thickness_mm=3.0,
        matrix=(110, 150, 190),
        samples=(2, 1),
        noise_hu=10.0,
    )
    return build(replace(case, patient=patient, posture=posture, scanner=scanner, lesions=()))


@pytest.fixture(scope="module")
def phantom() -> PhantomScan:
    """Grown by a tenth and turned by 7 degrees about an oblique axis."""
    return scan_of(
        1.1, Posture(rotation_axis=(0.5, 0.3, 1.0), rotation_deg=7.0, shift_mm=(8.0, -143.0, -408.0))
    )


def truth_of(scan: PhantomScan) -> Names:
    drawn = scan.bone_labels()
    table = np.zeros(256, dtype=np.uint8)
    for value, name in drawn.names.items():
        table[value] = BONES.index(OF_PHANTOM.get(name, name)) + 1
    return np.asarray(table[drawn.values])


def named(solid: NDArray[np.bool_], hu: NDArray[np.int16], geometry: Geometry) -> Names:
    volume = CTVolume(hu, geometry)
    nothing = np.zeros(solid.shape, dtype=bool)
    skeleton = Skeleton(LabelMap(solid.view(np.uint8), geometry, {1: "other_bone"}), nothing, nothing)
    fit = fit_atlas(solid, geometry)
    labels: LabelMap = label_bones(skeleton, fit, Canvas.around(solid, volume))
    assert tuple(labels.names.values()) == BONES
    return np.asarray(labels.values, dtype=np.uint8)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def test_every_bone_has_its_name_and_side(phantom: PhantomScan) -> None:
    truth = truth_of(phantom)
    found = named(truth > 0, phantom.volume.hu, phantom.volume.geometry)
    for bone in LARGE:
        value = BONES.index(bone) + 1
        assert dice(found == value, truth == value) >= 0.93, bone
    for right in (1, 3):
        assert not ((found == right) & (truth == right + 1)).any()
        assert not ((found == right + 1) & (truth == right)).any()


def test_a_mirrored_scan_has_mirrored_names(phantom: PhantomScan) -> None:
    truth, hu, geometry = truth_of(phantom), phantom.volume.hu, phantom.volume.geometry
    flipped = np.ascontiguousarray(hu[:, :, ::-1])
    there = named(truth[:, :, ::-1] > 0, flipped, geometry)
    back = np.asarray(MIRRORED, dtype=np.uint8)[there[:, :, ::-1]]
    here = named(truth > 0, hu, geometry)
    assert np.count_nonzero(back != here) <= 0.01 * np.count_nonzero(here)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_scan_of_one_hip_names_that_side_alone(phantom: PhantomScan, side: str) -> None:
    truth, geometry = truth_of(phantom), phantom.volume.geometry
    middle = truth.shape[2] // 2
    columns = slice(0, middle - 12) if side == "right" else slice(middle + 12, truth.shape[2])
    box: Box = (slice(10, 80), slice(12, 144), columns)
    cut = phantom.volume.crop(box)
    found = named(truth[box] > 0, cut.hu, cut.geometry)
    for name in ("hip_bone", "femur"):
        value = BONES.index(f"{name}_{side}") + 1
        assert dice(found == value, truth[box] == value) >= 0.9
        other = BONES.index(f"{name}_{'left' if side == 'right' else 'right'}") + 1
        assert not (found == other).any()
    assert geometry.spacing_mm == cut.geometry.spacing_mm


def test_bent_hips_are_found() -> None:
    atlas = load_atlas()
    femora = {name: bent(35.0) for name in atlas.heads_mm}
    pose = Pose.upright(atlas, 1.2).turned(np.eye(3), femora)
    geometry = centred_grid((140, 120, 120), (3.0, 3.0, 3.0))
    index = np.rint(geometry.to_index(pose.place(atlas))).astype(int)
    shell = np.zeros(geometry.shape, dtype=bool)
    inside = ((index >= 0) & (index < geometry.shape)).all(axis=1)
    shell[tuple(index[inside].T)] = True
    thick = thickened(shell)
    fit = fit_atlas(thick, geometry)
    assert fit is not None
    away = np.linalg.norm(fit.points - pose.place(atlas), axis=1)
    assert np.median(away[atlas.of("femur_left", "femur_right")]) < 6.0


def thickened(shell: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The shell, a voxel thicker."""
    thick = shell.copy()
    for axis in range(3):
        thick |= np.roll(shell, 1, axis) | np.roll(shell, -1, axis)
    return thick


def test_shafts_alone_are_no_pelvis() -> None:
    geometry = centred_grid((60, 96, 112), (3.0, 2.0, 2.0))
    hu = add_bone(add_bone(body_hu(geometry), geometry, 40.0, 0.0), geometry, -40.0, 0.0)
    solid = (cylinder(geometry, 40.0, 0.0, 10.0) < 0) | (cylinder(geometry, -40.0, 0.0, 10.0) < 0)
    assert fit_atlas(solid, geometry) is None
    found = named(solid, ct(hu, geometry).hu.astype(np.int16), geometry)
    assert set(np.unique(found)) == {0, BONES.index("other_bone") + 1}


def test_no_bone_has_no_names() -> None:
    geometry = centred_grid((20, 40, 40))
    assert fit_atlas(np.zeros(geometry.shape, dtype=bool), geometry) is None
    assert not named(
        np.zeros(geometry.shape, dtype=bool), np.full(geometry.shape, 50, np.int16), geometry
    ).any()


def test_a_bone_is_drawn_at_half_the_height_of_its_cortex() -> None:
    geometry = centred_grid((20, 80, 80), (2.0, 0.6, 0.6))
    hu = add_bone(body_hu(geometry), geometry, 0.0, 0.0)
    volume = ct(hu, geometry)
    wide = cylinder(geometry, 0.0, 0.0, 10.3) < 0
    canvas = Canvas.around(wide, volume)
    assert canvas is not None
    wide = wide[canvas.box]
    drawn = draw_bones(wide, canvas, np.zeros(canvas.blocks.mean_hu.shape, dtype=bool))
    true = (cylinder(geometry, 0.0, 0.0, 9.0) < 0)[canvas.box]
    assert dice(drawn, true) > dice(wide, true)
    assert dice(drawn, true) >= 0.95
    # a border at half height may miss voxels whose middle lies within half a voxel, 0.3 mm, of the edge
    assert not ((cylinder(geometry, 0.0, 0.0, 8.7) < 0)[canvas.box] & ~drawn).any()


@pytest.mark.parametrize(
    ("bone", "hole_hu", "is_filled"),
    [("femur_left", 30, True), ("lumbar_vertebrae", 30, False), ("lumbar_vertebrae", 110, True)],
)
def test_a_hole_of_200_mm2_is_filled_unless_it_may_be_the_canal(
    bone: str, hole_hu: int, is_filled: bool
) -> None:
    geometry = centred_grid((20, 60, 60), (1.5, 1.5, 1.5))
    away_mm = cylinder(geometry, 0.0, 0.0, 0.0)
    ring = (away_mm < 16.0) & (away_mm >= 8.0)
    value = BONES.index(bone) + 1
    soft_hu = np.full(ring.shape, hole_hu, np.float32)
    filled = fill_bones(ring * np.uint8(value), ring, soft_hu, geometry.spacing_mm)
    assert (filled[2:-2][away_mm[2:-2] < 7.0] == (value if is_filled else 0)).all()
    assert not filled[away_mm >= 16.0].any()


def test_another_bone_in_a_hole_keeps_its_name() -> None:
    geometry = centred_grid((20, 60, 60), (1.5, 1.5, 1.5))
    away_mm = cylinder(geometry, 0.0, 0.0, 0.0)
    named = ((away_mm < 16.0) & (away_mm >= 8.0)) * np.uint8(1)
    named[away_mm < 5.0] = 3
    filled = fill_bones(named, named > 0, np.zeros(named.shape, np.float32), geometry.spacing_mm)
    assert set(np.unique(filled[away_mm < 5.0])) <= {0, 3}


@pytest.mark.parametrize("is_open", [True, False])
def test_walls_are_thin_where_nothing_holds_the_marrow(phantom: PhantomScan, is_open: bool) -> None:
    truth, geometry = truth_of(phantom), phantom.volume.geometry
    fit = fit_atlas(truth > 0, geometry)
    assert fit is not None
    field = ask_atlas(truth > 0, geometry, fit)
    hu = np.where(is_open, np.float32(40), phantom.volume.hu.astype(np.float32))
    asked = bone_and_tissue(truth > 0, hu, geometry.spacing_mm, field)
    assert (asked.thin_wall is not None) == is_open


def test_answers_meet_on_the_ridge_between_them() -> None:
    along = np.arange(40)
    hu = np.broadcast_to(500.0 - 20.0 * np.abs(along - 25), (4, 4, 40)).astype(np.float32)
    sure = np.zeros(hu.shape, dtype=np.uint8)
    sure[..., :5], sure[..., 37:] = 1, 2
    told = spread(sure, hu, np.ones(hu.shape, dtype=bool))
    assert (told[..., :25] == 1).all()
    assert (told[..., 26:] == 2).all()


def test_the_atlas_tells_height_bone_and_lead_of_a_block(phantom: PhantomScan) -> None:
    truth, geometry = truth_of(phantom), phantom.volume.geometry
    fit = fit_atlas(truth > 0, geometry)
    assert fit is not None
    field = ask_atlas(truth > 0, geometry, fit)
    places = geometry.coarsen(field.steps).to_lps_mm(np.argwhere(field.asked))
    each, _ = fit.distances_mm(places)
    order = np.sort(each, axis=0)
    np.testing.assert_allclose(field.distance_mm[field.asked], order[0], atol=1e-3)
    # blocks of 6 mm: a point lies at most half a diagonal, 5.2 mm, from the middle of its block
    assert np.abs(field.lead_mm[field.asked] - (order[1] - order[0])).max() <= 4 * 5.2
    assert np.abs(field.lead_mm[field.asked] - (order[1] - order[0])).mean() <= 5.2


def test_the_shipped_atlas_is_what_the_phantoms_draw(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas.npz")
    shipped = Path(__file__).parents[2] / "pipeline" / "steps" / "naming" / "atlas.npz"
    with np.load(tmp_path / "atlas.npz") as one, np.load(shipped) as two:
        assert set(one.files) == set(two.files)
        for name in one.files:
            if name == "normals":
                assert np.abs(one[name].astype(int) - two[name]).max() <= 1
            else:
                np.testing.assert_array_equal(one[name], two[name])


def test_the_atlas_is_the_same_on_both_sides() -> None:
    atlas = load_atlas()
    left = atlas.points[atlas.of("hip_bone_left")]
    right = atlas.points[atlas.of("hip_bone_right")]
    np.testing.assert_allclose(left * [-1, 1, 1], right)
