"""Places for the viewer, in the attribute of a button."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipeline.domain.geometry import Float3


def spots_text(points_lps_mm: Sequence[Float3 | None]) -> str:
    """Where to look on each date."""
    return json.dumps([None if one is None else [round(value, 1) for value in one] for one in points_lps_mm])
