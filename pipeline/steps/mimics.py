"""What each bright component is: a lesion, or something that only looks like one, and why."""

from __future__ import annotations

from dataclasses import replace

import edt
import numpy as np

from pipeline.config import MimicSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.skeleton import Skeleton


def classify_candidates(
    candidates: tuple[Candidate, ...], skeleton: Skeleton, settings: MimicSettings
) -> tuple[Candidate, ...]:
    """Give each candidate its kind, its status and, where it is not a sure lesion, the reason."""
    return tuple(_classify(one, skeleton, settings) for one in candidates)


def _classify(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate:
    if candidate.mask.volume_mm3 < settings.smallest_lesion_mm3:
        return replace(
            candidate,
            kind="noise",
            reason=f"{candidate.mask.volume_mm3:.1f} mm³, below {settings.smallest_lesion_mm3:g} mm³",
        )
    joined = _share(candidate.mask, skeleton.joined)
    thickness_mm = _thickness_mm(candidate.mask)
    if joined >= settings.joined_fraction and thickness_mm <= settings.fragment_thickness_mm:
        return replace(
            candidate,
            kind="bone_fragment",
            reason=f"thin piece ({thickness_mm:.0f} mm) joined to bone by tissue brighter than muscle",
        )
    return candidate


def _share(mask: BoxedMask, voxels: np.ndarray) -> float:
    return float(np.count_nonzero(voxels[mask.box] & mask.voxels)) / mask.voxel_count


def _thickness_mm(mask: BoxedMask) -> float:
    """Diameter of the largest ball that fits in."""
    depth = edt.edt(np.pad(mask.voxels, 1), anisotropy=mask.geometry.spacing_mm, parallel=0)
    return 2.0 * float(depth.max())
