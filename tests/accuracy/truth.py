"""What is known of a scan before it is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.scan import Scan

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrueLesion:
    """A lesion that is there."""

    id: int  #: its value in the truth label map
    name: str
    volume_mm3: float  #: of the shape itself, not of the label map
    hu: float
    centroid_lps_mm: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class TrueMimic:
    """Something bright that is not a lesion."""

    kind: str
    name: str
    volume_mm3: float | None
    points_lps_mm: Points  #: (n, 3): its voxels where they are known, else one point in it


@dataclass(frozen=True, eq=False)
class Truth:
    """A scan and what is in it. Label maps lie on the scan's own grid."""

    scan: Scan
    lesions: tuple[TrueLesion, ...]
    lesion_labels: NDArray[np.uint8]
    mimics: tuple[TrueMimic, ...]
    bones: NDArray[np.uint8]  #: places in `pipeline.domain.anatomy.BONES`, from 1
