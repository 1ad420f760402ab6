"""Texts that lie beside the templates."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def resource(name: str) -> str:
    """The text of a file among the templates."""
    return (files("pipeline.report") / "templates" / name).read_text("utf-8")
