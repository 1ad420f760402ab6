"""Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device.

``import pipeline as cc``, then ``scan = cc.read_ct(path)``, ``analysis = cc.analyse(scan)``,
``cc.show(analysis)``. Each name is loaded when it is first asked for, so that the import takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "config": ("Settings", "load_settings"),
    "domain.analysis": ("Analysis",),
    "domain.change": ("Comparison",),
    "domain.lesion": ("Excluded", "Lesion"),
    "domain.scan": ("Acquisition", "Scan"),
    "errors": ("GeometryError", "InputRefused", "OutputError", "PipelineError", "UsageError"),
    "notebook.change": ("show_change",),
    "notebook.images": ("anatomy_from_labels", "from_array", "from_sitk", "outlines_from"),
    "notebook.looking": ("analyse", "compare", "forget", "remembered_bytes", "write"),
    "notebook.montage": ("montage",),
    "notebook.scans": ("phantom", "read_anatomy", "read_ct", "read_outlines"),
    "notebook.viewer": ("show",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_ROOM_OF)]


def __getattr__(name: str) -> Any:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    found = getattr(import_module(f"pipeline.{room}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM_OF})
