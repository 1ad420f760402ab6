"""The scanner's noise, blur, tube voltage and couch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.geometry import RigidTransform
from pipeline.phantoms.anatomy import Layer
from pipeline.phantoms.cases import PhantomCase, build
from pipeline.phantoms.materials import Calcified, Soft, calcium_ratio
from pipeline.phantoms.patient import Patient, Posture
from pipeline.phantoms.sampling import Scene
from pipeline.phantoms.scanner import Scanner, acquire
from pipeline.phantoms.shapes import Ball, Shape
from pipeline.phantoms.table import Table

SMALL = Scanner(spacing_mm=(2.0, 1.0, 1.0), matrix=(12, 96, 96), table=None)


def ball_scene(material: Soft | Calcified, radius_mm: float = 40.0) -> Scene:
    shape: Shape = Ball((0.0, 0.0, 0.0), radius_mm)
    return Scene((Layer("ball", shape, material),), shape, RigidTransform.identity())


@pytest.mark.parametrize("noise_hu", [8.0, 14.0, 30.0])
def test_noise_in_soft_tissue_has_the_spread_asked_for(noise_hu: float) -> None:
    volume = acquire(replace(SMALL, noise_hu=noise_hu), ball_scene(Soft(57.0)))
    centre = volume.hu[:, 28:68, 28:68].astype(float)
    assert centre.mean() == pytest.approx(57.0, abs=1.0)
    assert centre.std() == pytest.approx(noise_hu, rel=0.04)  # about 3000 independent values


def test_noise_is_stronger_where_bone_lies_sideways() -> None:
    bone = Layer("bone", Ball((-20.0, 0.0, 0.0), 15.0), Calcified(900.0))
    plain = ball_scene(Soft(57.0))
    scene = Scene((*plain.patient_layers, bone), plain.outline, plain.body_to_scanner)
    volume = acquire(SMALL, scene)
    beside, above = volume.hu[:, 44:52, 55:80], volume.hu[:, 14:22, 40:56]
    assert beside.std() > 1.2 * above.std()


def test_air_far_from_matter_is_exactly_minus_1000_and_the_corners_minus_1024() -> None:
    volume = acquire(SMALL, ball_scene(Soft(57.0), radius_mm=20.0))
    assert (volume.hu[:, 47, 2:8] == -1000).all()
    assert volume.hu[0, 0, 0] == -1024


def test_same_volume_whatever_the_slice_spacing() -> None:
    thin = acquire(
        replace(SMALL, noise_hu=0.0, matrix=(40, 96, 96), spacing_mm=(1.0, 1.0, 1.0)),
        ball_scene(Calcified(1000.0), 15.0),
    )
    thick = acquire(replace(SMALL, noise_hu=0.0, matrix=(20, 96, 96)), ball_scene(Calcified(1000.0), 15.0))
    litres = [
        (np.clip(v.hu, -1000, None).astype(float) + 1000).sum() / 2000 * v.geometry.voxel_volume_mm3
        for v in (thin, thick)
    ]
    corners = [(v.hu == -1024).sum() for v in (thin, thick)]
    assert corners[0] == 2 * corners[1]
    assert litres == pytest.approx([4 / 3 * np.pi * 15.0**3] * 2, rel=0.01)


def test_calcium_falls_as_the_tube_voltage_rises() -> None:
    peaks = [
        int(acquire(replace(SMALL, noise_hu=0.0, kvp=kvp), ball_scene(Calcified(800.0))).hu.max())
        for kvp in (80.0, 100.0, 120.0, 140.0)
    ]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] == pytest.approx(800.0 * 177 / 130, abs=1)
    assert peaks[2] == 800


def test_calcium_ratio_is_one_at_120_kvp_and_interpolates() -> None:
    assert calcium_ratio(120.0) == 1.0
    assert calcium_ratio(110.0) == pytest.approx((145 + 130) / 2 / 130)


def test_soft_tissue_does_not_change_with_the_tube_voltage() -> None:
    low, high = (acquire(replace(SMALL, kvp=kvp), ball_scene(Soft(57.0))).hu for kvp in (80.0, 140.0))
    assert (low == high).all()


def _gap_pixels(gap_mm: float) -> int:
    scanner = Scanner(
        spacing_mm=(8.0, 1.0, 3.0), matrix=(3, 150, 40), centre_lps_mm=(70.0, 90.0, -40.0),
        noise_hu=0.0, samples=(1, 1), blur_sigma_mm=0.0, table=Table(gap_mm=gap_mm),
    )  # fmt: skip
    hu = build(PhantomCase(Patient(), Posture(), scanner)).volume.hu
    air = (hu < -950).sum(1)
    below = (hu[:, ::-1] > -950).argmax(1)
    between = (air - below)[(hu < -950).any(1)]
    return int(between[between >= 0].min())


def test_couch_lies_apart_from_the_body_or_touches_it_as_asked() -> None:
    assert _gap_pixels(9.0) >= 7
    assert _gap_pixels(0.0) <= 1
