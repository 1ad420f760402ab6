"""The names of ``import pipeline``, with their docstrings."""

from __future__ import annotations

import inspect

import pipeline


def public_names() -> str:
    """Functions, then values, then errors."""
    groups: dict[str, list[str]] = {"Functions": [], "Values": [], "Errors": []}
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
    return "\n\n".join(f"## {title}\n\n" + "\n\n".join(parts) for title, parts in groups.items() if parts)


def _auto(directive: str, name: str, *options: str) -> str:
    body = "\n".join([f".. {directive}:: pipeline.{name}", *(f"   {one}" for one in options)])
    return f"```{{eval-rst}}\n{body}\n```"
