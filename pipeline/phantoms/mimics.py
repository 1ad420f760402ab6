"""Bright things that are not calcinosis, at their usual places, in body coordinates.

Each is a `PhantomLesion` with its `mimic` named, so that it is drawn and measured like a lesion.
"""

from __future__ import annotations

from typing import Literal

from pipeline.domain.geometry import Float3
from pipeline.phantoms.compose import Common, Mirrored, Rind
from pipeline.phantoms.lesions import PhantomLesion
from pipeline.phantoms.rods import rod
from pipeline.phantoms.shapes import Ball, Ellipsoid, HalfSpace, Shape

Side = Literal["left", "right"]


def _on(side: Side, left: Shape) -> Shape:
    return left if side == "left" else Mirrored(left)


def phlebolith(side: Side, *, diameter_mm: float = 4.0, at_mm: Float3 = (30.0, 20.0, -2.0)) -> PhantomLesion:
    """Round stone in a vein beside bladder and rectum; `at_mm` is its place on the left."""
    shape = _on(side, Ball(at_mm, diameter_mm / 2))
    return PhantomLesion(f"{side} phlebolith", side, "pelvic vein", "nodule", 450.0, shape, "phlebolith")


def arterial_wall(side: Side, *, thickness_mm: float = 1.2) -> PhantomLesion:
    """Arc along the hind wall of the external iliac artery, about 20 mm long."""
    vessel = rod((30, -6, 100, 4.5), (48, -22, 60, 4.5), (64, -42, 24, 4.2), (70, -60, -10, 4))
    stretch = Ball((53.0, -28.0, 49.0), 11.0)
    behind = HalfSpace((53.0, -28.0, 49.0), (0.0, -0.91, -0.42))
    arc = Common((stretch, Rind(vessel, thickness_mm), behind))
    return PhantomLesion(
        f"{side} arterial wall", side, "external iliac artery", "shell", 500.0, _on(side, arc), "vascular"
    )


def bowel_contrast() -> PhantomLesion:
    """A loop of bowel filled with oral contrast, right of the midline."""
    loop = rod((-58, -30, 96, 10), (-52, -34, 80, 11), (-40, -30, 70, 10), (-26, -34, 74, 9))
    return PhantomLesion("bowel contrast", "right", "bowel", "lump", 350.0, loop, "bowel_contrast")


def bladder_contrast() -> PhantomLesion:
    """Excreted contrast that fills the lower part of the bladder."""
    pool = Common(
        (Ellipsoid((-2.0, -24.0, 8.0), (30.0, 19.0, 18.0)), HalfSpace((0.0, -22.0, 0.0), (0.0, -1.0, 0.0)))
    )
    return PhantomLesion("bladder contrast", "midline", "bladder", "lump", 600.0, pool, "bladder_contrast")
