"""Growth plates: where cartilage parts a growth centre from its bone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.domain.geometry import Float3
from pipeline.phantoms import femur, hip_bone
from pipeline.phantoms.compose import Common
from pipeline.phantoms.plates import Band
from pipeline.phantoms.shapes import Ball, Bounds, Shape, Slab, unit

CARTILAGE_MM = 2.0
CARTILAGE_HU = 80.0

CREST_DEPTH_MM = 5.5
"""Thickness of the strip of bone that caps the iliac crest."""


@dataclass(frozen=True)
class GrowthPlate:
    """A sheet of cartilage on the left side and the centre of bone beyond it."""

    name: str
    bone: Literal["hip", "femur"]
    sheet: Shape
    place_mm: Float3  #: a point in the growth centre; of the triradiate cartilage its middle


def _tuberosity_sheet() -> Shape:
    normal = unit((-0.05, 0.60, -0.80))
    return Common((Ball((54.5, 33.0, -70.0), 22.0), Slab((54.6, 32.2, -69.2), normal, CARTILAGE_MM / 2)))


def _crest_sheet() -> Shape:
    bounds = Bounds((60.0, -38.0, 84.0), (140.0, 62.0, 135.0))
    return Band(hip_bone.WING_SHEET, hip_bone.WING_OUTLINE, bounds, CREST_DEPTH_MM, CARTILAGE_MM / 2)


def left_growth_plates() -> tuple[GrowthPlate, ...]:
    """The growth plates that are open about a hip at 13 years."""
    half_mm = CARTILAGE_MM / 2
    return (
        GrowthPlate("triradiate cartilage", "hip", hip_bone.triradiate_plates(half_mm), (54.0, 6.0, 15.0)),
        GrowthPlate("ischial tuberosity", "hip", _tuberosity_sheet(), (54.4, 34.5, -72.0)),
        GrowthPlate("iliac crest", "hip", _crest_sheet(), (106.6, 14.0, 113.8)),
        GrowthPlate("femoral head", "femur", femur.head_physis(half_mm), hip_bone.HEAD_CENTRE_MM),
        GrowthPlate(
            "greater trochanter",
            "femur",
            femur.greater_trochanter_physis(half_mm),
            femur.GREATER_TROCHANTER_MM,
        ),
        GrowthPlate(
            "lesser trochanter", "femur", femur.lesser_trochanter_physis(half_mm), (99.5, 22.8, -56.0)
        ),
    )
