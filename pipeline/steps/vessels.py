"""Calcium in the wall of a vessel: a spot on the rim of a tube that can be followed from slice to slice.

A vessel seen across is a disc of blood whose border shows in most directions, either as a calcified wall
brighter than the blood or as fat outside. Calcinosis along a vessel has no such wall: what is asked for is
the tube, not the direction in which a spot runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import VesselSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.place import Surroundings, in_pelvic_cavity, place_of
from pipeline.steps.rings import find_ring
from pipeline.steps.tubes import Track, follow_vessel, stride_of
from pipeline.steps.voxels import thickness_mm
from pipeline.steps.walls import follow_wall

LAST_SECTIONS = 6
"""The direction in which a vessel goes on is that of its nearest sections."""
CHILD_YEARS = 16.0
"""Arteries calcify later."""


def tell_vessels(
    candidates: Sequence[Candidate], around: Surroundings, settings: VesselSettings
) -> tuple[Candidate, ...]:
    """Exclude calcium in the wall of vessels that can be followed; question it where that is less sure."""
    told = list(candidates)
    tracks: list[Track] = []
    asked = [n for n, one in enumerate(told) if one.kind == "lesion" and _is_thin(one.mask, settings)]
    for number in asked:
        track = _track(told[number].mask, around, settings)
        if track is not None:
            tracks.append(track)
            told[number] = _judged(told[number], track, around, settings)
    for number in asked:
        if told[number].kind == "lesion" and told[number].status == "definite":
            told[number] = _in_line(told[number], tracks, around, settings)
    return tuple(told)


def _is_thin(mask: BoxedMask, settings: VesselSettings) -> bool:
    """A plaque is thin; so is everything small."""
    if not settings.least_mm3 <= mask.volume_mm3 <= settings.ring_mm3:
        return False
    return thickness_mm(mask.voxels, mask.geometry.spacing_mm) <= settings.most_thickness_mm


def _track(mask: BoxedMask, around: Surroundings, settings: VesselSettings) -> Track | None:
    """The vessel that a component is the wall of: by its own form, or a tube or ring that it lies on."""
    ring = find_ring(mask, around, settings)
    if ring is not None or mask.volume_mm3 > settings.most_mm3:
        return ring
    tube = follow_vessel(mask, around, settings)
    if tube is not None or _is_child(around):
        return tube
    return follow_wall(mask, around, settings)


def _judged(one: Candidate, track: Track, around: Surroundings, settings: VesselSettings) -> Candidate:
    spacing_k = one.mask.geometry.spacing_mm[0]
    length = (abs(track[-1].k - track[0].k) + 1) * spacing_k
    radius = float(np.median([s.radius_mm for s in track]))
    walled = sum(s.wall >= settings.wall_share for s in track) * spacing_k * stride_of(spacing_k)
    place = place_of(one.mask, around)
    inside = in_pelvic_cavity(
        place, ring=settings.ring_share, widest_gap_deg=settings.widest_gap_deg, across=settings.across_share
    )
    seen = f"on the rim of a tube {2 * radius:.0f} mm wide followed over {length:.0f} mm"
    if walled >= settings.wall_mm and not _is_child(around):
        reason = f"{seen}, its wall calcified over {walled:.0f} mm"
        return replace(one, kind="vascular", status="definite", reason=reason)
    if inside and place.bone_mm >= settings.wall_depth_mm:
        return replace(one, kind="vascular", status="definite", reason=f"{seen}, within the pelvic cavity")
    return replace(one, status="indeterminate", reason=f"{seen}: may be the wall of a vessel")


def _is_child(around: Surroundings) -> bool:
    return around.age_years is not None and around.age_years < CHILD_YEARS


def _in_line(
    one: Candidate, tracks: Sequence[Track], around: Surroundings, settings: VesselSettings
) -> Candidate:
    """A spot where a vessel with calcified wall goes on, beyond what could be followed."""
    for track in tracks:
        walled = [s for s in track if s.wall >= settings.wall_share]
        if len(walled) >= 3 and _continues(one.mask, track, settings) and not _is_child(around):
            reason = "where a vessel goes on whose wall is calcified above or below"
            return replace(one, kind="vascular", reason=reason)
    return one


def _continues(mask: BoxedMask, track: Track, settings: VesselSettings) -> bool:
    """Whether a spot lies near the line through a track, not far beyond its ends."""
    spacing = np.asarray(mask.geometry.spacing_mm)
    points = np.array([[s.k * spacing[0], s.j_mm, s.i_mm] for s in track])
    spot = mask.index_kji().mean(0) * spacing
    points = points[np.argsort(np.linalg.norm(points - spot, axis=1))[:LAST_SECTIONS]]
    middle = points.mean(0)
    direction = np.linalg.svd(points - middle)[2][0]
    along = (points - middle) @ direction
    spot = spot - middle
    beyond = max(
        float(spot @ direction) - float(along.max()), float(along.min()) - float(spot @ direction), 0.0
    )
    aside = float(np.linalg.norm(spot - (spot @ direction) * direction))
    radius = float(np.median([s.radius_mm for s in track]))
    return beyond <= settings.beyond_mm and aside <= radius + settings.aside_mm + 0.15 * beyond
