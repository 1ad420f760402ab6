"""Calcium in the wall of a vessel that can be followed, and calcinosis that only runs along one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import VesselSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.vessels import tell_vessels
from tests.builders import FAT_HU, Values, coordinates_mm, cylinder, paint
from tests.steps.scenes import GRID, candidate, pelvis_hu, rod, surroundings, thigh_hu

BLOOD_HU = 45.0


def vessel(hu: Values, x_mm: float, y_mm: float, *, radius_mm: float = 4.5) -> Values:
    """A tube of blood along the body, in fat."""
    hu = paint(hu, cylinder(GRID, x_mm, y_mm, radius_mm + 8), FAT_HU)
    return paint(hu, cylinder(GRID, x_mm, y_mm, radius_mm), BLOOD_HU)


def walled(hu: Values, x_mm: float, y_mm: float, *, radius_mm: float = 4.5, wall_hu: float = 260.0) -> Values:
    """A tube of blood in muscle, with a wall that is calcified a little all around."""
    hu = paint(hu, cylinder(GRID, x_mm, y_mm, radius_mm + 0.6), wall_hu)
    return paint(hu, cylinder(GRID, x_mm, y_mm, radius_mm - 0.6), BLOOD_HU)


def told(hu: Values, shape: Values, value_hu: float = 650.0, age_years: float | None = 60.0) -> Candidate:
    painted = paint(hu, shape, value_hu)
    around, _ = surroundings(painted, age_years=age_years)
    one = candidate(shape, painted)
    (result,) = tell_vessels((one,), around, VesselSettings())
    return result


def plaque(x_mm: float, y_mm: float, *, radius_mm: float = 4.5) -> Values:
    """A short thin plaque on the left rim of a vessel."""
    return rod((x_mm + radius_mm, y_mm, -4.0), (x_mm + radius_mm, y_mm, 4.0), 1.1)


def test_a_plaque_on_a_vessel_of_the_pelvic_cavity_is_vascular_at_any_age() -> None:
    hu = vessel(pelvis_hu(), 20.0, 0.0)
    for age_years in (13.0, 60.0, None):
        found = told(hu, plaque(20.0, 0.0), age_years=age_years)
        assert found.kind == "vascular"
        assert "tube" in found.reason


@pytest.mark.parametrize(("age_years", "kind"), [(60.0, "vascular"), (None, "vascular"), (13.0, "lesion")])
def test_a_plaque_on_a_calcified_wall_in_the_thigh_is_vascular_but_in_a_child_questioned(
    age_years: float | None, kind: str
) -> None:
    found = told(walled(thigh_hu(), 30.0, 10.0), plaque(30.0, 10.0), age_years=age_years)
    assert found.kind == kind
    assert found.status == ("definite" if kind == "vascular" else "indeterminate")


def test_a_plaque_on_a_tube_in_fat_of_the_thigh_is_only_questioned() -> None:
    found = told(vessel(thigh_hu(), 30.0, 10.0), plaque(30.0, 10.0))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_a_rod_along_a_muscle_is_a_lesion() -> None:
    found = told(thigh_hu(), rod((30.0, 10.0, -12.0), (33.0, 12.0, 12.0), 1.2))
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_rod_beside_a_vessel_but_off_its_rim_is_a_lesion() -> None:
    found = told(walled(thigh_hu(), 30.0, 10.0), rod((41.0, 10.0, -8.0), (41.0, 10.0, 8.0), 1.2))
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_plate_under_the_skin_is_a_lesion() -> None:
    hu = thigh_hu()
    plate = np.maximum(np.abs(cylinder(GRID, 0, 0, 66.0)) - 1.2, np.abs(rod((0, 66, 0), (0, 66, 1), 1.0)) - 9)
    found = told(hu, plate)
    assert (found.kind, found.status) == ("lesion", "definite")


def test_noise_alone_makes_no_vessel() -> None:
    hu = thigh_hu() + np.random.default_rng(3).normal(0, 30, GRID.shape)
    shape = rod((30.0, 10.0, -8.0), (30.0, 10.0, 8.0), 1.5)
    painted = paint(hu, shape, 650.0)
    around, _ = surroundings(painted)
    (result,) = tell_vessels(
        (candidate(shape, paint(thigh_hu(), shape, 650.0)),), replace(around, noise_hu=30.0), VesselSettings()
    )
    assert (result.kind, result.status) == ("lesion", "definite")


def faint(hu: Values, wall_hu: float, *, sd_hu: float) -> Values:
    """A ring a little brighter than muscle and blood, in noise."""
    ring = walled(hu, 30.0, 10.0, radius_mm=3.5, wall_hu=wall_hu)
    return np.asarray(ring + np.random.default_rng(5).normal(0, sd_hu, GRID.shape))


@pytest.mark.parametrize(
    ("wall_hu", "age_years", "kind"), [(110.0, 60.0, "vascular"), (60.0, 60.0, "lesion")]
)
def test_a_faint_ring_that_goes_on_is_the_wall_of_a_vessel(
    wall_hu: float, age_years: float, kind: str
) -> None:
    shape = plaque(30.0, 10.0, radius_mm=3.5)
    painted = paint(faint(thigh_hu(), wall_hu, sd_hu=10.0), shape, 650.0)
    around, _ = surroundings(painted, age_years=age_years)
    one = candidate(shape, paint(thigh_hu(), shape, 650.0))
    (found,) = tell_vessels((one,), replace(around, noise_hu=10.0), VesselSettings())
    assert found.kind == kind


def arc(inside_hu: float, *, x_mm: float = 20.0, turn_deg: float = 200.0) -> tuple[Values, Values]:
    """An arc of calcium 1.6 mm thick and 20 mm long around a core, in soft tissue that shows no border."""
    x, y, z = np.broadcast_arrays(*coordinates_mm(GRID))
    core = cylinder(GRID, x_mm, 0.0, 3.4)
    shell = np.maximum(np.abs(core - 0.8) - 0.8, np.abs(z) - 10.0)
    outside = np.abs(np.degrees(np.arctan2(x - x_mm, y))) > turn_deg / 2
    hu = paint(pelvis_hu(inside_hu=BLOOD_HU), core, inside_hu)
    return hu, np.where(outside, 3.0, shell)


def test_an_arc_around_blood_is_the_wall_of_a_vessel_by_its_own_form() -> None:
    found = told(*arc(BLOOD_HU), age_years=13.0)
    assert found.kind == "vascular"
    assert "calcified" in found.reason or "tube" in found.reason


@pytest.mark.parametrize(
    ("inside_hu", "turn_deg"),
    [(FAT_HU, 200.0), (-900.0, 200.0), (BLOOD_HU, 60.0)],
    ids=["fat", "gas", "flat"],
)
def test_an_arc_around_fat_or_gas_and_a_flat_plate_are_no_wall(inside_hu: float, turn_deg: float) -> None:
    assert told(*arc(inside_hu, turn_deg=turn_deg), age_years=13.0).kind == "lesion"


def test_an_arc_in_the_muscle_of_the_pelvic_wall_of_a_child_is_only_questioned() -> None:
    found = told(*arc(BLOOD_HU, x_mm=48.0), age_years=13.0)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
