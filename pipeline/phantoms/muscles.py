"""Muscles about the left hip, as rods, slabs and plates."""

from __future__ import annotations

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.phantoms.body import body
from pipeline.phantoms.compose import Common, Grown, Rind, Union
from pipeline.phantoms.hip_bone import WING_SHEET
from pipeline.phantoms.plates import Loft, Outline, Plate, Section
from pipeline.phantoms.rods import rod
from pipeline.phantoms.shapes import Bounds, Ellipsoid, HalfSpace, Shape, Slab, unit

_OUTER_RIM: tuple[Float3, ...] = (
    (114, -40, 78), (119, -10, 104), (110, 18, 111), (92, 44, 106), (66, 66, 84), (60, 50, 48),
    (78, 22, 24), (88, -10, 18), (97, -33, 44),
)  # fmt: skip
_INNER_RIM: tuple[Float3, ...] = (
    (112, -38, 78), (117, -8, 102), (108, 20, 108), (86, 46, 100), (66, 46, 74), (66, 26, 44),
    (80, 2, 34), (94, -26, 36),
)  # fmt: skip


def _along_wing(rim: tuple[Float3, ...], shift_mm: float, half_mm: float) -> Plate:
    outline = Outline(tuple(WING_SHEET.uv(point) for point in rim))
    bounds = Bounds((20.0, -75.0, -14.0), (160.0, 110.0, 135.0))
    return Plate(WING_SHEET, outline, bounds, half_mm, shift_mm=shift_mm, edge_radius_mm=half_mm - 0.5)


def _gluteus_maximus() -> Shape:
    """Crescent under the buttock's fat, from sacrum and ilium obliquely down to the femur."""
    region = Ellipsoid((76.0, 52.0, -18.0), (74.0, 66.0, 108.0))
    crescent = Rind(Grown(body(), -13.0), 33.0)
    fibres, outward = unit((85.0, -55.0, -82.0)), unit((0.5, 0.86, 0.0))
    x, y, z = (float(v) for v in np.cross(fibres, outward))
    belt = Slab((80.0, 60.0, -18.0), unit((x, y, z)), 52.0)
    behind = HalfSpace((0.0, 24.0, 0.0), unit((-0.12, -1.0, 0.0)))
    aside = HalfSpace((9.0, 86.0, 0.0), unit((-1.0, -0.75, 0.0)))
    return Common((region, crescent, belt, behind, aside), blend_mm=9.0)


def _envelope() -> Shape:
    """All that lies within the deep fascia of the thigh."""
    return Loft(
        (
            Section(-320.0, (66, 2), (45, 50)),
            Section(-150.0, (82, 9), (55, 60)),
            Section(-95.0, (86, 9), (56, 58)),
            Section(-62.0, (94, 3), (46, 44)),
            Section(-25.0, (101, -4), (30, 30)),
            Section(5.0, (104, -10), (16, 18)),
        ),
        power=2.2,
    )


def gluteal() -> dict[str, Shape]:
    """The three glutei, tensor fasciae latae and piriformis."""
    return {
        "gluteus minimus": Union(
            (_along_wing(_OUTER_RIM, 9.0, 7.0), rod((96, 2, 28, 9), (114, 4, 8, 8), (127, 10, -12, 4))),
            blend_mm=8.0,
        ),
        "gluteus medius": Union(
            (
                _along_wing(_OUTER_RIM, 22.0, 9.0),
                rod((112, 14, 40, 14), (124, 19, 12, 10), (131, 22, -10, 4)),
            ),
            blend_mm=10.0,
        ),
        "gluteus maximus": _gluteus_maximus(),
        "tensor fasciae latae": rod(
            (118, -40, 68, 6), (131, -30, 25, 11), (139, -14, -35, 10), (141, -4, -90, 5)
        ),
        "piriformis": rod((26, 68, 46, 9), (56, 60, 28, 10), (90, 40, 10, 7), (119, 24, 1, 3)),
    }


