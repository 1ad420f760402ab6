"""Analytic shapes measured on the fine grid against formulas."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.domain.geometry import RigidTransform
from pipeline.phantoms.body import body
from pipeline.phantoms.lesions import (
    Lump,
    PhantomLesion,
    linear,
    oblique_ellipsoid,
    skin_sheet,
    spherical_shell,
)
from pipeline.phantoms.patient import Posture
from pipeline.phantoms.shapes import Shape, distance_at
from pipeline.phantoms.truth import LesionTruth, measure_lesion

UPRIGHT = RigidTransform.identity()
TILTED = Posture((0.3, -0.5, 0.8), 25.0, (10.0, -20.0, 300.0)).body_to_scanner(1.0)


def measured(shape: Shape, body_to_scanner: RigidTransform = UPRIGHT) -> LesionTruth:
    return measure_lesion(PhantomLesion("one", "left", "muscle", "lump", 800.0, shape), body_to_scanner)


@pytest.mark.parametrize("semi_axes_mm", [(19.0, 11.5, 15.0), (25.0, 5.0, 8.0), (3.0, 3.0, 3.0)])
def test_ellipsoid_volume_is_four_thirds_pi_abc(semi_axes_mm: tuple[float, float, float]) -> None:
    truth = measured(oblique_ellipsoid((5.0, 6.0, 7.0), semi_axes_mm, turn_deg=20.0), TILTED)
    assert truth.volume_mm3 == pytest.approx(4 / 3 * np.pi * np.prod(semi_axes_mm), rel=0.005)


def test_axes_of_an_ellipsoid_are_its_diameters() -> None:
    truth = measured(oblique_ellipsoid((1.0, 2.0, 3.0), (19.0, 11.5, 15.0), turn_deg=35.0))
    assert truth.axial.long_axis_mm == pytest.approx(38.0, abs=0.05)
    assert truth.axial.short_axis_mm == pytest.approx(23.0, abs=0.05)
    assert truth.diameter_3d_mm == pytest.approx(38.0, abs=0.1)
    assert truth.centroid_lps_mm == pytest.approx((1.0, 2.0, 3.0), abs=0.02)
    assert truth.extent_mm[2] == pytest.approx(30.0, abs=0.05)


def test_three_dimensional_diameter_does_not_depend_on_posture() -> None:
    shape = Lump(oblique_ellipsoid((5.0, 6.0, 7.0), (12.0, 8.0, 9.0)), bump=0.08)
    assert measured(shape, TILTED).diameter_3d_mm == pytest.approx(measured(shape).diameter_3d_mm, abs=0.1)


def test_short_axis_is_perpendicular_to_the_long_axis() -> None:
    axes = measured(Lump(oblique_ellipsoid((0.0, 0.0, 0.0), (12.0, 7.0, 9.0)), bump=0.1), TILTED).axial
    long, short = (
        np.diff(ends, axis=0)[0] for ends in (axes.long_axis_points_lps_mm, axes.short_axis_points_lps_mm)
    )
    assert long @ short == pytest.approx(0.0, abs=1e-6)
    assert np.linalg.norm(long) == pytest.approx(axes.long_axis_mm)


def test_straight_rod_is_a_cylinder_with_round_ends() -> None:
    truth = measured(linear(((0.0, 0.0, 0.0), (4.0, 6.0, 12.0)), 1.5), TILTED)
    assert truth.volume_mm3 == pytest.approx(np.pi * 1.5**2 * 14.0 + 4 / 3 * np.pi * 1.5**3, rel=0.01)
    assert truth.diameter_3d_mm == pytest.approx(17.0, abs=0.1)


def test_spherical_shell_has_the_volume_between_two_balls() -> None:
    truth = measured(spherical_shell((0.0, 0.0, 0.0), 10.0, 2.0))
    assert truth.volume_mm3 == pytest.approx(4 / 3 * np.pi * (10.0**3 - 8.0**3), rel=0.005)


def test_growth_scales_volume_by_the_cube() -> None:
    shape = oblique_ellipsoid((5.0, 6.0, 7.0), (9.0, 5.0, 6.0))
    grown = RigidTransform(np.eye(3), np.zeros(3), 1.02)
    assert measured(shape, grown).volume_mm3 == pytest.approx(measured(shape).volume_mm3 * 1.02**3, rel=0.002)


def test_skin_sheet_lies_at_its_depth_under_the_skin() -> None:
    sheet = skin_sheet((70.0, 100.0, -10.0), 30.0, depth_mm=4.0, thickness_mm=3.0)
    points = np.random.default_rng(0).uniform((40, 60, -40), (100, 115, 20), (20000, 3))
    lesion = PhantomLesion("sheet", "left", "subcutaneous", "sheet", 500.0, sheet)
    depth_mm = -distance_at(body(), points[lesion.inside(points)])
    assert depth_mm.size > 50
    assert depth_mm.min() >= 4.0
    assert depth_mm.max() <= 7.0
