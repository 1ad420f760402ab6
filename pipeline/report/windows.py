"""Display windows: which HU are black and which are white."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A display window as on a workstation."""

    name: str
    level_hu: float
    width_hu: float

    @property
    def low_hu(self) -> float:
        """Shown black, and so is all below."""
        return self.level_hu - self.width_hu / 2

    @property
    def high_hu(self) -> float:
        """Shown white, and so is all above."""
        return self.level_hu + self.width_hu / 2

    @property
    def caption(self) -> str:
        """Name, level and width."""
        return f"{self.name} window   L {self.level_hu:.0f}  W {self.width_hu:.0f}"


BONE = Window("bone", 450.0, 1500.0)
SOFT_TISSUE = Window("soft tissue", 40.0, 400.0)
WIDE = Window("wide", 250.0, 1300.0)
"""For thumbnails: fat, muscle and bone apart at a glance."""
