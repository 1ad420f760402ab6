"""Lesions as a human outlined them, and what that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.domain.image import BoxedMask

EditKind = Literal["deleted", "added", "changed", "merged", "split"]


@dataclass(frozen=True, eq=False, slots=True)
class Outlines:
    """Lesions handed in, on the grid of the scan; no voxel is in two of them."""

    masks: tuple[BoxedMask, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One lesion (or a few that touch the same voxels) that differs from what was found by itself."""

    what: EditKind
    lesion_ids: tuple[int, ...]  #: as they are now; empty where deleted
    automatic_ids: tuple[int, ...]  #: as they were found; empty where added
    indeterminate_ids: tuple[int, ...]  #: those of `automatic_ids` that were indeterminate
    volume_before_mm3: float  #: corrected for partial volume; 0 where there was none
    volume_after_mm3: float
