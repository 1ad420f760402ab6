"""Numbers that stay on one line with their unit and their limits."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

NO_BREAK = "\u00a0"
LONGEST = 2000
"""Characters of a text that is read; what is longer is data for the script."""
UNIT = re.compile(r"(?<=\d) (?=(?:mm³|mm²|mL|mm|cm³|cm|HU|kVp|mGy|mg|years|%)(?:\W|$))")
LIMITS = re.compile(r"\([\d.]+ to [\d.]+\)")
PRODUCT = re.compile(r"(?<=\d) × (?=\d)")


def unbroken(value: Any) -> Any:
    """A text of the page as it is set; whatever is no plain text, or is data, as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or len(value) > LONGEST:
        return value
    text = UNIT.sub(NO_BREAK, value)
    text = LIMITS.sub(lambda found: found[0].replace(" ", NO_BREAK), text)
    return PRODUCT.sub(f"{NO_BREAK}×{NO_BREAK}", text)
