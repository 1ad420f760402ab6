"""Descriptions, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.domain.description import bone_text
from pipeline.domain.lesion import Density, Interval, Lesion, PlanarAxes, Site, VolumeEstimate
from pipeline.domain.wording import interval_text, length_text
from tests.builders import a_lesion, centred_grid

ORIGIN = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def axes(long_mm: float, short_mm: float) -> PlanarAxes:
    return PlanarAxes(long_mm, short_mm, ORIGIN, ORIGIN, 0.0)


def lesion(
    long_mm: float,
    short_mm: float,
    volume_mm3: tuple[float, float | None, float | None],
    site: Site,
    *,
    p95_hu: float = 700.0,
    **changes: Any,
) -> Lesion:
    geometry = centred_grid((9, 9, 9))
    voxels = np.zeros(geometry.shape, dtype=bool)
    voxels[4, 4, 4] = True
    plain = a_lesion(1, voxels, geometry)
    size = replace(
        plain.size, axial=axes(long_mm, short_mm), volume_mm3=Interval(*volume_mm3), diameter_3d_mm=33.7,
        extent_mm=(81.2, 12.4, 104.0),
    )  # fmt: skip
    density = Density(p95_hu - 100, 50.0, p95_hu, p95_hu + 20)
    return replace(plain, size=size, density=density, site=site, **changes)


SPACE = Site(side="right", region="ischiofemoral_space", depth="muscular")


def test_a_bulky_one_on_bone() -> None:
    site = replace(SPACE, nearest_bone="hip_bone_right", bone_part="ischium", bone_distance_mm=0.0)
    one = lesion(38.2, 23.1, (6600.0, 6200.0, 7000.0), site, morphology="bulky", bone_contact=True)
    assert one.description == (
        "Bulky, dense 3.8 × 2.3 cm (axial) calcification in the right ischiofemoral space, "
        "abutting the right ischium; 6.6 mL (6.2 to 7.0)."
    )


def test_a_small_one_is_given_in_millimetres() -> None:
    site = Site(side="left", region="inguinal", depth="subcutaneous")
    one = lesion(4.2, 3.4, (31.4, 20.0, 44.6), site, p95_hu=150.0, morphology="punctate")
    assert one.description == (
        "Punctate, faint 4 × 3 mm (axial) calcification in the left groin, subcutaneous; 31 mm³ (20 to 45)."
    )


def test_of_a_line_the_length_is_said() -> None:
    site = Site(side="left", region="adductor_compartment", depth="muscular")
    one = lesion(4.2, 3.4, (262.0, 180.0, 330.0), site, p95_hu=400.0, morphology="linear", fragment_count=3)
    assert one.description == (
        "Linear, moderately dense calcification, 3.4 cm long, in the left adductor compartment, "
        "in 3 fragments; 262 mm³ (180 to 330)."
    )


@pytest.mark.parametrize(("morphology", "word"), [("sheet", "Sheet-like"), ("reticular", "Reticular")])
def test_of_a_sheet_extent_and_volume_speak(morphology: Any, word: str) -> None:
    site = Site(side="right", region="anterior_thigh", depth="fascial")
    one = lesion(80.0, 12.0, (9310.0, 8000.0, 10900.0), site, morphology=morphology)
    assert one.description == (
        f"{word}, dense calcification extending over 8.1 cm from side to side, 1.2 cm from front to back "
        "and 10.4 cm from head to foot, in the right anterior thigh, along the fascia; 9.3 mL (8.0 to 10.9)."
    )


def test_what_runs_through_several_regions_has_no_diameter() -> None:
    one = lesion(80.0, 12.0, (9310.0, None, None), Site(side="left", region="multiple"), morphology="shell")
    assert one.description == (
        "Shell-like, dense calcification extending over 8.1 cm from side to side, 1.2 cm from front to back "
        "and 10.4 cm from head to foot, in several regions on the left; 9.3 mL."
    )


def test_an_indeterminate_one_says_why() -> None:
    one = lesion(
        6.0, 5.0, (70.0, 40.0, 99.0), SPACE, morphology="nodular", status="indeterminate",
        why_indeterminate="cut by the edge of the scan", touches_edge=True,
    )  # fmt: skip
    assert one.description == (
        "Nodular, dense 6 × 5 mm (axial) calcification in the right ischiofemoral space; "
        "70 mm³ (40 to 99); indeterminate: cut by the edge of the scan."
    )


def test_an_unknown_region_is_told_by_side_and_bone() -> None:
    site = Site(side="left", nearest_bone="femur_left", bone_distance_mm=4.2)
    one = lesion(12.0, 9.0, (500.0, 400.0, 600.0), site, morphology="nodular")
    assert one.description == (
        "Nodular, dense 1.2 × 0.9 cm (axial) calcification on the left, region unknown, "
        "4 mm from the left femur; 500 mm³ (400 to 600)."
    )


def test_of_what_nothing_is_known_nothing_is_made_up() -> None:
    one = lesion(12.0, 9.0, (500.0, None, None), Site())
    assert one.description == (
        "Dense 1.2 × 0.9 cm (axial) calcification of unknown side, region unknown; 500 mm³."
    )


def test_what_to_beware_of_is_said_in_words() -> None:
    site = Site(side="midline", region="perineum", depth="skin")
    one = lesion(
        24.0, 20.0, (900.0, 500.0, 1400.0), site, morphology="ovoid", possibly_ossified=True,
        touches_edge=True, source="edited",
    )  # fmt: skip
    estimate = VolumeEstimate(one.size.volume_mm3, 0.1, 0.1, 0.1, unresolved=True)
    one = replace(one, size=replace(one.size, estimate=estimate))
    assert one.description == (
        "Ovoid, dense 2.4 × 2.0 cm (axial) calcification in the perineum in the midline, in the skin, "
        "possibly ossified, cut by the edge of the scan, outlined by hand; "
        "900 mm³ (500 to 1400), uncertain since no voxel is pure calcium."
    )


def test_the_core_tells_the_density_where_there_is_one() -> None:
    one = lesion(12.0, 9.0, (500.0, None, None), SPACE, p95_hu=450.0, morphology="nodular")
    assert one.description.startswith("Nodular, moderately dense ")
    dense = replace(one, density=replace(one.density, core=Density(520.0, 9.0, 530.0, 540.0)))
    assert dense.description.startswith("Nodular, dense ")


@pytest.mark.parametrize(
    ("length_mm", "text"), [(9.4, "9 mm"), (9.6, "1.0 cm"), (10.0, "1.0 cm"), (50.4, "5.0 cm")]
)
def test_lengths(length_mm: float, text: str) -> None:
    assert length_text(length_mm) == text


def test_limits_have_the_unit_of_their_volume() -> None:
    assert interval_text(Interval(1050.0, 950.0, 1160.0)) == "1.1 mL (0.9 to 1.2)"
    assert interval_text(Interval(950.0, 850.0, 1060.0)) == "950 mm³ (850 to 1060)"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hip_bone_left", "the left hip bone"),
        ("femur_right", "the right femur"),
        ("sacrum", "the sacrum"),
        ("lumbar_vertebrae", "the lumbar vertebrae"),
        ("other_bone", "a bone"),
    ],
)
def test_bones_in_words(name: str, text: str) -> None:
    assert bone_text(name) == text


def test_of_a_hip_bone_the_part_is_named_where_it_is_known() -> None:
    assert bone_text("hip_bone_left", "ischium") == "the left ischium"
