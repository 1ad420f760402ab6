"""Settings from presets, files and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.settings import Settings, merge, settings_from
from pipeline.errors import UsageError


def read_settings(file: Path) -> dict[str, Any]:
    """Nested plain values of a YAML file.

    Raises
    ------
    UsageError
        If the file cannot be read or is not a mapping of sections.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"settings file {file.name} cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"settings file {file.name} must map sections to settings")
    return content


def preset_folder() -> Path:
    """Where the shipped presets lie: in the installed package, or in the source tree."""
    package = Path(__file__).parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def preset_names() -> list[str]:
    """Names of the shipped presets."""
    return sorted(file.stem for file in preset_folder().glob("*.yaml"))


def load_settings(name_or_file: str | None, overrides: Sequence[str] = ()) -> Settings:
    """Settings of a preset or file, with single values laid over it.

    Parameters
    ----------
    name_or_file : str or None
        A preset's name, a path to a YAML file, or None for the defaults.
    overrides : sequence of str
        Each ``section.key=value``; the value is read as YAML.

    Raises
    ------
    UsageError
        For an unknown preset, key or value.
    """
    content: dict[str, Any] = {}
    if name_or_file is not None:
        content = read_settings(_preset_file(name_or_file))
    for override in overrides:
        content = merge(content, _parse_override(override))
    return settings_from(content)


def _preset_file(name_or_file: str) -> Path:
    if name_or_file in preset_names():
        return preset_folder() / f"{name_or_file}.yaml"
    file = Path(name_or_file)
    if not file.is_file():
        known = ", ".join(preset_names())
        raise UsageError(f"no preset and no file is called {name_or_file!r}; presets: {known}")
    return file


def _parse_override(text: str) -> dict[str, Any]:
    path, separator, value = text.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (separator and dot and section and key):
        raise UsageError(f"expected section.key=value, found {text!r}")
    try:
        return {section: {key: yaml.safe_load(value)}}
    except yaml.YAMLError as error:
        raise UsageError(f"the value of {path.strip()} cannot be read") from error
