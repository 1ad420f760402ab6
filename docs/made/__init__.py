"""Pages of the reference that are made from the code, so that they say what it does."""

from __future__ import annotations

from collections.abc import Callable

from docs.made.commands import commands
from docs.made.exits import exit_codes
from docs.made.names import public_names
from docs.made.presets import presets
from docs.made.schemas import schemas
from docs.made.sections import settings

MADE: dict[str, Callable[[], str]] = {
    "commands": commands,
    "exit codes": exit_codes,
    "names": public_names,
    "presets": presets,
    "schemas": schemas,
    "settings": settings,
}
"""Markdown by the name with which a page asks for it."""
