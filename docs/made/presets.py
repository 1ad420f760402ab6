"""The shipped presets, from their files."""

from __future__ import annotations

from docs.made.tables import table
from pipeline.config import preset_folder, preset_names, read_settings


def presets() -> str:
    """What each is for, and what it sets."""
    return table(("preset", "for", "sets"), (_one(name) for name in preset_names() if name != "default"))


def _one(name: str) -> tuple[str, str, str]:
    file = preset_folder() / f"{name}.yaml"
    words = [line.lstrip("# ") for line in file.read_text("utf-8").splitlines() if line.startswith("#")]
    values = (
        f"`{section}.{key}={value}`"
        for section, settings in read_settings(file).items()
        for key, value in settings.items()
    )
    return f"`{name}`", " ".join(words), ", ".join(values)
