"""Settings: section by section, from the code that checks them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from docs.made.tables import table
from pipeline.config import Section, Settings

UNITS = {
    "mm3": "mm³", "mm2": "mm²", "mm": "mm", "hu": "HU", "days": "days", "deg": "°", "years": "years",
    "mb": "MB", "gb": "GB", "seconds": "s", "fraction": "share", "share": "share", "factor": "times",
}  # fmt: skip
"""What the last word of a name says of its unit."""
SIGNS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))


def settings() -> str:
    """A table for each section."""
    parts = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, Section)):
            raise TypeError(f"{name} is no section")
        parts.append(f"## {name}\n\n{inspect.getdoc(section)}\n\n{_section(section, name)}")
    return "\n\n".join(parts)


def _section(section: type[Section], prefix: str) -> str:
    return table(
        ("setting", "default", "unit", "limits", "meaning"),
        (
            (f"`{prefix}.{name}`", f"`{default}`", unit(name), _limits(field), meaning)
            for name, field, default, meaning in fields(section)
        ),
    )


def fields(section: type[Section], above: str = "") -> Iterator[tuple[str, FieldInfo, Any, str]]:
    """Name, field, default and meaning of each setting; those of a group within it too."""
    words = meanings(section)
    for name, field in section.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Section):
            yield from fields(type(default), f"{above}{name}.")
            continue
        shown = list(default) if isinstance(default, tuple) else default
        yield above + name, field, shown, words.get(name, "")


def meanings(section: type[Section]) -> dict[str, str]:
    """The text below each setting in the code."""
    body = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for one, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and isinstance(after, ast.Expr)
        ):
            text = ast.literal_eval(after.value)
            found[one.target.id] = " ".join(str(text).split())
    return found


def unit(name: str) -> str:
    """By the last word of the name."""
    return UNITS.get(name.rpartition("_")[2], "")


def _limits(field: FieldInfo) -> str:
    shown = []
    for kind, attribute, sign in SIGNS:
        shown += [f"{sign}&nbsp;{getattr(one, attribute)}" for one in field.metadata if isinstance(one, kind)]
    return ", ".join(shown)
