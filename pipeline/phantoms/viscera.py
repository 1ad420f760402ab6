"""What lies on the midline: abdominal wall, pelvic cavity with bowel and bladder, back muscles, vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.phantoms.body import trunk
from pipeline.phantoms.compose import Common, Cut, Grown, Mirrored, Union
from pipeline.phantoms.materials import AIR_HU, Material, Soft
from pipeline.phantoms.rods import Rod, rod
from pipeline.phantoms.shapes import Ellipsoid, HalfSpace, Shape, unit

VISCERAL_FAT = Soft(-95.0)
MUSCLE = Soft(57.0, rind_mm=0.9, rind_hu=-55.0)
BOWEL = Soft(32.0, rind_mm=2.0, rind_hu=48.0)


@dataclass(frozen=True)
class Organ:
    """A soft part by its name."""

    name: str
    shape: Shape
    material: Material


def abdominal_wall() -> tuple[Organ, ...]:
    """The wall's muscles with the cavity within; the rectus in front."""
    groins = tuple(HalfSpace((0.0, 0.0, 2.0), unit((x, 0.0, -1.0))) for x in (-0.62, 0.62))
    front = HalfSpace((0.0, 52.0, 0.0), (0.0, 1.0, 0.0))
    wall = Common((Grown(trunk(), -14.0), *groins, front))
    cavity = Common((Grown(trunk(), -29.0), *groins, front))
    rectus = rod((24, -74, 200, 9), (24, -69, 120, 9), (22, -66, 60, 8), (14, -57, 2, 6), smooth=4)
    return (
        Organ("abdominal wall", wall, MUSCLE),
        Organ("abdominal cavity", cavity, VISCERAL_FAT),
        Organ("rectus abdominis", rectus, MUSCLE),
        Organ("rectus abdominis", Mirrored(rectus), MUSCLE),
    )


def pelvic_cavity() -> Shape:
    """The space within the true and false pelvis."""
    return Union(
        (
            Ellipsoid((0.0, 10.0, 0.0), (44.0, 52.0, 46.0)),
            Ellipsoid((0.0, -8.0, 62.0), (78.0, 46.0, 58.0)),
        ),
        blend_mm=20.0,
    )


def organs(seed: int) -> tuple[Organ, ...]:
    """Bladder, womb, rectum, bowel loops, in the order in which they are drawn."""
    rectum = rod((0, 66, 40, 13), (0, 62, 8, 13), (0, 52, -18, 10), (0, 42, -40, 7))
    gas = rod((0, 64, 26, 6), (0, 61, 5, 7), smooth=1)
    return (
        *_bowel(seed),
        Organ("womb", Ellipsoid((3.0, 12.0, 18.0), (22.0, 17.0, 16.0)), Soft(58.0)),
        Organ("rectum", rectum, BOWEL),
        Organ("gas", gas, Soft(AIR_HU)),
        Organ("bladder", Ellipsoid((-2.0, -24.0, 8.0), (33.0, 22.0, 21.0)), Soft(10.0, 2.5, 38.0)),
        Organ("vagina", rod((0, 24, 2, 9), (0, 5, -30, 8), (0, 0, -46, 6)), Soft(45.0)),
        Organ("pelvic floor", _pelvic_floor(), MUSCLE),
    )


def _pelvic_floor() -> Shape:
    bowl = Ellipsoid((0.0, 14.0, -6.0), (44.0, 52.0, 46.0))
    lower = HalfSpace((0.0, 0.0, -30.0), (0.0, 0.0, 1.0))
    return Cut(Common((bowl, lower)), (Grown(bowl, -5.0), rod((0, 46, -20, 9), (0, 42, -60, 9), smooth=1)))


def _bowel(seed: int) -> tuple[Organ, ...]:
    rng = np.random.default_rng([seed, 5])
    loops: list[Organ] = []
    for _ in range(26):
        x, y, z = rng.uniform((-78, -48, 34), (78, 4, 165))
        turn = rng.normal(0, 16, (3, 3)).cumsum(0)
        path = np.array([x, y, z]) + np.concatenate([np.zeros((1, 3)), turn])
        path = np.clip(path, (-86, -52, 32), (86, 6, 200))
        radius_mm = float(rng.uniform(9, 14))
        loops.append(Organ("bowel", rod(*((*q, radius_mm) for q in path.tolist())), BOWEL))
        if rng.uniform() < 0.4:
            bubble = (float(path[1, 0]), float(path[1, 1]) - 0.3 * radius_mm, float(path[1, 2]))
            loops.append(Organ("gas", Ellipsoid(bubble, (8.0, 0.45 * radius_mm, 9.0)), Soft(AIR_HU)))
    return tuple(loops)


def midline_muscles() -> tuple[Organ, ...]:
    """Erector spinae and quadratus lumborum of both sides."""
    erector = rod((28, 66, 200, 22), (28, 70, 120, 20), (24, 82, 72, 12), (14, 94, 30, 5))
    quadratus = rod((66, 44, 200, 15), (70, 46, 130, 13), (74, 50, 112, 6))
    parts = [("erector spinae", erector), ("quadratus lumborum", quadratus)]
    return tuple(Organ(name, shape, MUSCLE) for name, left in parts for shape in (left, Mirrored(left)))


def vessels() -> tuple[Organ, ...]:
    """Iliac and femoral vessels of both sides, and the canal of the spine."""
    artery = rod(
        (12, -8, 140, 5),
        (30, -6, 100, 4.5),
        (48, -22, 60, 4.5),
        (64, -42, 24, 4.2),
        (70, -60, -10, 4),
        (72, -50, -150, 3.5),
    )
    vein = rod(
        (16, 0, 140, 6),
        (32, 4, 100, 5.5),
        (46, -12, 60, 5.5),
        (56, -38, 24, 5),
        (60, -57, -10, 5),
        (64, -44, -150, 4.5),
    )
    nerve = rod((46, 66, 22, 4), (70, 52, -20, 4), (84, 44, -60, 4), (86, 36, -150, 4))
    canal = Rod(
        ((0, 46, 160), (0, 54, 106), (0, 62, 92), (0, 71, 56), (0, 85, 16)), (9.0, 9.0, 8.0, 7.0, 3.5)
    )
    parts = [("artery", artery, 45.0), ("vein", vein, 42.0), ("sciatic nerve", nerve, 25.0)]
    both = [Organ(n, s, Soft(hu)) for n, left, hu in parts for s in (left, Mirrored(left))]
    return (*both, Organ("spinal canal", canal, Soft(25.0)))
