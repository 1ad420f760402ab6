"""The viewer's library, niivue (BSD-2-Clause), out of the installed package ipyniivue.

ipyniivue carries niivue twice: built into its widget, and as a whole ES module in a percent-encoded
string, from which niivue itself makes pages. The second is what a page of ours needs.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from pipeline.errors import PipelineError

PACKAGE = "ipyniivue"
LONG_STRING = re.compile(r'"([^"\\\n]{1000000,})"')
"""A string of the widget shorter than this is not the library."""
ENCODED_EXPORTS = re.compile(r"export(%20)*%7B")
LAST = 5000
"""Characters at its end that hold the exports."""
EXPORTS = re.compile(r"export\s*\{([^{}]*)\}\s*;?\s*$")
WANTED = ("Niivue", "NVImage", "NVMesh")


class LibraryMissing(PipelineError):
    """The library is not installed, or its package is built otherwise than the ones known."""


@cache
def viewer_library() -> str:
    """The script of the library, followed by ``const niivue = {…}`` with what the viewer uses.

    For the inside of a ``<script type="module">``: it holds no closing tag.

    Raises
    ------
    LibraryMissing
    """
    module = _module(_widget().read_text("utf-8"))
    exported = EXPORTS.search(module)
    if exported is None:
        raise LibraryMissing(f"{PACKAGE} holds niivue without its exports")
    names = _local_names(exported.group(1))
    missing = [name for name in WANTED if name not in names]
    if missing:
        raise LibraryMissing(f"niivue exports no {', '.join(missing)}")
    parts = ", ".join(f"{name}: {names[name]}" for name in WANTED)
    script = f"{module[: exported.start()]}\nconst niivue = {{ {parts} }};\n"
    return re.sub(r"</(?=script)", r"<\\/", script, flags=re.IGNORECASE).replace("<!--", r"<\!--")


def _widget() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise LibraryMissing(f"the package {PACKAGE} is not installed")
    file = Path(found.origin).parent / "static" / "widget.js"
    if not file.is_file():
        raise LibraryMissing(f"{PACKAGE} has no {file.name}")
    return file


def _module(widget: str) -> str:
    """The percent-encoded string that ends in exports."""
    for found in LONG_STRING.finditer(widget):
        if ENCODED_EXPORTS.search(found.group(1)[-LAST:]):
            return unquote(found.group(1))
    raise LibraryMissing(f"{PACKAGE} does not hold niivue as a module")


def _local_names(exports: str) -> dict[str, str]:
    """Exported name → name in the module."""
    names = {}
    for part in exports.split(","):
        local, _, public = (word.strip() for word in part.partition(" as "))
        names[public or local] = local
    return names
