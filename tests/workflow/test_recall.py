from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import finding
from pipeline.config import Settings
from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.scan import Scan
from pipeline.recall import Memory
from pipeline.workflow import analyse
from tests.builders import a_scan, centred_grid, pelvis_of_two_shafts
from tests.conftest import BACK, CUT, FRONT

SAMPLE = Path(__file__).parents[2] / "sample_data"
ON_BONE = (33.5, 0.0, 0.0)
CHANGES: dict[str, dict[str, Any]] = {
    "series": {"kernel": "bone"},
    "body": {"skin_hu": -400.0},
    "skeleton": {"joined_hu": 150.0},
    "candidates": {"edge_hu": 150.0},
    "parting": {"bulky_hu": 500.0},
    "sheets": {"depths_mm": [8.0]},
    "mimics": {"smallest_lesion_mm3": 40.0},
    "contrast": {"least_hu": 140.0},
    "vessels": {"length_mm": 10.0},
    "metal": {"seed_hu": 2000.0},
    "volumes": {"blur_mm": 0.8},
    "anatomy": {"rim_mm": 3.0},
    "figures": {"enabled": False},
}
"""Values by section; some change what is found in `scan`."""


@dataclass(frozen=True, eq=False)
class Held:
    values: Any


def twice(held: Held) -> Held:
    return Held(held.values * 2)


class Calls:
    """Steps that count how often they are called."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, values: Any, *, more: int = 0) -> Any:
        self.count += 1
        return values + more

    def count_voxels(self, mask: BoxedMask) -> int:
        self.count += 1
        return mask.voxel_count

    def positive(self, held: Held) -> Held:
        self.count += 1
        return Held(held.values > 0)


def test_a_step_is_called_once_for_the_same_values() -> None:
    memory, calls, values = Memory(10**6), Calls(), np.arange(5)
    first = memory(calls.add, values, more=2)
    assert memory(calls.add, values, more=2) is first
    assert calls.count == 1
    assert first.tolist() == [2, 3, 4, 5, 6]


def test_another_array_or_another_number_is_another_call() -> None:
    memory, calls, values = Memory(10**6), Calls(), np.arange(5)
    for more in (1, 2):
        memory(calls.add, values, more=more)
    memory(calls.add, values.copy(), more=1)
    assert calls.count == 3


def test_masks_are_told_by_their_voxels_and_place() -> None:
    memory, calls, geometry = Memory(10**6), Calls(), centred_grid((4, 4, 4))
    mask = BoxedMask.of_index(np.array([[1, 1, 1], [1, 1, 2]]), geometry)
    for one in (mask, BoxedMask(mask.voxels.copy(), mask.box, geometry)):
        memory(calls.count_voxels, one)
    assert calls.count == 1
    memory(calls.count_voxels, BoxedMask.of_index(np.array([[1, 2, 1], [1, 2, 2]]), geometry))
    assert calls.count == 2


def test_an_answer_that_comes_out_the_same_is_the_earlier_one_and_so_is_what_follows() -> None:
    memory, calls = Memory(10**6), Calls()
    one, other = Held(np.array([1, 2, -3])), Held(np.array([3, 4, -5]))
    first, second = (memory(calls.positive, held) for held in (one, other))
    assert calls.count == 2
    assert second is first
    assert memory(calls.positive, Held(np.array([-1, 2, -3]))) is not first


def test_nobody_can_write_into_an_answer() -> None:
    answer = Memory(10**6)(twice, Held(np.arange(3)))
    with pytest.raises(ValueError, match="read-only"):
        answer.values[0] = 1


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    memory, calls = Memory(2 * 8 * 100), Calls()
    old, new, newest = (np.full(100, n) for n in range(3))
    for values in (old, new, old, newest):
        memory(calls.add, values)
        assert memory.held_bytes <= 2 * 8 * 100
    assert calls.count == 3
    memory(calls.add, old)
    assert calls.count == 3
    memory(calls.add, new)
    assert calls.count == 4


def test_an_array_in_two_answers_is_counted_once() -> None:
    memory, values = Memory(10**6), Held(np.zeros(100))
    memory(twice, values)
    memory(replace, memory(twice, values))
    assert memory.held_bytes == 800


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Calcium in soft tissue and on a shaft, and a ball that the scan cuts."""
    hu, geometry = pelvis_of_two_shafts({FRONT: 5.0, BACK: 7.0, CUT: 4.0, ON_BONE: 4.0}, seed=3)
    return a_scan(hu, geometry)


def content(analysis: Analysis) -> list[object]:
    """All that an analysis holds, to the last digit."""
    numbers = [repr(replace(one, mask=one.mask.box)) for one in (*analysis.lesions, *analysis.excluded)]
    masks = [one.mask.voxels.tolist() for one in (*analysis.lesions, *analysis.excluded)]
    said = [analysis.settings_sha256, analysis.flags, analysis.noise_hu, analysis.coverage]
    places = {name: points.tolist() for name, points in analysis.landmarks_mm.items()}
    skeleton = analysis.skeleton.values.tobytes(), dict(analysis.skeleton.names)
    return [numbers, masks, said, analysis.threshold, analysis.burden, skeleton, places]


