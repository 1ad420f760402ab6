"""A human's outlines in place of those that were found: composition of matching, measuring and naming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from pipeline.domain.analysis import Coverage
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import Candidate, Lesion
from pipeline.domain.outlines import Edit, Outlines
from pipeline.domain.scan import Scan
from pipeline.finding import Found
from pipeline.measuring import tracking_uid
from pipeline.steps.outlines import Group, drawn_candidate, group_outlines, outline_key, overlaps

Measure = Callable[[Found], tuple[tuple[Lesion, ...], Coverage]]


@dataclass(frozen=True, eq=False, slots=True)
class Correction:
    """Lesions with the bones beside them, as found or as a human outlined them."""

    lesions: tuple[Lesion, ...]
    coverage: Coverage
    skeleton: LabelMap
    edits: tuple[Edit, ...] = ()


def correct_lesions(
    automatic: Correction, found: Found, outlines: Outlines, scan: Scan, measure: Measure
) -> Correction:
    """Measure a human's outlines in place of the lesions that were found, by the same code.

    What is not lesion stays as it was found. Where no outline differs, nothing does.
    """
    drawn = draw(found, automatic.lesions, outlines, scan)
    if not drawn.is_changed:
        return automatic
    skeleton = without_bone_in(automatic.skeleton, drawn.lesions)
    ready: Future[LabelMap] = Future()
    ready.set_result(skeleton)
    measured, coverage = measure(replace(found, candidates=drawn.candidates, skeleton=ready))
    lesions, edits = name_corrected(drawn, automatic.lesions, measured)
    return Correction(lesions, coverage, skeleton, edits)


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """What is to be measured in place of what was found."""

    candidates: tuple[Candidate, ...]  #: what is excluded, as found, and the lesions as drawn
    lesions: tuple[Candidate, ...]  #: the latter, in the order of the outlines
    groups: tuple[Group, ...]

    @property
    def is_changed(self) -> bool:
        """Whether any outline differs from what was found."""
        return not all(group.is_same for group in self.groups)


def draw(found: Found, automatic: Sequence[Lesion], outlines: Outlines, scan: Scan) -> Drawn:
    """Lay the outlines beside the lesions that were found."""
    own = {id(one.mask): one for one in found.candidates if one.kind == "lesion"}
    before = [own[id(lesion.mask)] for lesion in automatic]
    masks = [lesion.mask for lesion in automatic]
    groups = tuple(group_outlines(masks, outlines.masks))
    same = {group.drawn[0]: before[group.found[0]] for group in groups if group.is_same}
    nearest = _nearest(overlaps(masks, outlines.masks))
    edge_hu = found.threshold.edge_hu
    lesions = tuple(
        same[n]
        if n in same
        else drawn_candidate(mask, scan.volume, before[nearest[n]] if n in nearest else None, edge_hu=edge_hu)
        for n, mask in enumerate(outlines.masks)
    )
    left_out = tuple(one for one in found.candidates if one.kind != "lesion")
    return Drawn((*left_out, *lesions), lesions, groups)


def without_bone_in(skeleton: LabelMap, lesions: Sequence[Candidate]) -> LabelMap:
    """The bones without the voxels of lesions: what a human calls a lesion is no bone."""
    values = skeleton.values.copy()
    for one in lesions:
        values[one.mask.box][one.mask.voxels] = 0
    values.setflags(write=False)
    return LabelMap(values, skeleton.geometry, skeleton.names)


def name_corrected(
    drawn: Drawn, automatic: Sequence[Lesion], measured: Sequence[Lesion]
) -> tuple[tuple[Lesion, ...], tuple[Edit, ...]]:
    """Say of each measured lesion whether a human drew it, and give it the tracking UID it had.

    Of several lesions drawn where one was found, the one that shares most voxels with it keeps its UID; of
    several found, the drawn one has that of the largest share.
    """
    place = {id(one.mask): n for n, one in enumerate(drawn.lesions)}
    at = {place[id(one.mask)]: one for one in measured}
    known = _kept_uids(drawn, automatic)
    same = {group.drawn[0] for group in drawn.groups if group.is_same}
    named = {
        n: replace(
            one,
            tracking_uid=known.get(n) or tracking_uid("drawn", outline_key(one.mask)),
            source="automatic" if n in same else "edited",
        )
        for n, one in at.items()
    }
    edits = tuple(_edit(group, automatic, named) for group in drawn.groups if not group.is_same)
    return tuple(sorted(named.values(), key=lambda one: one.id)), edits


def _kept_uids(drawn: Drawn, automatic: Sequence[Lesion]) -> dict[int, str]:
    """Place of an outline → tracking UID of the lesion found there; each is kept once."""
    shared = overlaps([one.mask for one in automatic], [one.mask for one in drawn.lesions])
    kept: dict[int, str] = {}
    used: set[int] = set()
    for m, n in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        if m not in used and n not in kept:
            kept[n] = automatic[m].tracking_uid
            used.add(m)
    return kept


def _nearest(shared: Mapping[tuple[int, int], int]) -> dict[int, int]:
    """Place of each outline → place of the found one that it shares most voxels with."""
    best: dict[int, int] = {}
    for m, n in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        best.setdefault(n, m)
    return best


def _edit(group: Group, automatic: Sequence[Lesion], named: Mapping[int, Lesion]) -> Edit:
    before, after = [automatic[m] for m in group.found], [named[n] for n in group.drawn]
    return Edit(
        what=group.what,
        lesion_ids=tuple(sorted(one.id for one in after)),
        automatic_ids=tuple(sorted(one.id for one in before)),
        indeterminate_ids=tuple(sorted(one.id for one in before if one.status == "indeterminate")),
        volume_before_mm3=float(np.sum([one.size.volume_mm3.value for one in before])),
        volume_after_mm3=float(np.sum([one.size.volume_mm3.value for one in after])),
    )
