"""Thick slices blur bones into shapes that look like lumps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.phantoms import build, reference_case
from pipeline.workflow import analyse
from tests.builders import a_scan


@pytest.mark.parametrize("slice_mm", [3.0, 5.0])
def test_thick_slices_make_no_lesion_of_a_trochanter(slice_mm: float) -> None:
    case, _ = reference_case(9)
    scanner = replace(case.scanner, slice_thickness_mm=slice_mm, spacing_mm=(slice_mm, 0.8, 0.8))
    slices = round(case.scanner.matrix[0] * case.scanner.spacing_mm[0] / slice_mm)
    scanner = replace(scanner, matrix=(slices, *case.scanner.matrix[1:]))
    built = build(replace(case, scanner=scanner, lesions=()))
    assert analyse(a_scan(built.volume.hu, built.volume.geometry)).lesions == ()