def hip_flexors() -> dict[str, Shape]:
    """Iliacus, psoas, sartorius, pectineus."""
    psoas = rod((38, 18, 150, 16), (44, 6, 110, 18), (56, -10, 70, 17), (74, -28, 32, 14), (86, -34, 2, 13))
    tendon = rod((86, -34, 2, 13), (96, -20, -28, 11), (104, 6, -52, 6))
    return {
        "iliacus": Union(
            (_along_wing(_INNER_RIM, -11.0, 7.5), rod((94, -22, 40, 12), (92, -34, 10, 12))), blend_mm=10.0
        ),
        "iliopsoas": Union((psoas, tendon), blend_mm=4.0),
        "sartorius": rod(
            (109, -49, 66, 5), (100, -56, 20, 8), (82, -62, -40, 9), (60, -58, -110, 10), (44, -40, -190, 11)
        ),
        "pectineus": rod((36, -46, 6, 7), (60, -32, -18, 11), (84, -12, -44, 9), (106, 2, -66, 4)),
    }


def rotators() -> dict[str, Shape]:
    """Obturator internus and externus, gemelli with the tendon, quadratus femoris."""
    inner = Union(
        (
            rod((26, -34, -14, 4), (36, -14, -14, 7.5), (42, 12, -14, 8.0), (50, 38, -14, 6)),
            rod((27, -28, -34, 4), (37, -8, -36, 7.5), (44, 16, -32, 8.0), (50, 40, -18, 6)),
            rod((36, -16, 4, 4), (42, 8, 2, 6), (50, 36, -8, 6)),
        ),
        blend_mm=9.0,
    )
    return {
        "obturator internus": inner,
        "gemelli": rod((50, 46, -14, 6), (70, 50, -14, 7), (96, 38, -10, 6), (115, 24, -6, 3)),
        "obturator externus": Union(
            (
                rod((28, -32, -28, 7), (52, -12, -36, 10), (78, 12, -38, 8), (104, 24, -22, 4)),
                rod((34, -20, -48, 6), (56, -4, -44, 9), (78, 12, -38, 8)),
            ),
            blend_mm=6.0,
        ),
        "quadratus femoris": rod((64, 30, -50, 9), (84, 26, -50, 11), (108, 24, -46, 6)),
    }


def thigh() -> dict[str, Shape]:
    """Adductors, hamstrings, quadriceps."""
    return {
        "thigh": _envelope(),
        "adductor brevis": rod((20, -34, -44, 7), (46, -16, -80, 13), (80, 0, -120, 10), (100, 4, -150, 5)),
        "adductor magnus": rod((42, 8, -72, 8), (58, 16, -100, 19), (70, 16, -140, 22), (76, 14, -230, 20)),
        "adductor longus": rod(
            (16, -44, -34, 5.5),
            (28, -42, -56, 8),
            (42, -36, -80, 12),
            (66, -24, -130, 15),
            (78, -16, -200, 12),
        ),
        "gracilis": rod(
            (14, -33, -46, 4.5), (24, -20, -72, 6.5), (29, -10, -100, 8), (32, -2, -140, 9), (34, 6, -220, 9)
        ),
        "hamstrings": rod((58, 38, -76, 7), (68, 50, -105, 14), (76, 54, -150, 19), (80, 54, -240, 20)),
        "vastus medialis": rod((102, -10, -76, 8), (92, -16, -130, 16), (84, -18, -220, 22)),
        "vastus intermedius": rod((118, -8, -60, 12), (112, -12, -110, 22), (104, -14, -220, 24)),
        "vastus lateralis": rod(
            (132, 12, -40, 7), (132, 10, -80, 15), (127, 2, -150, 22), (118, -2, -230, 22)
        ),
        "rectus femoris": rod(
            (97, -40, 36, 5),
            (103, -51, -10, 11),
            (104, -51, -70, 14),
            (100, -49, -150, 15),
            (96, -48, -230, 15),
        ),
    }


def left_muscles() -> dict[str, Shape]:
    """Every muscle of the left side by name; where two overlap the later one is drawn."""
    return {**thigh(), **gluteal(), **hip_flexors(), **rotators()}
