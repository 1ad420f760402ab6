"""How the documentation is built: `make docs`, from the root. Nothing is fetched from a network."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from docs.made import MADE
from pipeline import __version__

project = "calcinosis-ct"
author = "The calcinosis-ct developers"
project_copyright = author
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_use_rtype = False
html_theme = "furo"
html_title = f"calcinosis-ct {__version__}"
html_static_path = ["style"]
html_css_files = ["tables.css"]
NOTEBOOKS = Path(__file__).parent / "notebooks"
"""Copies, for the time of a build."""
BEFORE_NAPOLEON, AFTER_NAPOLEON = 400, 600
_kept: dict[str, list[str]] = {}


def _take_in_notebooks(_app: Sphinx, _config: object) -> None:
    """Sphinx reads what lies below docs/ alone."""
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    shutil.copytree(NOTEBOOKS.parents[1] / "notebooks", NOTEBOOKS, ignore=lambda *_: [".ipynb_checkpoints"])


def _fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put what is made from the code where a page asks for it by ``<!-- made: NAME -->``."""
    for name, make in MADE.items():
        mark = f"<!-- made: {name} -->"
        if mark in source[0]:
            source[0] = source[0].replace(mark, make())


def _keep(_app: Sphinx, what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Remember the text of an attribute before napoleon takes what stands before a colon for its type."""
    if what == "attribute":
        _kept[name] = list(lines)


def _put_back(
    _app: Sphinx, _what: str, name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    lines[:] = _kept.pop(name, lines)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _keep, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", _put_back, priority=AFTER_NAPOLEON)
    app.connect("config-inited", _take_in_notebooks)
    app.connect("source-read", _fill_in)
