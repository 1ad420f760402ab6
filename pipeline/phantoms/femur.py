"""The left femur and its growth plates. The origin is the middle between the femoral heads."""

from __future__ import annotations

from pipeline.domain.geometry import Float3
from pipeline.phantoms.compose import Common, Union
from pipeline.phantoms.hip_bone import HEAD_CENTRE_MM
from pipeline.phantoms.materials import BoneTissue, Texture
from pipeline.phantoms.rods import rod
from pipeline.phantoms.shapes import Ball, Shape, Shell, Slab, offset, unit

HEAD_RADIUS_MM = 21.0
NECK_AXIS = unit((33.0, 9.0, -28.0))
"""From the head's centre to the shaft: neck-shaft angle about 130 degrees, anteversion 15."""

GREATER_TROCHANTER_MM: Float3 = (124.0, 19.0, -10.0)


def left_femur() -> Shape:
    """Head, neck, trochanters and shaft; the shaft runs out of the scan."""
    neck = rod((80, 0, 0, 13.0), (92, 3.5, -10, 14.0), (104, 7, -21, 15.0), (113, 10, -31, 16.0))
    greater = rod((117, 13, -38, 15.5), (121, 16, -20, 13.5), (123, 20, -8, 9.5), (121.5, 22, -3, 6.5))
    shaft = rod(
        (116, 11, -38, 16),
        (115.5, 11, -60, 14.2),
        (113, 9, -90, 12.6),
        (107, 5, -160, 12.2),
        (101, 2, -240, 12),
    )
    lesser = rod((111, 15, -56, 9.5), (101.5, 21.5, -56, 6.2), smooth=1)
    crest = rod((121, 23, -14, 6), (115, 24, -36, 6), (107, 20, -54, 5))
    return Union((Ball(HEAD_CENTRE_MM, HEAD_RADIUS_MM), neck, greater, shaft, lesser, crest), blend_mm=5.0)


def femur_tissue(texture: Texture) -> BoneTissue:
    """Thin cortex and trabeculae above, thick cortex and fatty marrow in the shaft."""
    return BoneTissue(
        cortex_mm=((-90.0, 4.2), (-65.0, 3.2), (-40.0, 2.0), (-22.0, 1.5)),
        cortex_hu=((-90.0, 1300.0), (-55.0, 1150.0), (-25.0, 850.0)),
        marrow_hu=((-88.0, -40.0), (-62.0, 110.0), (-45.0, 190.0), (0.0, 260.0)),
        texture=texture,
        texture_hu=35.0,
    )


def head_physis(half_thickness_mm: float = 1.0) -> Shape:
    """Growth plate of the head: a dome over the neck, 6 mm beyond the head's centre."""
    dome = Shell(offset(HEAD_CENTRE_MM, NECK_AXIS, 44.0), 38.0, half_thickness_mm)
    return Common((Ball(HEAD_CENTRE_MM, HEAD_RADIUS_MM + 2.0), dome))


def greater_trochanter_physis(half_thickness_mm: float = 1.0) -> Shape:
    """Growth plate under the tip of the greater trochanter."""
    return Common(
        (Ball((124, 18, -11), 22.0), Slab((118, 16, -22), unit((0.60, 0.12, 0.79)), half_thickness_mm))
    )


def lesser_trochanter_physis(half_thickness_mm: float = 1.0) -> Shape:
    """Growth plate at the base of the lesser trochanter."""
    return Common(
        (Ball((101, 22, -56), 10.0), Slab((103.3, 20.6, -56), unit((-0.82, 0.57, 0.0)), half_thickness_mm))
    )
