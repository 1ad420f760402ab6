"""The JSON files, from the schemas that are shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.made.sections import unit
from docs.made.tables import table
from pipeline import results

Schema = dict[str, Any]
FOLDER = Path(results.__file__).parent / "schemas"


def schemas() -> str:
    """One table for each file: path, type, what is known of it."""
    return "\n\n".join(_one(json.loads(file.read_text("utf-8"))) for file in sorted(FOLDER.glob("*.json")))


def _one(schema: Schema) -> str:
    rows = list(_rows(schema, "", schema, ()))
    return f"## {schema['title']}\n\n{schema['description']}\n\n{table(('key', 'type', 'unit, notes'), rows)}"


def _rows(node: Schema, path: str, root: Schema, seen: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """A row for each key, and those below it; no branch goes round in circles."""
    node, seen = _followed(node, root, seen)
    for key, below in node.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        inner, inner_seen = _followed(below, root, seen)
        items, _ = _followed(inner.get("items", {}), root, inner_seen)
        yield f"`{here}`", _type(inner, items), inner.get("description", unit(key))
        yield from _rows(inner, here, root, inner_seen)
        if items:
            yield from _rows(items, f"{here}[]", root, inner_seen)


def _followed(node: Schema, root: Schema, seen: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
    """What a node stands for: the target of a reference, or of the one choice that is not null."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            target, seen = _followed(choice, root, seen)
            return {**target, "nullable": True}, seen
    name = node.get("$ref", "").rpartition("/")[2]
    if not name or name in seen:
        return ({} if name else node), seen
    return {**root["$defs"][name], **{k: v for k, v in node.items() if k != "$ref"}}, (*seen, name)


def _type(node: Schema, items: Schema) -> str:
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(one)}`" for one in node["enum"])
    types = node.get("type", "any")
    names = [types] if isinstance(types, str) else list(types)
    if "array" in names and items:
        names[names.index("array")] = (
            f"list of {_type(items, {}) if items.get('type') != 'object' else 'objects'}"
        )
    return " or ".join([*names, "null"] if node.get("nullable") and "null" not in names else names)
