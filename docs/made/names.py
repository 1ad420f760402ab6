"""The names of ``import pipeline``, with their docstrings."""

from __future__ import annotations

import inspect

import pipeline

PARTS = {
    "analysis": ("Burden", "Coverage", "Threshold"),
    "anatomy": ("Anatomy",),
    "change": ("TimePoint", "Registration", "Track", "Step", "BurdenChange", "Response", "Criteria"),
    "geometry": ("Geometry",),
    "image": ("CTVolume", "LabelMap", "BoxedMask"),
    "lesion": ("Interval", "Size", "PlanarAxes", "Density", "Site"),
    "outlines": ("Outlines", "Edit"),
    "scan": ("QualityFlag",),
}
"""What the public values are made of, by its room in the domain."""


def public_names() -> str:
    """Functions, then values and what they are made of, then errors."""
    groups: dict[str, list[str]] = {"Functions": [], "Values": [], "Parts of values": [], "Errors": []}
    for name in pipeline.__all__:
        if name.startswith("_"):
            continue
        thing = getattr(pipeline, name)
        if not inspect.isclass(thing):
            groups["Functions"].append(_auto("autofunction", name))
        elif issubclass(thing, Exception):
            groups["Errors"].append(_auto("autoexception", name))
        else:
            groups["Values"].append(_auto("autoclass", name, ":members:"))
    for room, names in PARTS.items():
        groups["Parts of values"] += [
            _auto("autoclass", f"domain.{room}.{name}", ":members:", ":undoc-members:") for name in names
        ]
    return "\n\n".join(f"## {title}\n\n" + "\n\n".join(parts) for title, parts in groups.items() if parts)


def _auto(directive: str, name: str, *options: str) -> str:
    body = "\n".join([f".. {directive}:: pipeline.{name}", *(f"   {one}" for one in options)])
    return f"```{{eval-rst}}\n{body}\n```"
