"""Packages of the extra `notebook`, which a run of the command does without."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pipeline.errors import UsageError

INSTALL = "pip install 'calcinosis-ct[notebook]'"


def is_installed(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None


def need(package: str, purpose: str) -> Any:
    """A package of the extra.

    Raises
    ------
    UsageError
        Where it is not installed, with what it is for and how to get it.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise UsageError(f"{purpose} needs {package}: {INSTALL}") from error
