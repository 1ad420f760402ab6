"""Thick slices blur bones into shapes that look like lumps, and close the gap between a lump and a bone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.analysis import Analysis
from pipeline.phantoms import build, reference_case
from pipeline.workflow import analyse
from tests.builders import a_scan


def analysed(slice_mm: float, *, with_lesions: bool) -> tuple[Analysis, list[float]]:
    """The reference patient in slices of some thickness, and the true volumes (mm³) of what was painted."""
    case, _ = reference_case(9)
    scanner = replace(case.scanner, slice_thickness_mm=slice_mm, spacing_mm=(slice_mm, 0.8, 0.8))
    slices = round(case.scanner.matrix[0] * case.scanner.spacing_mm[0] / slice_mm)
    scanner = replace(scanner, matrix=(slices, *case.scanner.matrix[1:]))
    lesions = case.lesions if with_lesions else ()
    built = build(replace(case, scanner=scanner, lesions=lesions))
    analysis = analyse(a_scan(built.volume.hu, built.volume.geometry))
    return analysis, [one.volume_mm3 for one in built.truth.lesions]


@pytest.mark.parametrize("slice_mm", [3.0, 4.0, 5.0])
def test_thick_slices_make_no_lesion_of_a_trochanter(slice_mm: float) -> None:
    assert analysed(slice_mm, with_lesions=False)[0].lesions == ()


def test_lumps_against_bone_are_found_in_slices_of_5_mm() -> None:
    analysis, true_mm3 = analysed(5.0, with_lesions=True)
    largest = sorted(true_mm3)[-2:]
    found = sorted(one.size.volume_mm3.value for one in analysis.lesions)[-2:]
    assert found == pytest.approx(largest, rel=0.1)
