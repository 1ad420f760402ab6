"""The outline of trunk and thighs."""

from __future__ import annotations

from pipeline.phantoms.compose import Common, Mirrored, Union
from pipeline.phantoms.plates import Loft, Section
from pipeline.phantoms.shapes import Ellipsoid, HalfSpace, Shape, unit

SKIN_MM = 2.0


def trunk() -> Loft:
    """Waist to perineum."""
    return Loft(
        (
            Section(-130.0, (0, 10), (146, 80)),
            Section(-60.0, (0, 12), (154, 90)),
            Section(-20.0, (0, 13), (158, 92)),
            Section(30.0, (0, 11), (154, 92)),
            Section(75.0, (0, 9), (147, 91)),
            Section(115.0, (0, 8), (141, 90)),
            Section(170.0, (0, 8), (132, 90)),
            Section(260.0, (0, 8), (126, 90)),
        ),
        power=2.6,
    )


def _left_thigh() -> Shape:
    loft = Loft(
        (
            Section(-320.0, (66, 0), (56, 62)),
            Section(-220.0, (75, 3), (64, 70)),
            Section(-150.0, (80.5, 7), (72, 79)),
            Section(-90.0, (81.5, 11), (76, 86)),
            Section(-30.0, (82, 13), (76, 92)),
            Section(10.0, (80, 13), (72, 88)),
        ),
        power=2.15,
    )
    return loft


def _left_buttock() -> Shape:
    return Ellipsoid((66.0, 52.0, -18.0), (64.0, 52.0, 72.0))


def body() -> Shape:
    """Everything within the skin."""
    front = HalfSpace((0.0, -20.0, -60.0), unit((0.0, -0.3, -1.0)))
    back = HalfSpace((0.0, 20.0, -65.0), unit((0.0, 0.38, -1.0)))
    upper = Common((trunk(), front, back), blend_mm=26.0)
    limbs = (_left_thigh(), _left_buttock())
    return Union((upper, *limbs, *(Mirrored(limb) for limb in limbs)), blend_mm=9.0)
