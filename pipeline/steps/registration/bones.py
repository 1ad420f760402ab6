"""All bones of one scan laid on those of another, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.config import RegisterSettings
from pipeline.domain.geometry import RigidTransform
from pipeline.domain.image import LabelMap
from pipeline.steps.naming.atlas import Points
from pipeline.steps.naming.surface import ScanSurface
from pipeline.steps.registration.bone import Fit, fit_bone
from pipeline.steps.registration.surface import surfaces_of
from pipeline.steps.registration.whole import register_skeletons, similarity

NEIGHBOURS = {
    "hip_bone_right": ("hip_bone_left", "sacrum"),
    "hip_bone_left": ("hip_bone_right", "sacrum"),
    "sacrum": ("hip_bone_right", "hip_bone_left"),
    "femur_right": ("hip_bone_right",),
    "femur_left": ("hip_bone_left",),
}
"""The bones that are followed, and those that tell where each lies if its own shape does not."""
WHOLE = "skeleton"
"""All bones together, where none has a name."""
FEWEST_LANDMARKS = 30


@dataclass(frozen=True, eq=False)
class ShownBones:
    """What a scan shows of the bones."""

    labels: LabelMap
    landmarks: Mapping[str, Points] = field(default_factory=dict)
    """For each bone (n, 3), LPS mm: points that mean the same place on every scan, in the same order."""

    @cached_property
    def surfaces(self) -> dict[str, ScanSurface]:
        """Of each named bone that the scan shows enough of."""
        return surfaces_of(self.labels, tuple(NEIGHBOURS))


def register_bones(earlier: ShownBones, later: ShownBones, settings: RegisterSettings) -> dict[str, Fit]:
    """How each bone of the earlier scan lies in the later one.

    Two scans are always fitted in the same order, so that the other one gives the inverse to the last digit.

    Returns
    -------
    dict
        A fit for each bone that both scans show, accepted or not; without named bones in both, one of the
        whole skeleton; empty where the scans share no bone.
    """
    if _rank(later) < _rank(earlier):
        back = register_bones(later, earlier, settings)
        return {name: fit.inverse() for name, fit in back.items()}
    shared = [name for name in NEIGHBOURS if name in earlier.surfaces and name in later.surfaces]
    if not shared:
        whole = register_skeletons(earlier.labels, later.labels, settings)
        return {} if whole is None else {WHOLE: whole}
    starts = _starts(shared, earlier, later, settings)
    fits: dict[str, Fit] = {}
    for name in shared:
        _keep_better(
            fits, name, _fit(name, [starts[name]] if name in starts else [], earlier, later, settings)
        )
    for name in shared:
        if name not in fits or not fits[name].accepted:
            beside = [fits[other] for other in NEIGHBOURS[name] if other in fits]
            ways = [fit.transform for fit in beside if fit.accepted]
            _keep_better(fits, name, _fit(name, ways, earlier, later, settings))
    return fits


def _keep_better(fits: dict[str, Fit], name: str, fit: Fit | None) -> None:
    """Keep a fit if there is none yet, or one that was not accepted."""
    if fit is not None and (name not in fits or fit.accepted):
        fits[name] = fit


def _rank(shown: ShownBones) -> tuple[float, ...]:
    """Some numbers that tell two scans apart, whichever comes first."""
    surfaces = shown.surfaces
    middles = [surfaces[name].surface.points.mean(0) for name in NEIGHBOURS if name in surfaces]
    shape, bone = shown.labels.geometry.shape, float(np.count_nonzero(shown.labels.values))
    return (
        *shape,
        bone,
        *(float(x) for middle in middles for x in middle),
        *shown.labels.geometry.affine.ravel(),
    )


def _starts(
    names: list[str], earlier: ShownBones, later: ShownBones, settings: RegisterSettings
) -> dict[str, RigidTransform]:
    """A first guess for each bone, by its landmarks; without any, by the skeleton as a whole."""
    known = {name: _by_landmarks(name, earlier, later, settings) for name in names}
    starts = {name: start for name, start in known.items() if start is not None}
    if starts:
        return starts
    whole = register_skeletons(earlier.labels, later.labels, settings)
    return {} if whole is None else dict.fromkeys(names, whole.transform)


def _by_landmarks(
    name: str, earlier: ShownBones, later: ShownBones, settings: RegisterSettings
) -> RigidTransform | None:
    """From the places on a bone that both scans show."""
    one, other = earlier.landmarks.get(name), later.landmarks.get(name)
    if one is None or other is None:
        return None
    shown = earlier.surfaces[name].shows(one) & later.surfaces[name].shows(other)
    if np.count_nonzero(shown) < FEWEST_LANDMARKS:
        return None
    return similarity(one[shown], other[shown], settings.largest_growth)


def _fit(
    name: str,
    starts: list[RigidTransform],
    earlier: ShownBones,
    later: ShownBones,
    settings: RegisterSettings,
) -> Fit | None:
    """The fit from the start that leads nearest."""
    fits = [fit_bone(earlier.surfaces[name], later.surfaces[name], one, settings) for one in starts]
    known = [fit for fit in fits if fit is not None]
    return min(known, key=lambda fit: fit.residual_mm, default=None)