def embedded(mask: BoxedMask) -> Any:
    """A mask on its whole grid."""
    voxels = np.zeros(mask.geometry.shape, dtype=bool)
    voxels[mask.box] = mask.voxels
    return voxels


def test_with_a_memory_every_change_of_settings_gives_what_a_first_run_gives(scan: Scan) -> None:
    memory = Memory(10**9)
    usual = content(analyse(scan, recall=memory))
    changed = set()
    for section, values in CHANGES.items():
        settings = Settings().with_(**{section: values})
        own = content(analyse(scan, settings, recall=memory))
        assert own == content(analyse(scan, settings)), section
        if own[:2] + own[3:] != usual[:2] + usual[3:]:
            changed.add(section)
    assert content(analyse(scan, recall=memory)) == usual
    assert changed >= {"candidates", "mimics", "volumes", "metal"}


def test_with_too_little_memory_the_numbers_are_the_same(scan: Scan) -> None:
    memory = Memory(100_000)
    settings = Settings().with_(candidates={"edge_hu": 200.0})
    analyse(scan, recall=memory)
    assert content(analyse(scan, settings, recall=memory)) == content(analyse(scan, settings))


def test_outlines_and_bones_of_another_run_are_not_mixed_up(scan: Scan) -> None:
    from pipeline.domain.outlines import Outlines

    memory = Memory(10**9)
    automatic = analyse(scan, recall=memory)
    outlines = Outlines(tuple(one.mask.padded((0, 1, 1)) for one in automatic.lesions[:1]))
    edited = analyse(scan, outlines=outlines, recall=memory)
    assert content(edited) == content(analyse(scan, outlines=outlines))
    assert content(analyse(scan, recall=memory)) == content(automatic)


LONG_STEPS = (
    "find_skin_sheets",
    "pool_scan",
    "segment_skeleton",
    "look_around",
    "release_contrast",
    "find_blood_pool",
    "fit_atlas",
    "label_bones",
)


def test_another_threshold_does_not_look_for_bones_again(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in LONG_STEPS:
        step = getattr(finding, name)
        counted = partial(lambda name, step, *a, **k: calls.append(name) or step(*a, **k), name, step)
        monkeypatch.setattr(finding, name, counted)
    memory = Memory(10**9)
    for edge_hu in (180.0, 190.0, 210.0, 150.0, 100.0, 180.0):
        analyse(scan, Settings().with_(candidates={"edge_hu": edge_hu}), recall=memory)
        assert sorted(calls) == sorted(LONG_STEPS)


def test_bones_are_the_same_at_a_lower_threshold_and_lesions_no_smaller(scan: Scan) -> None:
    usual = analyse(scan)
    for edge_hu in (150.0, 120.0):
        lower = analyse(scan, Settings().with_(candidates={"edge_hu": edge_hu}))
        assert len(lower.lesions) == len(usual.lesions) == 3
        assert lower.excluded == ()
        own, other = (
            np.isin(one.skeleton.values, 0)
            | np.any([embedded(lesion.mask) for lesion in (*usual.lesions, *lower.lesions)], axis=0)
            for one in (usual, lower)
        )
        np.testing.assert_array_equal(own, other)
        for one, wider in zip(usual.lesions, lower.lesions, strict=True):
            assert one.mask.shared_with(wider.mask) == one.mask.voxel_count


@pytest.mark.parametrize(("kvp", "bone_hu"), [(120.0, 180.0), (None, 180.0), (80.0, 180.0), (135.0, 164.8)])
def test_bones_are_gathered_lower_where_calcium_is_dimmer_and_not_where_lesions_are_drawn_lower(
    scan: Scan, monkeypatch: pytest.MonkeyPatch, kvp: float | None, bone_hu: float
) -> None:
    """119 HU at 135 kVp are the calcium of 130 HU at 120 kVp (`CALCIUM_HU_BY_KVP`)."""
    levels, search = [], finding.segment_skeleton
    monkeypatch.setattr(
        finding,
        "segment_skeleton",
        lambda *a, bone_hu, **k: levels.append(bone_hu) or search(*a, bone_hu=bone_hu, **k),
    )
    own = replace(scan, acquisition=replace(scan.acquisition, kvp=kvp))
    for edge_hu in (180.0, 150.0, 100.0):
        analyse(own, Settings().with_(candidates={"edge_hu": edge_hu}))
    assert levels == [bone_hu] * 3


def test_the_sample_scan_is_the_same_at_a_lower_threshold_after_another_one() -> None:
    scan = read_scan(SAMPLE / "baseline")
    memory = Memory(10**9)
    lower = Settings().with_(candidates={"edge_hu": 150.0})
    analyse(scan, recall=memory)
    assert content(analyse(scan, lower, recall=memory)) == content(analyse(scan, lower))


def test_names_of_labels_are_part_of_what_tells_calls_apart() -> None:
    memory, calls, geometry = Memory(10**6), Calls(), centred_grid((2, 2, 2))
    values = np.zeros(geometry.shape, np.uint8)
    values.setflags(write=False)
    for names in ({1: "left"}, {1: "right"}, {1: "left"}):
        memory(calls.positive, LabelMap(values, geometry, names))  # type: ignore[arg-type]
    assert calls.count == 2
