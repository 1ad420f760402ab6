"""One skeleton laid on another: what was done to it is found again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.config import RegisterSettings
from pipeline.domain.geometry import Geometry, RigidTransform
from pipeline.domain.image import LabelMap
from pipeline.steps.registration.whole import register_skeletons
from tests.builders import centred_grid, cylinder, no_bone

GRID = centred_grid((60, 70, 110), (2.0, 2.0, 2.0))
SETTINGS = RegisterSettings()
CENTRE = (6.0, -4.0, 3.0)


def bones_at(geometry: Geometry, to_scan: RigidTransform) -> LabelMap:
    """A ring leaning forward, with a shaft below either side of it: bones without symmetry or repetition."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    x, y, z = np.moveaxis(to_scan.inverse().apply(geometry.to_lps_mm(index)), -1, 0)
    lean = z - 15 - 0.35 * y - 0.05 * x
    ring = np.hypot(np.hypot(x / 1.4, y) - 40, lean) < 7
    shafts = [(np.hypot(x - side * 62, y + 10 - 0.1 * z) < 9 + side) & (z < 10) for side in (-1, 1)]
    knob = np.sqrt((x - 40) ** 2 + (y + 5) ** 2 + (z + 5) ** 2) < 11
    values = (ring | shafts[0] | shafts[1] | knob).astype(np.uint8)
    return LabelMap(values, geometry, {1: "other_bone"})


def motion(
    *, turn_deg: float = 0.0, shift_mm: tuple[float, float, float] = (0, 0, 0), scale: float = 1.0
) -> RigidTransform:
    rotation = Rotation.from_rotvec(np.deg2rad(turn_deg) * np.array([0.48, -0.36, 0.8])).as_matrix()
    return RigidTransform(rotation, np.array(shift_mm), scale)


BASELINE = bones_at(GRID, RigidTransform.identity())
PLACES = np.array([(0, 0, 0), (60, -10, -40), (-60, -10, -40), (0, 40, 25), (40, -40, 10)], dtype=float)


@pytest.mark.parametrize(
    "true",
    [
        motion(),
        motion(shift_mm=(7.3, -5.1, 12.7)),
        motion(turn_deg=9.0, shift_mm=(3.0, -8.0, 5.0)),
        motion(turn_deg=5.0, shift_mm=(4.0, 2.0, -6.0), scale=1.02),
        motion(turn_deg=-5.0, scale=0.98),
    ],
    ids=["nothing", "shift", "turn", "growth", "swapped growth"],
)
def test_rotation_shift_and_growth_are_found_again(true: RigidTransform) -> None:
    fit = register_skeletons(BASELINE, bones_at(GRID, true), SETTINGS)
    assert fit is not None
    assert fit.accepted
    error_mm = np.linalg.norm(fit.transform.apply(PLACES) - true.apply(PLACES), axis=1)
    assert error_mm.max() < 2.0  # surfaces are whole voxels of 2 mm
    assert fit.transform.scale == pytest.approx(true.scale, abs=0.005)
    assert fit.residual_mm < 1.5


@pytest.mark.parametrize(
    "part",
    [slice(0, 35), slice(25, 60)],
    ids=["lower part", "upper part"],
)
def test_a_later_scan_of_a_part_is_laid_into_place(part: slice) -> None:
    true = motion(turn_deg=4.0, shift_mm=(5.0, -3.0, 4.0))
    whole = bones_at(GRID, true)
    box = (part, slice(0, 70), slice(0, 110))
    later = LabelMap(whole.values[box], GRID.crop(box), whole.names)
    fit = register_skeletons(BASELINE, later, SETTINGS)
    assert fit is not None
    assert fit.accepted
    seen = PLACES[np.abs(later.geometry.to_index(true.apply(PLACES))[:, 0] - part.stop / 2) < 40]
    error_mm = np.linalg.norm(fit.transform.apply(seen) - true.apply(seen), axis=1)
    assert error_mm.max() < 2.0  # half the bones hold half the rotation


def test_straight_shafts_that_fit_anywhere_along_themselves_are_laid_where_most_is_seen() -> None:
    shafts = np.zeros(GRID.shape, np.uint8)
    for side in (-30.0, 30.0):
        shafts[np.abs(cylinder(GRID, side, 0.0, 7.0)) < 2.5] = 1
    bones = LabelMap(shafts, GRID, {1: "other_bone"})
    fit = register_skeletons(bones, bones, SETTINGS)
    assert fit is not None
    assert np.linalg.norm(fit.transform.apply(PLACES) - PLACES, axis=1).max() < 2.0
    assert not fit.accepted  # another scan of them could lie anywhere along them


def test_without_bone_there_is_no_fit() -> None:
    assert register_skeletons(no_bone(GRID), BASELINE, SETTINGS) is None
    assert register_skeletons(BASELINE, no_bone(GRID), SETTINGS) is None


def test_bones_that_do_not_fit_are_not_accepted() -> None:
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    x, y, z = np.moveaxis(GRID.to_lps_mm(index), -1, 0)
    values = (np.abs(np.sqrt(x**2 + y**2 + z**2) - 50) < 3).astype(np.uint8)
    fit = register_skeletons(BASELINE, LabelMap(values, GRID, {1: "other_bone"}), SETTINGS)
    assert fit is not None
    assert not fit.accepted


def test_more_than_the_largest_growth_is_not_accepted() -> None:
    fit = register_skeletons(BASELINE, bones_at(GRID, motion(scale=1.15)), SETTINGS)
    assert fit is not None
    assert not fit.accepted


def test_where_no_growth_is_allowed_a_scan_fits_itself() -> None:
    fit = register_skeletons(BASELINE, BASELINE, RegisterSettings(largest_growth=0.0))
    assert fit is not None
    assert fit.accepted
    assert fit.transform.scale == 1.0


def test_the_same_scans_give_the_same_fit_to_the_last_digit() -> None:
    later = bones_at(GRID, motion(turn_deg=5.0))
    one, two = (register_skeletons(BASELINE, later, SETTINGS) for _ in range(2))
    assert one is not None
    assert two is not None
    assert (one.transform.matrix_lps == two.transform.matrix_lps).all()
