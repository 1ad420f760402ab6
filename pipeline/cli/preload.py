"""Modules loaded while scans are read: the second processor has nothing else to do then."""

from __future__ import annotations

import importlib
from threading import Thread

MODULES = ("pipeline.workflow", "pipeline.cli.outputs")
"""What every run needs after reading, with all the libraries it stands on."""


def load_beside() -> None:
    """Begin to load what is needed after reading. Whoever imports it then gets it, or its error."""
    Thread(target=_load, daemon=True, name="preload").start()


def _load() -> None:
    for name in MODULES:
        importlib.import_module(name)
