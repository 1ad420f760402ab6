"""The sample case by name, whole and cut: what is said of a lesion must not hang on what else is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Box
from pipeline.domain.scan import Scan
from pipeline.workflow import analyse

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


def sites(analysis: Analysis) -> list[tuple[str | None, str | None]]:
    """Largest first, as lesions are listed."""
    return [(lesion.site.side, lesion.site.region) for lesion in analysis.lesions]


def test_every_lesion_of_the_sample_case_has_its_side_and_region(scan: Scan) -> None:
    found = analyse(scan)
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
