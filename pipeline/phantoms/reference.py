"""The lesions of the reference case, in the body coordinates of the reference patient."""

from __future__ import annotations

from pipeline.domain.geometry import Float3
from pipeline.phantoms.compose import Mirrored
from pipeline.phantoms.lesions import Lump, PhantomLesion, linear, oblique_ellipsoid

_ADDUCTOR_RODS: tuple[tuple[tuple[Float3, ...], float, float], ...] = (
    (((46, -14, -86), (50, -10, -95), (55, -5, -104), (58, -2, -111)), 1.6, 520.0),
    (((60, 14, -100), (65, 15, -108), (68, 17, -116)), 1.8, 420.0),
    (((42, -33, -86), (46, -31, -93)), 1.7, 380.0),
)


def reference_lesions() -> tuple[PhantomLesion, ...]:
    """Lump on the right, ovoid on the left, rods in both adductors."""
    lump = Lump(
        oblique_ellipsoid((83.1, 27.5, -50.0), (11.575, 18.97, 15.0), turn_deg=8.0), bump=0.05, seed=3
    )
    ovoid = oblique_ellipsoid((41.0, 6.5, -16.0), (25.0, 5.0, 8.0), turn_deg=72.0)
    return (
        PhantomLesion(
            "right ischiofemoral lump", "right", "ischiofemoral space", "lump", 850.0, Mirrored(lump)
        ),
        PhantomLesion("left obturator ovoid", "left", "obturator internus", "ovoid", 600.0, ovoid),
        *_adductor_rods(),
    )


def _adductor_rods() -> tuple[PhantomLesion, ...]:
    lesions = []
    for side in ("right", "left"):
        for number, (path, radius_mm, hu) in enumerate(_ADDUCTOR_RODS, start=1):
            shift = 0.0 if side == "left" else -3.0
            shape = linear(tuple((x, y, z + shift) for x, y, z in path), radius_mm)
            placed = Mirrored(shape) if side == "right" else shape
            lesions.append(
                PhantomLesion(f"{side} adductor rod {number}", side, "adductors", "linear", hu, placed)
            )
    return tuple(lesions)
