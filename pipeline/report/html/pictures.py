"""Pictures as data URLs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_PIXELS = 1400
QUALITY = 84
THUMBNAIL_QUALITY = 80


def picture_url(file: Path, form: str) -> str | None:
    """A picture that was drawn before, no larger than needed; None where it was not drawn."""
    if not file.is_file():
        return None
    buffer = io.BytesIO()
    with Image.open(file) as image:
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
        image.convert("RGB").save(buffer, form, quality=QUALITY, subsampling=0, optimize=True)
    return _url(form, buffer.getvalue())


def thumbnail_url(pixels: NDArray[np.uint8]) -> str:
    """Pixels (rows, columns, 3) in full colour: an outline of one pixel must not bleed."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=THUMBNAIL_QUALITY, subsampling=0)
    return _url("JPEG", buffer.getvalue())


def _url(form: str, content: bytes) -> str:
    return f"data:image/{form.lower()};base64,{base64.b64encode(content).decode('ascii')}"
