"""Each bone laid on itself in another scan, and places carried by the bones around them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.config import RegisterSettings
from pipeline.domain.geometry import Box, Float3, Geometry, RigidTransform
from pipeline.domain.image import LabelMap
from pipeline.phantoms.bones import build_skeleton
from pipeline.phantoms.patient import Patient
from pipeline.phantoms.shapes import Shape
from pipeline.phantoms.truth import label_volume
from pipeline.steps.naming.atlas import FEMORA, Points, load_atlas
from pipeline.steps.registration.bones import NEIGHBOURS, WHOLE, ShownBones, register_bones
from pipeline.steps.registration.travel import NOT_REGISTERED, Passage
from tests.builders import no_bone

SETTINGS = RegisterSettings()
BONES = tuple(NEIGHBOURS)
FIRST = Geometry.from_spacing((130, 110, 150), spacing_mm=(2.0, 2.0, 2.0), origin_lps_mm=(-149, -105, -145))
LATER = Geometry.from_spacing((96, 130, 150), spacing_mm=(3.3, 2.2, 2.2), origin_lps_mm=(-155, -130, -190))
GROWTH = 1.03
HEADS_MM = load_atlas().heads_mm
Motions = Mapping[str, RigidTransform]


def turned(axis: Float3, angle_deg: float) -> Points:
    direction = np.array(axis) / np.linalg.norm(axis)
    return np.asarray(Rotation.from_rotvec(np.deg2rad(angle_deg) * direction).as_matrix())


def about(point: Points, rotation: Points, then: RigidTransform) -> RigidTransform:
    """Turn about a point, then move."""
    whole = then.rotation @ rotation
    return RigidTransform(whole, then.apply(point) - then.scale * whole @ point, then.scale)


def motions(
    right: Points = turned((1.0, 0.0, 0.0), 15.0),  # noqa: B008
    left: Points = turned((0.2, -0.3, 1.0), -15.0),  # noqa: B008
) -> dict[str, RigidTransform]:
    """A child turned, shifted by 30 mm and grown, the femora turned in their sockets as well."""
    trunk = RigidTransform(turned((0.3, -0.5, 1.0), 5.0), np.array([12.0, -8.0, -26.2]), GROWTH)
    moved = dict.fromkeys(BONES, trunk)
    for name, turn in zip(FEMORA, (right, left), strict=True):
        moved[name] = about(HEADS_MM[name], turn, trunk)
    return moved


STILL = dict.fromkeys(BONES, RigidTransform.identity())


@cache
def shape_of(name: str) -> Shape:
    bones = build_skeleton(Patient(growth_plates_open=False)).bones
    return next(bone.shape for bone in bones if bone.name == name.replace("hip_bone", "hip"))


def labelled(moved: Motions, geometry: Geometry) -> LabelMap:
    """The phantom's bones, each where its own motion takes it."""
    values = np.zeros(geometry.shape, np.uint8)
    for number, (name, motion) in enumerate(moved.items(), start=1):
        own = label_volume([(name, shape_of(name))], motion, geometry, subvoxels=2)
        values[own.values > 0] = number
    return LabelMap(values, geometry, dict(enumerate(moved, start=1)))


def landmarks(moved: Motions, *, off_mm: float) -> dict[str, Points]:
    """Points of the atlas on each bone, laid there with an error as a fit of the atlas has."""
    atlas = load_atlas()
    wrong = turned((1.0, 2.0, 3.0), 4.0 * np.sign(off_mm))
    return {
        name: motion.apply(atlas.points[atlas.of(name)]) @ wrong.T + off_mm for name, motion in moved.items()
    }


def shown(moved: Motions, geometry: Geometry, *, off_mm: float = 0.0) -> ShownBones:
    return ShownBones(labelled(moved, geometry), landmarks(moved, off_mm=off_mm))


def part(whole: ShownBones, box: Box) -> ShownBones:
    """The same scan of less of the patient."""
    labels = whole.labels
    return ShownBones(LabelMap(labels.values[box], labels.geometry.crop(box), labels.names), whole.landmarks)


@pytest.fixture(scope="module")
def first() -> ShownBones:
    return shown(STILL, FIRST)


@pytest.fixture(scope="module")
def later() -> ShownBones:
    return shown(motions(), LATER, off_mm=3.0)


def errors_mm(found: RigidTransform, true: RigidTransform, name: str) -> Points:
    points = load_atlas().points[load_atlas().of(name)]
    inside = ((points > FIRST.bounds_lps_mm()[0]) & (points < FIRST.bounds_lps_mm()[1])).all(axis=1)
    return np.asarray(np.linalg.norm(found.apply(points[inside]) - true.apply(points[inside]), axis=1))


def test_each_bone_is_found_again_turned_shifted_and_grown(first: ShownBones, later: ShownBones) -> None:
    fits = register_bones(first, later, SETTINGS)
    assert set(fits) == set(BONES)
    for name, true in motions().items():
        assert fits[name].accepted
        assert errors_mm(fits[name].transform, true, name).mean() < 0.5
        assert fits[name].transform.scale == pytest.approx(GROWTH, abs=0.008)
        assert fits[name].residual_mm < 0.5


def test_in_the_other_order_the_fits_are_the_inverse(first: ShownBones, later: ShownBones) -> None:
    there, back = register_bones(first, later, SETTINGS), register_bones(later, first, SETTINGS)
    for name in BONES:
        ways = [there[name].transform, back[name].transform]
        assert any((a.inverse().matrix_lps == b.matrix_lps).all() for a, b in (ways, reversed(ways)))


