"""The share of directions that meet a cortex, against walking every ray voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Index3
from pipeline.steps.enclosure import CUT_WEIGHT, DIRECTIONS, enclosed_fraction

Cut = tuple[tuple[bool, bool], ...]
ALL_CUT: Cut = ((True, True),) * 3
NONE_CUT: Cut = ((False, False),) * 3

volumes = hnp.arrays(
    np.int16, st.tuples(*[st.integers(1, 6)] * 3), elements=st.sampled_from([-1000, 0, 60, 200, 260, 500])
)
cuts = st.tuples(*[st.tuples(st.booleans(), st.booleans())] * 3)


def walk(
    hu: NDArray[np.int16], spacing_mm: Float3, reach_mm: float, floor_hu: float, contrast_hu: float, cut: Cut
) -> NDArray[np.float64]:
    """The same share by loops: 1 for a direction that meets a cortex, a part for one that leaves the scan."""
    share = np.zeros(hu.shape)
    for start in np.ndindex(hu.shape):
        needed = max(hu[start] + contrast_hu, floor_hu)
        for direction in DIRECTIONS:
            share[start] += _ray(hu, start, direction, needed, spacing_mm, reach_mm, cut)
    return np.minimum(share / len(DIRECTIONS), 1)


def _ray(
    hu: NDArray[np.int16],
    start: tuple[int, ...],
    direction: Index3,
    needed_hu: float,
    spacing_mm: Float3,
    reach_mm: float,
    cut: Cut,
) -> float:
    stride_mm = float(np.linalg.norm(np.multiply(direction, spacing_mm)))
    leaves = False
    for n in range(1, max(1, int(reach_mm / stride_mm)) + 1):
        at = np.add(start, np.multiply(direction, n))
        below, above = at < 0, at >= hu.shape
        if not (below.any() or above.any()):
            if hu[tuple(at)] >= needed_hu:
                return 1.0
        elif any((b and low) or (a and high) for b, a, (low, high) in zip(below, above, cut, strict=True)):
            leaves = True
    return CUT_WEIGHT if leaves else 0.0


@given(volumes, cuts, st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.2, 0.9)]), st.sampled_from([0.5, 3.0, 30.0]))
def test_the_fast_way_equals_walking_every_ray(
    hu: NDArray[np.int16], cut: Cut, spacing_mm: Float3, reach_mm: float
) -> None:
    fast = enclosed_fraction(
        hu.astype(np.float32),
        hu.astype(np.float32),
        spacing_mm=spacing_mm,
        reach_mm=reach_mm,
        floor_hu=250,
        contrast_hu=150,
        cut=cut,
    )
    assert np.allclose(fast, walk(hu, spacing_mm, reach_mm, 250, 150, cut), atol=1e-5)


def shell(*, inside_hu: float) -> NDArray[np.float32]:
    hu = np.full((9, 9, 9), 60, np.float32)
    hu[2:7, 2:7, 2:7] = 700
    hu[3:6, 3:6, 3:6] = inside_hu
    return hu


def middle(hu: NDArray[np.float32]) -> float:
    fraction = enclosed_fraction(
        hu, hu, spacing_mm=(1, 1, 1), reach_mm=10, floor_hu=250, contrast_hu=150, cut=NONE_CUT
    )
    return float(fraction[4, 4, 4])


def test_marrow_within_a_cortex_is_enclosed_on_all_sides() -> None:
    assert middle(shell(inside_hu=50)) == 1.0


def test_the_inside_of_a_lump_dense_throughout_is_not_enclosed() -> None:
    assert middle(shell(inside_hu=650)) == 0.0


def test_muscle_beside_a_bone_is_enclosed_from_one_side_at_most() -> None:
    hu = shell(inside_hu=50)
    fraction = enclosed_fraction(
        hu, hu, spacing_mm=(1, 1, 1), reach_mm=10, floor_hu=250, contrast_hu=150, cut=NONE_CUT
    )
    assert fraction[4, 4, 1] <= 9 / 26  # directions with a part towards the shell


@pytest.mark.parametrize("mirror", [0, 1, 2])
def test_a_mirrored_volume_gives_the_mirrored_share(mirror: int) -> None:
    hu = np.random.default_rng(1).integers(-100, 800, (6, 7, 8)).astype(np.float32)
    one, two = (
        enclosed_fraction(v, v, spacing_mm=(2, 1, 1), reach_mm=4, floor_hu=250, contrast_hu=150)
        for v in (hu, np.flip(hu, mirror))
    )
    assert np.allclose(np.flip(one, mirror), two)


def test_metal_brighter_than_16_bits_can_add_to_is_not_enclosed_by_muscle() -> None:
    hu = np.full((5, 5, 5), 60, np.float32)
    hu[2, 2, 2] = 32700  # extended scales reach the end of int16
    fraction = enclosed_fraction(
        hu, hu, spacing_mm=(1, 1, 1), reach_mm=3, floor_hu=250, contrast_hu=150, cut=NONE_CUT
    )
    assert fraction[2, 2, 2] == 0.0
