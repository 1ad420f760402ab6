"""How scans, lesions and results show themselves in a notebook: decided in a room the domain does not know.

`analysis.to_frame()` wants pandas and a picture wants matplotlib; numbers want neither. So the methods stand
where a reader looks for them, and what they do is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def in_notebook(room: str) -> Any:
    """A module of ``pipeline.notebook``."""
    return import_module(f"pipeline.notebook.{room}")
