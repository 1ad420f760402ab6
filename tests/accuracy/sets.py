"""Which scans `make accuracy` measures, as data."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

SHARED = Path(__file__).parents[2].parent / "shared"
"""Anatomies, real scans and the generator; they lie beside the project, not in it."""
DATA = SHARED / "data"
TOOL = SHARED / "tools" / "semisynth.py"

THICK_MM = 3.0
"""Slices further apart than this are thick."""


@dataclass(frozen=True)
class SemiSet:
    """A scan that the generator makes from a real anatomy."""

    name: str
    anatomy: str  #: of Pelvic-Ref-…
    case: Literal["seed", "contact", "mimics", "clean"]
    seed: int
    scale: float
    spacing: tuple[float, float]  #: mm between slices, and of a pixel
    noise_hu: float

    @property
    def folder(self) -> str:
        """Name within the cache: says all that the set depends on."""
        dz, dx = self.spacing
        return f"{self.anatomy}_{self.case}_{self.seed}_x{self.scale:g}_{dz:g}x{dx:g}_n{self.noise_hu:g}"


@dataclass(frozen=True)
class PhantomSet:
    """A scan of the project's own phantom."""

    name: str
    seed: int
    lesions: bool = True
    mimics: bool = False
    open_plates: bool = True
    slice_mm: float = 2.0
    noise_hu: float = 14.0


@dataclass(frozen=True)
class RealSet:
    """A real scan with findings read by eye."""

    name: str


@dataclass(frozen=True)
class ExampleSet:
    """The scan with a metal hip and TotalSegmentator's labels."""

    name: str


AccuracySet = SemiSet | PhantomSet | RealSet | ExampleSet

SEMI = (
    SemiSet("seed2a", "002", "seed", 1, 0.9, (2, 0.78), 16),
    SemiSet("mim2a", "002", "mimics", 2, 0.9, (2, 0.78), 16),
    SemiSet("con5a", "005", "contact", 3, 0.9, (2, 0.78), 16),
    SemiSet("mim5a", "005", "mimics", 4, 1.0, (3, 0.9), 14),
    SemiSet("con2a", "002", "contact", 5, 0.8, (1.5, 0.7), 20),
    SemiSet("seed5a", "005", "seed", 6, 0.85, (3, 0.8), 25),
    SemiSet("clean2a", "002", "clean", 7, 0.9, (1, 0.78), 20),
    SemiSet("clean5a", "005", "clean", 8, 1.1, (3, 0.95), 12),
    SemiSet("con2b", "002", "contact", 9, 1.0, (3, 0.9), 12),
    SemiSet("mim2b", "002", "mimics", 10, 1.1, (1, 0.9), 10),
    SemiSet("seed5b", "005", "seed", 11, 0.9, (5, 0.85), 12),
    SemiSet("seed2b", "002", "seed", 12, 0.8, (1, 0.7), 30),
    SemiSet("con5b", "005", "contact", 14, 1.0, (1.0, 0.85), 8),
    SemiSet("mim5b", "005", "mimics", 15, 0.8, (2, 0.7), 30),
    SemiSet("seed2c", "002", "seed", 21, 1.05, (4, 0.9), 14),
    SemiSet("con5c", "005", "contact", 22, 0.85, (5, 0.75), 10),
    SemiSet("mim2c", "002", "mimics", 23, 0.85, (1.5, 0.75), 25),
    SemiSet("clean2b", "002", "clean", 24, 0.8, (2, 0.7), 30),
    SemiSet("seed5c", "005", "seed", 25, 1.1, (0.75, 0.95), 22),
    SemiSet("con2c", "002", "contact", 26, 1.1, (2.5, 0.95), 18),
    SemiSet("mim5c", "005", "mimics", 27, 0.9, (5, 0.8), 12),
    SemiSet("clean5b", "005", "clean", 28, 0.85, (1.25, 0.75), 8),
    SemiSet("mim2d", "002", "mimics", 29, 0.95, (3, 0.8), 20),
    SemiSet("seed2d", "002", "seed", 30, 0.85, (3, 0.75), 12),
)
"""The first eight stand for the rest."""

PHANTOMS = (
    PhantomSet("phantom_mimics", 1, mimics=True),
    PhantomSet("phantom_seed", 2, slice_mm=3.0, noise_hu=20.0),
    PhantomSet("phantom_grown", 3, mimics=True, open_plates=False, slice_mm=1.5, noise_hu=25.0),
    PhantomSet("phantom_clean", 4, lesions=False, noise_hu=20.0),
    PhantomSet("phantom_thick", 9, lesions=False, slice_mm=5.0),
)

REAL = tuple(
    RealSet(f"STS_{number}") for number in ("001", "003", "006", "013", "015", "028", "044", "046", "048")
)
EXAMPLE = ExampleSet("totalsegmentator_example")

ALL: tuple[AccuracySet, ...] = (*SEMI, *PHANTOMS, *REAL, EXAMPLE)
QUICK: tuple[AccuracySet, ...] = (*SEMI[:8], PHANTOMS[0], *REAL, EXAMPLE)


def choose_sets(only: str | None, *, quick: bool) -> tuple[AccuracySet, ...]:
    """All sets, the quick ones, or those whose names match one of the comma-separated patterns."""
    chosen = QUICK if quick else ALL
    if only is None:
        return chosen
    patterns = [one.strip().lower() for one in only.split(",") if one.strip()]
    return tuple(one for one in ALL if any(fnmatch(one.name.lower(), pattern) for pattern in patterns))