def test_a_scan_on_itself_moves_nothing(first: ShownBones) -> None:
    for fit in register_bones(first, first, SETTINGS).values():
        assert fit.accepted
        assert np.allclose(fit.transform.matrix_lps, np.eye(4), atol=1e-9)


def test_without_landmarks_the_skeleton_as_a_whole_begins(first: ShownBones) -> None:
    moved = motions(np.eye(3), np.eye(3))
    fits = register_bones(ShownBones(first.labels), ShownBones(labelled(moved, LATER)), SETTINGS)
    for name in BONES:
        assert fits[name].accepted
        assert errors_mm(fits[name].transform, moved[name], name).mean() < 0.5


@pytest.mark.parametrize("size", [1.15, 1 / 1.15], ids=["larger", "smaller"])
def test_what_is_no_growth_is_another_patient(first: ShownBones, size: float) -> None:
    """Either way round: the limit is the same for the date that shows the smaller bones."""
    grown = RigidTransform(np.eye(3), np.zeros(3), size)
    fits = register_bones(first, shown(dict.fromkeys(BONES, grown), FIRST), SETTINGS)
    assert fits
    assert not any(fit.accepted for fit in fits.values())


def test_of_one_hip_its_own_bones_are_followed(first: ShownBones, later: ShownBones) -> None:
    """The later scan shows the patient's left half: i runs to the left."""
    half = part(later, (slice(0, 96), slice(0, 130), slice(80, 150)))
    fits = register_bones(first, half, SETTINGS)
    for name in ("hip_bone_left", "femur_left"):
        assert fits[name].accepted
        assert errors_mm(fits[name].transform, motions()[name], name).mean() < 1.0
    assert "femur_right" not in fits


def test_a_shaft_that_slides_along_itself_is_not_accepted(first: ShownBones) -> None:
    """Both scans end below the trochanters."""
    low = (slice(0, 30), slice(0, 110), slice(0, 150))
    fits = register_bones(part(first, low), part(first, low), SETTINGS)
    assert not fits["femur_left"].accepted


def test_what_is_no_such_bone_is_not_accepted_and_places_beside_it_are_lost(
    first: ShownBones, later: ShownBones
) -> None:
    values = np.array(later.labels.values)
    number = 1 + list(motions()).index("femur_left")
    where = values == number
    k, j, i = (slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(where))
    values[where] = 0
    values[k, j, i][:, ::3, ::3] = number  # a grid of rods in the same box
    other = ShownBones(LabelMap(values, LATER, later.labels.names), later.landmarks)
    fits = register_bones(first, other, SETTINGS)
    assert "femur_left" not in fits or not fits["femur_left"].accepted
    way = Passage.of(first.surfaces, fits, WHOLE)
    on_shaft = first.surfaces["femur_left"].surface.points
    on_shaft = on_shaft[on_shaft[:, 2] < -90]
    assert "femur left" in (way.why_lost(on_shaft) or "")
    assert way.why_lost(first.surfaces["hip_bone_left"].surface.points) is None


def test_scans_without_a_shared_bone_have_no_way(first: ShownBones) -> None:
    assert register_bones(first, ShownBones(no_bone(FIRST)), SETTINGS) == {}
    way = Passage.of(first.surfaces, {}, WHOLE)
    assert way.why_lost(np.zeros((1, 3))) == NOT_REGISTERED
    with pytest.raises(ValueError, match="bones"):
        way.carry(np.zeros((1, 3)))


@pytest.fixture(scope="module")
def way(first: ShownBones, later: ShownBones) -> Passage:
    return Passage.of(first.surfaces, register_bones(first, later, SETTINGS), WHOLE)


def test_a_place_on_a_bone_goes_with_it(way: Passage, first: ShownBones) -> None:
    for name, true in motions().items():
        alone = first.surfaces[name].surface.points[::40]
        others = [one.tree for other, one in way.carriers.items() if other != name]
        alone = alone[np.min([tree.query(alone)[0] for tree in others], axis=0) > 25]
        assert len(alone) > 5
        assert np.linalg.norm(way.carry(alone) - true.apply(alone), axis=1).mean() < 1.0


def test_places_move_smoothly_from_bone_to_bone(way: Passage) -> None:
    """Along a line from the pubis to the shaft of the left femur, mm by mm."""
    line = np.linspace([15.0, -30.0, -50.0], [110.0, 0.0, -110.0], 200)
    steps_mm = np.linalg.norm(np.diff(way.carry(line), axis=0), axis=1)
    assert steps_mm.max() < 2 * np.linalg.norm(line[1] - line[0])


def test_flesh_swings_with_the_thigh_and_hardly_spins_with_the_femur(first: ShownBones) -> None:
    """A place 80 mm beside the shaft: the knee lifted by 15°, the shaft turned about itself by 15°."""
    shaft = first.surfaces["femur_left"].surface.points
    shaft = shaft[shaft[:, 2] < -90]
    middle = shaft.mean(0)
    axis = np.linalg.svd(shaft - middle, full_matrices=False)[2][0]
    place = middle + np.array([80.0, 0.0, 0.0])
    lifted = about(HEADS_MM["femur_left"], turned((1.0, 0.0, 0.0), 15.0), RigidTransform.identity())
    spun = about(middle, turned((axis[0], axis[1], axis[2]), 15.0), RigidTransform.identity())
    shares = []
    for motion in (lifted, spun):
        fits = register_bones(first, shown({**STILL, "femur_left": motion}, FIRST), SETTINGS)
        carried = Passage.of(first.surfaces, fits, WHOLE).carry(place[None])[0]
        shares.append(np.linalg.norm(carried - place) / np.linalg.norm(motion.apply(place) - place))
    assert shares[0] > 0.7
    assert shares[1] < 0.25
