"""Bright things within structures that the user's anatomy names: contrast medium, walls of vessels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import AnatomySettings
from pipeline.domain.anatomy import Group, group_of
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import margin_voxels
from pipeline.steps.voxels import Voxels, depth_mm, distance_to_mm, thickness_mm

VESSELS: tuple[Group, ...] = ("artery", "vein")


def question_organs(
    candidates: Sequence[Candidate], organs: LabelMap, settings: AnatomySettings
) -> tuple[Candidate, ...]:
    """Tell lesions by the structure they lie in; muscles and structures of other kinds change nothing.

    What lies in bowel or bladder is contrast medium; what fills a vessel is, too, and a thin arc on
    the wall of an artery is vascular. In other viscera, partly in any of these, or along a vessel
    without the form of a wall, a lesion stays, indeterminate.
    """
    return tuple(_told(one, organs, settings) if one.kind == "lesion" else one for one in candidates)


def _told(one: Candidate, organs: LabelMap, settings: AnatomySettings) -> Candidate:
    artery = _artery_on_wall(one.mask, organs, settings)
    if artery is not None:
        reason = f"thin, on the wall of {_in_words(artery)}"
        return replace(one, kind="vascular", status="definite", reason=reason)
    name, share = _structure_of(one.mask, organs)
    group, called = group_of(name), _in_words(name)
    if share < settings.partly_share or group in ("muscle", "other"):
        return one
    if share < settings.inside_share:
        return _doubted(one, f"partly within {called}")
    if group == "bowel":
        return replace(one, kind="bowel_contrast", status="definite", reason=f"within {called}")
    if group == "bladder":
        return replace(one, kind="bladder_contrast", status="definite", reason=f"within {called}")
    if group in VESSELS and _lumen_share(one.mask, organs, name) >= settings.lumen_share:
        return replace(one, kind="contrast_vessel", status="definite", reason=f"fills {called}")
    return _doubted(one, f"within {called}")


def _in_words(name: str) -> str:
    """The name of a label as a reader writes it."""
    return name.replace("_", " ")


def _doubted(one: Candidate, reason: str) -> Candidate:
    """Indeterminate, with what was doubted before kept."""
    before = f"{one.reason}; " if one.reason else ""
    return replace(one, status="indeterminate", reason=before + reason)


def _structure_of(mask: BoxedMask, organs: LabelMap) -> tuple[str, float]:
    """The structure most of a mask's labelled voxels lie in, and the share of the mask in its group."""
    values = organs.values[mask.box][mask.voxels]
    counts = np.bincount(values)
    counts[0] = 0
    if not counts.any():
        return "", 0.0
    name = organs.names[int(counts.argmax())]
    group = group_of(name)
    alike = [value for value, own in organs.names.items() if group_of(own) == group]
    return name, float(np.isin(values, alike).mean())


def _named(organs: LabelMap, box: tuple[slice, ...], name: str) -> Voxels:
    values = [value for value, own in organs.names.items() if own == name]
    return np.asarray(np.isin(organs.values[box], values))


def _lumen_share(mask: BoxedMask, organs: LabelMap, name: str) -> float:
    """Share of a vessel that a mask fills in the slices it crosses."""
    slices = (mask.box[0], slice(None), slice(None))
    crossed = mask.voxels.any(axis=(1, 2))
    vessel = int(np.count_nonzero(_named(organs, slices, name)[crossed]))
    own = int(np.count_nonzero(_named(organs, mask.box, name) & mask.voxels))
    return own / vessel if vessel else 0.0


def _artery_on_wall(mask: BoxedMask, organs: LabelMap, settings: AnatomySettings) -> str | None:
    """The artery that a thin mask lies on the wall of, if it does."""
    spacing_mm = mask.geometry.spacing_mm
    reach_mm = max(settings.wall_mm, max(spacing_mm[1:]))
    wide = mask.padded(margin_voxels(spacing_mm, 2 * reach_mm))
    values, counts = np.unique(organs.values[wide.box], return_counts=True)
    arteries = {int(value): n for value, n in zip(values, counts, strict=True) if value}
    arteries = {value: n for value, n in arteries.items() if group_of(organs.names[value]) == "artery"}
    if not arteries:
        return None
    name = organs.names[max(arteries, key=lambda value: arteries[value])]
    vessel = np.asarray(np.isin(organs.values[wide.box], list(arteries)))
    if float(vessel[wide.voxels].mean()) < settings.wall_inside_share:
        return None
    on_wall = np.where(vessel, depth_mm(vessel, spacing_mm), distance_to_mm(vessel, spacing_mm)) <= reach_mm
    if float(on_wall[wide.voxels].mean()) < settings.wall_share:
        return None
    thin_mm = max(settings.wall_thickness_mm, 2 * max(spacing_mm[1:]))
    return name if thickness_mm(mask.voxels, spacing_mm) <= thin_mm else None
