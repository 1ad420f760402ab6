"""The sample case by name, whole and cut: what is said of a lesion must not hang on what else is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.anatomy import anatomy_from
from pipeline.domain.geometry import Box
from pipeline.domain.scan import Scan
from pipeline.workflow import analyse, compare

SAMPLE = Path(__file__).parents[2] / "sample_data" / "baseline"
MARGIN = 8
"""Columns left out beside the middle, so that one hip alone is shown."""
LUMP, OVOID = ("right", "ischiofemoral_space"), ("left", "obturator_internus")
PUBLISHED_MM = ((38.0, 23.0), (50.0, 10.0))
AXES_MM = 1.0
"""That axes are right to."""
RODS = {side: [(side, "adductor_compartment")] * 3 for side in ("left", "right")}


@pytest.fixture(scope="module")
def scan() -> Scan:
    return read_scan(SAMPLE)


@pytest.fixture(scope="module")
def baseline(scan: Scan) -> Analysis:
    return analyse(scan)


@pytest.fixture(scope="module")
def followup() -> Analysis:
    return analyse(read_scan(SAMPLE.parent / "followup"))


def sites(analysis: Analysis) -> list[tuple[str | None, str | None]]:
    """Largest first, as lesions are listed."""
    return [(lesion.site.side, lesion.site.region) for lesion in analysis.lesions]


def test_every_lesion_of_the_sample_case_has_its_side_and_region(baseline: Analysis) -> None:
    found = baseline
    assert sites(found)[:2] == [LUMP, OVOID]
    assert sorted(sites(found)[2:]) == RODS["left"] + RODS["right"]
    assert {lesion.site.depth for lesion in found.lesions} == {"muscular"}
    assert found.lesions[0].site.structure == "quadratus femoris"
    assert not any(lesion.possibly_ossified for lesion in found.lesions)
    assert [lesion.morphology for lesion in found.lesions] == ["bulky", "ovoid"] + ["linear"] * 6
    assert [lesion.recist_measurable for lesion in found.lesions] == [True, True] + [False] * 6
    for lesion, published_mm in zip(found.lesions, PUBLISHED_MM, strict=False):
        axes = (lesion.size.axial.long_axis_mm, lesion.size.axial.short_axis_mm)
        assert axes == pytest.approx(published_mm, abs=AXES_MM)
        assert f" cm (axial) calcification in the {lesion.site.side} " in lesion.description
    volumes = [lesion.size.volume_mm3.value for lesion in found.lesions]
    assert found.burden.by_region == pytest.approx(
        {
            "adductor_compartment": sum(volumes[2:]),
            "ischiofemoral_space": volumes[0],
            "obturator_internus": volumes[1],
        }
    )
    assert found.burden.pattern == "tumoral"


@pytest.mark.parametrize(("side", "first"), [("left", OVOID), ("right", LUMP)])
def test_one_hip_alone_has_the_same_sites(scan: Scan, side: str, first: tuple[str, str]) -> None:
    depth, height, width = scan.volume.geometry.shape
    middle = round(float(scan.volume.geometry.to_index((0.0, 0.0, 0.0))[2]))
    columns = slice(middle + MARGIN, width) if side == "left" else slice(0, middle - MARGIN)
    box: Box = (slice(0, depth), slice(0, height), columns)
    assert sites(analyse(replace(scan, volume=scan.volume.crop(box)))) == [first, *RODS[side]]


def test_all_lesions_of_the_sample_case_resolve_and_in_the_other_order_are_new(
    baseline: Analysis, followup: Analysis
) -> None:
    there, back = compare([baseline, followup]), compare([followup, baseline])
    assert [track.kind for track in there.tracks] == ["resolved"] * 8
    assert [track.kind for track in back.tracks] == ["new"] * 8
    assert there.responses[-1].category == "complete_resolution"
    assert there.responses[-1].criteria.recist_1_1 == "complete_resolution"
    assert back.responses[-1].category == "progression"
    assert all(one.accepted for one in there.registrations)
    assert len(there.registrations) == 5
    for one, other in zip(there.tracks, back.tracks, strict=True):
        assert one.steps[0].change_mm3 == -(other.steps[0].change_mm3 or 0)
        assert one.steps[0].limits_mm3 == other.steps[0].limits_mm3
    assert there.burden_changes[0].change_mm3 == -(back.burden_changes[0].change_mm3 or 0)


def test_a_scan_against_itself_has_no_change(baseline: Analysis) -> None:
    comparison = compare([baseline, baseline])
    assert [track.kind for track in comparison.tracks] == ["stable"] * 8
    assert [track.steps[0].change_mm3 for track in comparison.tracks] == [0.0] * 8
    assert [track.lesion_ids[0] for track in comparison.tracks] == [
        track.lesion_ids[1] for track in comparison.tracks
    ]
    assert comparison.burden_changes[0].change_mm3 == 0.0
    assert comparison.responses[-1].category == "stable"


def test_three_dates_have_a_nadir_and_progression_from_it(baseline: Analysis, followup: Analysis) -> None:
    comparison = compare([baseline, followup, baseline])
    assert [one.category for one in comparison.responses] == ["complete_resolution", "progression"]
    assert comparison.responses[-1].reference == "nadir"
    assert comparison.responses[-1].criteria.recist_1_1 == "progression"
    assert len(comparison.registrations) == 15


def test_bones_of_the_users_are_followed_also_to_a_date_without_lesions(
    scan: Scan, baseline: Analysis, followup: Analysis
) -> None:
    first, last = (analyse(one.scan, anatomy=anatomy_from(one.skeleton)) for one in (baseline, followup))
    assert (first.burden.lesion_count, last.burden.lesion_count) == (8, 0)  # nor is the coccyx one
    assert set(last.landmarks_mm) == set(followup.landmarks_mm)
    comparison = compare([first, last])
    assert len(comparison.registrations) == 5
    assert all(one.accepted for one in comparison.registrations)
    assert comparison.responses[-1].category == "complete_resolution"
