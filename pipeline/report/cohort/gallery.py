"""Small pictures of each scan with its outlines: the overview that was drawn when it was measured."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

OVERVIEW = "figures/overview.png"
WIDTHS = ((150, 1000), (300, 760), (700, 520))
"""Up to so many scans, pixels across; a page of 600 pictures stays below 15 MB."""
NARROWEST = 380
QUALITY = 62


def width_for(scans: int) -> int:
    """Pixels across that pictures may have where there are so many."""
    return next((width for most, width in WIDTHS if scans <= most), NARROWEST)


def small_picture(file: Path, width: int) -> str | None:
    """A picture as a data URL, at most so wide; None where it was not drawn or cannot be read."""
    try:
        with Image.open(file, formats=("PNG",)) as image:
            image.thumbnail((width, width), reducing_gap=2.0)
            packed = io.BytesIO()
            image.convert("RGB").save(packed, "JPEG", quality=QUALITY)
    except (OSError, Image.DecompressionBombError):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode('ascii')}"
