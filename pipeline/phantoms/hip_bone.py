"""The left hip bone. The origin is the middle between the femoral heads."""

from __future__ import annotations

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.phantoms.compose import Common, Cut, Union
from pipeline.phantoms.plates import Outline, Plate, Sheet, Swelling
from pipeline.phantoms.rods import Rod, rod
from pipeline.phantoms.shapes import Ball, Bounds, Ellipsoid, Floats, HalfSpace, Shape, Slab, offset, unit

HEAD_CENTRE_MM: Float3 = (80.0, 0.0, 0.0)
SOCKET_RADIUS_MM = 24.2
"""Femoral head of 21 mm radius and 3.2 mm of joint space."""
SOCKET_OUTER_RADIUS_MM = 30.5
SOCKET_OPENING = unit((0.76, -0.22, -0.60))
"""The acetabulum looks outwards, downwards and a little forwards."""

WING_LANDMARKS_MM: tuple[Float3, ...] = (
    (108, -43, 75), (112, -33, 88), (112.5, -12, 105), (108, 8, 106), (94, 35, 106), (78, 57, 104),
    (101, 0, 85), (83, 24, 85), (62, 52, 82), (44, 84, 74),
    (99, -36, 54), (89, -6, 52), (72, 20, 50), (57, 42, 50), (42, 78, 50),
    (95, -33, 36), (82, 0, 28), (63, 38, 28), (74, 12, 8),
)  # fmt: skip
WING_RIM_MM: tuple[Float3, ...] = (
    (108, -44, 73), (113, -34, 92), (113, -11, 109), (106, 15, 117), (93, 41, 115), (76, 62, 105),
    (58, 79, 90), (43, 87, 70), (41, 80, 46), (52, 62, 38), (59, 44, 31), (62, 30, 12), (72, 8, 2),
    (84, -14, 6), (91, -28, 24), (97, -36, 38), (100, -36, 54),
)  # fmt: skip


def _sheet() -> Sheet:
    u_axis = unit((-0.486, 0.874, 0.0))
    w_axis = unit((0.874, 0.486, 0.0))
    return Sheet.through(WING_LANDMARKS_MM, (80.0, 10.0, 60.0), u_axis, w_axis)


WING_SHEET = _sheet()
WING_OUTLINE = Outline(tuple(WING_SHEET.uv(point) for point in WING_RIM_MM))
WING_BOUNDS = Bounds((22.0, -62.0, -14.0), (140.0, 104.0, 132.0))


def wing() -> Plate:
    """Iliac wing: thin in its fossa, thicker at the crest, the socket's roof and the sacroiliac joint."""
    swellings = (
        Swelling(WING_SHEET.uv((80, 4, 26)), 9.0, 15.0),
        Swelling(WING_SHEET.uv((54, 62, 62)), 3.5, 20.0),
        Swelling(WING_SHEET.uv((113, -10, 104)), 2.2, 14.0),
        Swelling(WING_SHEET.uv((70, 24, 34)), 4.0, 12.0),
    )
    return Plate(WING_SHEET, WING_OUTLINE, WING_BOUNDS, 2.6, swellings, rim_extra_mm=1.6)


def _socket() -> Shape:
    rim = HalfSpace(offset(HEAD_CENTRE_MM, SOCKET_OPENING, 3.0), SOCKET_OPENING)
    return Common((Ball(HEAD_CENTRE_MM, SOCKET_OUTER_RADIUS_MM), rim), blend_mm=3.0)


def _columns() -> tuple[Shape, ...]:
    return (
        rod((48, 50, 56, 7), (58, 32, 34, 8), (62, 10, 18, 8)),
        rod((62, 42, 34, 7), (64, 38, 10, 10), (61, 36, -16, 10), (58, 34, -36, 10.5)),
        rod((68, 34, 14, 9), (67, 31, -12, 9), (60, 33, -34, 10.5)),
        rod((58, 34, -36, 11), (57, 33, -52, 13), (55, 28, -64, 12.5), (52, 20, -72, 9)),
        rod((60, 44, 2, 5.5), (53, 50, -5, 4), (49, 53, -9, 2.2)),
        rod((91, -24, 26, 6), (96, -32, 35, 4.5)),
        Ellipsoid((107.5, -42, 76), (5.5, 6, 7)),
    )


def _pubis() -> tuple[Shape, ...]:
    return (
        rod((12, -45, -7, 7.5), (28, -43, 2, 6), (45, -33, 9, 7), (62, -20, 10, 10)),
        Ellipsoid((11, -44, -20), (9.5, 8, 19)),
        rod((12, -41, -34, 6.5), (22, -27, -50, 5.5), (37, -4, -66, 6), (51, 20, -72, 8.5)),
    )


def left_hip_bone() -> Shape:
    """The whole bone, growth plates closed."""
    solid = Union((wing(), _socket(), *_columns(), *_pubis()), blend_mm=7.0)
    notch = Rod(((72.0, -4.0, -20.0), (78.0, -7.0, -36.0)), (9.0, 11.0))
    symphysis = HalfSpace((2.4, 0.0, 0.0), (1.0, 0.0, 0.0))
    return Cut(solid, (Ball(HEAD_CENTRE_MM, SOCKET_RADIUS_MM), notch, symphysis), blend_mm=1.5)


def triradiate_plates(half_thickness_mm: float = 1.0) -> Shape:
    """The three sheets of cartilage that meet in the socket and part ilium, pubis and ischium."""
    axis = np.array(SOCKET_OPENING)
    region = Ball(HEAD_CENTRE_MM, SOCKET_OUTER_RADIUS_MM + 16.0)
    limbs = [
        _limb(axis, np.array(direction, dtype=float), region, half_thickness_mm)
        for direction in ((0.0, -1.0, 0.35), (0.0, 1.0, 0.25), (0.0, -0.1, -1.0))
    ]
    return Union(tuple(limbs))


def _limb(axis: Floats, direction: Floats, region: Ball, half_mm: float) -> Shape:
    across = np.asarray(unit(direction - axis * (direction @ axis)))
    normal = unit(np.cross(axis, across))
    x, y, z = (float(-a) for a in across)
    depth = HalfSpace(offset(HEAD_CENTRE_MM, SOCKET_OPENING, 4.0), SOCKET_OPENING)
    return Common(
        (region, Slab(HEAD_CENTRE_MM, normal, half_mm), HalfSpace(HEAD_CENTRE_MM, (x, y, z)), depth)
    )
