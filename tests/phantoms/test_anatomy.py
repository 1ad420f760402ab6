"""The pelvis is one a radiologist would recognise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from pipeline.phantoms.anatomy import Anatomy, build_anatomy, hu_at
from pipeline.phantoms.hip_bone import HEAD_CENTRE_MM
from pipeline.phantoms.patient import Patient
from pipeline.phantoms.shapes import Floats, Shape, distance_at


@pytest.fixture(scope="module")
def girl() -> Anatomy:
    return build_anatomy(Patient())


@pytest.fixture(scope="module")
def grown_up() -> Anatomy:
    return build_anatomy(Patient(growth_plates_open=False))


def bone(anatomy: Anatomy, name: str) -> Shape:
    return next(one.shape for one in anatomy.skeleton.bones if one.name == name)


def grid(low: tuple[float, ...], high: tuple[float, ...], step_mm: float) -> Floats:
    axes = [np.arange(a, b, step_mm) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@pytest.mark.parametrize("name", ["hip_left", "femur_right", "sacrum", "l5"])
def test_bone_with_closed_growth_plates_is_one_piece(grown_up: Anatomy, name: str) -> None:
    shape = bone(grown_up, name)
    low = np.maximum(shape.bounds.low_mm, (-150, -80, -140)) - 2
    high = np.minimum(shape.bounds.high_mm, (150, 110, 150)) + 2
    solid = distance_at(shape, grid(tuple(low), tuple(high), 2.0)) < 0
    labels, _ = ndimage.label(solid, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.max() / sizes.sum() > 0.999


def test_bi_iliac_width_is_about_240_mm(girl: Anatomy) -> None:
    points = grid((100, -60, 60), (135, 60, 125), 1.0)
    widest = points[distance_at(bone(girl, "hip_left"), points) < 0][:, 0].max()
    assert 2 * widest == pytest.approx(240.0, abs=8.0)


def test_body_is_about_320_by_190_mm(girl: Anatomy) -> None:
    points = grid((-170, -100, -40), (170, 120, 0), 2.0)
    inside = points[distance_at(girl.body, points) < 0]
    assert np.ptp(inside[:, 0]) == pytest.approx(320.0, abs=10.0)
    assert np.ptp(inside[:, 1]) == pytest.approx(190.0, abs=10.0)


def test_femoral_head_sits_in_its_cup_with_a_joint_space(grown_up: Anatomy) -> None:
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(4000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    roof = directions[(directions[:, 2] > 0.5) & (directions[:, 0] < 0.3)]
    to_hip_mm = distance_at(bone(grown_up, "hip_left"), np.array(HEAD_CENTRE_MM) + 21.0 * roof)
    assert to_hip_mm.min() > 2.5
    assert to_hip_mm.max() < 4.5


def test_obturator_foramen_is_open(girl: Anatomy) -> None:
    ray = np.array([40.0, -10.0, -36.0]) + np.linspace(-60, 60, 200)[:, None] * np.array([0.5, -0.8, -0.1])
    assert distance_at(bone(girl, "hip_left"), ray).min() > 3.0


def test_symphysis_and_sacroiliac_joints_are_gaps(girl: Anatomy) -> None:
    points = grid((-60, -60, -50), (60, 100, 90), 3.0).reshape(-1, 3)
    left, right, sacrum = (distance_at(bone(girl, n), points) for n in ("hip_left", "hip_right", "sacrum"))
    assert not ((left < 0) & (right < 0)).any()
    assert not ((left < 0.5) & (sacrum < 0.5)).any()
    assert ((left < 4) & (sacrum < 4)).any()


def test_ischiofemoral_space_takes_a_lesion_of_23_mm(girl: Anatomy) -> None:
    beside, outside = grid((44, 15, -72), (76, 50, -38), 0.7), grid((85, 10, -72), (120, 40, -38), 0.7)
    ischium = beside[distance_at(bone(girl, "hip_left"), beside) < 0]
    femur = outside[distance_at(bone(girl, "femur_left"), outside) < 0]
    narrowest_mm = np.min(cKDTree(ischium).query(femur)[0])
    assert narrowest_mm == pytest.approx(26.0, abs=1.5)


def test_open_growth_plate_is_cartilage_and_a_closed_one_bone(girl: Anatomy, grown_up: Anatomy) -> None:
    physis = np.array(HEAD_CENTRE_MM) + 6.0 * np.array([33.0, 9.0, -28.0]) / np.linalg.norm(
        [33.0, 9.0, -28.0]
    )
    assert hu_at(girl, physis) == pytest.approx(80.0)
    assert hu_at(grown_up, physis) > 120.0


def test_every_growth_centre_lies_in_bone_or_cartilage(girl: Anatomy) -> None:
    places = np.array([centre.place_mm for centre in girl.skeleton.growth_centres])
    assert len(places) == 12
    assert hu_at(girl, places).min() > 70.0


def test_femur_turned_outwards_brings_the_lesser_trochanter_forward() -> None:
    turned = build_anatomy(Patient(femur_rotation_deg=(0.0, 20.0)))
    place = {c.name: c.place_mm for c in turned.skeleton.growth_centres if c.side == "left"}[
        "lesser trochanter"
    ]
    assert distance_at(bone(turned, "femur_left"), np.array(place)) < 0
    assert (
        place
        != {c.name: c.place_mm for c in build_anatomy(Patient()).skeleton.growth_centres}["lesser trochanter"]
    )


def test_tissues_have_their_hu(girl: Anatomy) -> None:
    fat, muscle, marrow, air = hu_at(
        girl, np.array([(0.0, -72.0, -25.0), (70.0, 80.0, -20.0), (111.5, 8.0, -110.0), (0.0, -200.0, 0.0)])
    )
    assert fat == -100.0
    assert muscle == 57.0
    assert marrow == pytest.approx(-40.0, abs=130.0)
    assert air == -1000.0
