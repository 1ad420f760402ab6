"""Sacrum, coccyx and the last two lumbar vertebrae, on the midline."""

from __future__ import annotations

from pipeline.domain.geometry import Float3
from pipeline.phantoms.compose import Cut, Grown, Mirrored, Union
from pipeline.phantoms.rods import Rod, rod
from pipeline.phantoms.shapes import Drum, Ellipsoid, Shape, unit

SACROILIAC_GAP_MM = 2.4


def both(*shapes: Shape) -> tuple[Shape, ...]:
    """Solids of the left with their images on the right."""
    return (*shapes, *(Mirrored(shape) for shape in shapes))


def _tilted(centre_mm: Float3, semi_axes_mm: Float3, tilt: Float3) -> Ellipsoid:
    up = unit(tilt)
    return Ellipsoid(centre_mm, semi_axes_mm, ((1.0, 0.0, 0.0), (0.0, up[2], -up[1]), up))


def _sacral_mass() -> Shape:
    bars = [
        rod((0, 60, 48, 10.5), (34, 66, 46, 10), smooth=1),
        rod((0, 71, 29, 9), (28, 75, 28, 8.5), smooth=1),
        rod((0, 78, 12, 7.5), (17, 81, 12, 6.5), smooth=1),
    ]
    bodies = rod((0, 42, 74, 15), (0, 57, 52, 12.5), (0, 72, 28, 10.5), (0, 80, 8, 8.5), (0, 80, -8, 6.5))
    ala = rod((16, 44, 72, 13), (32, 52, 67, 15), (43, 59, 61, 10.5))
    lateral = rod((41, 61, 60, 10.5), (35, 68, 41, 10), (24, 77, 20, 8.5), (15, 81, 4, 6.5), (8, 81, -8, 5))
    laminae = rod((0, 74, 74, 4), (0, 84, 50, 4.5), (0, 91, 26, 4.5), (0, 91, 8, 4))
    arch = rod((14, 62, 76, 5), (12, 76, 52, 6), (9, 84, 28, 6), (6, 86, 10, 5))
    return Union((_promontory(), bodies, laminae, *both(ala, lateral, arch, *bars)), blend_mm=6.0)


def _promontory() -> Shape:
    return _tilted((0, 39, 80), (25, 17, 9), (0, -0.50, 0.87))


def _foramina() -> tuple[Shape, ...]:
    front = [
        rod((18, 44, 62, 4.0), (17, 62, 58, 3.5), smooth=1),
        rod((16.5, 56, 40, 3.6), (16, 74, 37, 3.2), smooth=1),
        rod((14.5, 68, 21, 3.2), (14, 84, 18, 2.8), smooth=1),
        rod((11, 72, 4, 2.6), (11, 89, 2, 2.4), smooth=1),
    ]
    canal = Rod(((0, 60, 96), (0, 71, 56), (0, 80, 34), (0, 85, 16)), (8.0, 7.0, 5.0, 3.5))
    return (*both(*front), canal)


def sacrum(hip_bones: tuple[Shape, Shape]) -> Shape:
    """Sacrum, fitted against the hip bones with a sacroiliac joint between."""
    joints = tuple(Grown(bone, SACROILIAC_GAP_MM) for bone in hip_bones)
    hollow = Cut(_sacral_mass(), _foramina(), blend_mm=2.0)
    disc = _tilted((0, 52, 61), (18, 11, 1.6), (0, -0.55, 0.83))
    return Cut(Cut(hollow, (disc,)), joints, blend_mm=1.0)


def coccyx() -> Shape:
    """Three small segments."""
    parts = (
        Ellipsoid((0, 77, -20.0), (10, 5, 5.5)),
        Ellipsoid((0, 71.5, -29.5), (6.5, 4.5, 5.0)),
        Ellipsoid((0, 64.5, -37.0), (4.5, 4, 4)),
    )
    return Union(parts)


def _vertebral_body(centre_mm: Float3, tilt: Float3, width_mm: float) -> Shape:
    up = unit(tilt)
    back = (0.0, up[2], -up[1])
    return Drum(centre_mm, ((1.0, 0.0, 0.0), back, up), (width_mm, 0.72 * width_mm, 12.5))


def vertebra(centre_mm: Float3, tilt: Float3, width_mm: float = 23.0) -> Shape:
    """Body, pedicles, arch, facets, transverse and spinous processes."""
    _, y, z = centre_mm
    up = unit(tilt)
    arch_z = z + 4.0 - up[1] * -18.0
    pedicle = rod((11, y + 10, arch_z, 4.5), (14, y + 26, arch_z, 4.5), smooth=1)
    lamina = rod((14, y + 26, arch_z, 4.5), (9, y + 36, arch_z - 5, 4.5), (0, y + 41, arch_z - 8, 4))
    facet = rod((17, y + 28, arch_z + 9, 4.5), (16, y + 34, arch_z - 13, 4.5), smooth=1)
    transverse = rod((14, y + 22, arch_z, 4.5), (30, y + 23, arch_z + 2, 3.5), (40, y + 27, arch_z + 5, 2.8))
    spinous = Ellipsoid((0, y + 54, arch_z - 13), (3.2, 14, 8.5))
    body = _vertebral_body(centre_mm, tilt, width_mm)
    return Union((body, spinous, *both(pedicle, lamina, facet, transverse)), blend_mm=3.0)


L5_CENTRE_MM: Float3 = (0.0, 24.0, 106.0)
L4_CENTRE_MM: Float3 = (0.0, 15.0, 139.0)


def lumbar() -> tuple[Shape, Shape]:
    """L4 and L5."""
    return vertebra(L4_CENTRE_MM, (0.0, -0.08, 1.0)), vertebra(L5_CENTRE_MM, (0.0, -0.30, 0.95), 23.5)


def discs() -> Shape:
    """The discs under L4 and L5."""
    low = _tilted((0, 31.5, 91.5), (22, 16, 7), (0, -0.42, 0.9))
    high = _tilted((0, 19.5, 122.5), (22, 16, 6), (0, -0.19, 0.98))
    return Union((low, high))
