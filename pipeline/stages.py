"""What an analysis and a comparison go through: names to show while they run."""

from __future__ import annotations

from collections.abc import Callable

STAGES = ("body", "skeleton", "lesions", "measures")
"""The stages of an analysis, in order."""
COMPARE_STAGES = ("registration", "tracks")
"""The stages of a comparison, in order."""
OnStage = Callable[[str], None]
"""Told the name of each stage as it begins."""


def silent(_: str) -> None:
    """Nobody listens."""
