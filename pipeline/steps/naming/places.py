"""What naming and filling share: how the atlas is asked, and what counts as near."""

from __future__ import annotations

from pipeline.domain.geometry import Geometry, Index3

NEAR_MM = 15.0
"""What lies further from every bone of the atlas than this, in the range it covers, is another bone."""
CORTEX_HU = (-200.0, 900.0)
"""Heights of the landscape that answers spread over."""
STRIDE = 2
"""The atlas is asked at every second block,"""
WIDEST_MM = 3.0
"""unless that would be more than this."""


def coarse_steps(geometry: Geometry) -> Index3:
    """Blocks that are asked together."""
    k, j, i = (STRIDE if STRIDE * mm <= WIDEST_MM else 1 for mm in geometry.spacing_mm)
    return k, j, i
