"""A human's outlines beside those that were found: which are the same, and which belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.domain.geometry import Box, box_within
from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.domain.lesion import Candidate
from pipeline.domain.outlines import EditKind
from pipeline.steps.voxels import label_components


@dataclass(frozen=True, slots=True)
class Group:
    """Outlines of both kinds that share voxels, by their places in the two lists."""

    found: tuple[int, ...]
    drawn: tuple[int, ...]
    is_same: bool  #: one of each, of the same voxels

    @property
    def what(self) -> EditKind:
        """What was done to the lesions that were found."""
        if not self.drawn:
            return "deleted"
        if not self.found:
            return "added"
        if len(self.found) > 1 and len(self.drawn) == 1:
            return "merged"
        return "split" if len(self.found) == 1 and len(self.drawn) > 1 else "changed"


def shared_voxels(one: BoxedMask, other: BoxedMask) -> int:
    """How many voxels two masks of one grid have in common."""
    starts = [max(a.start, b.start) for a, b in zip(one.box, other.box, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one.box, other.box, strict=True)]
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        return 0
    k, j, i = (slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    both: Box = (k, j, i)
    return int(
        np.count_nonzero(one.voxels[box_within(both, one.box)] & other.voxels[box_within(both, other.box)])
    )


def overlaps(found: Sequence[BoxedMask], drawn: Sequence[BoxedMask]) -> dict[tuple[int, int], int]:
    """Shared voxels of each pair that has any: place among `found`, place among `drawn`."""
    counted = {(m, n): shared_voxels(a, b) for m, a in enumerate(found) for n, b in enumerate(drawn)}
    return {pair: count for pair, count in counted.items() if count}


def group_outlines(found: Sequence[BoxedMask], drawn: Sequence[BoxedMask]) -> list[Group]:
    """Outlines that share voxels, directly or by way of others; each outline is in one group.

    Returns
    -------
    list of Group
        In the order of the first found, then those of drawn ones alone.
    """
    shared = overlaps(found, drawn)
    nodes = [("found", m) for m in range(len(found))] + [("drawn", n) for n in range(len(drawn))]
    owner = {node: node for node in nodes}
    for m, n in shared:
        one, other = owner["found", m], owner["drawn", n]
        owner = {node: one if last == other else last for node, last in owner.items()}
    groups = []
    for leader in dict.fromkeys(owner.values()):
        own = [node for node, last in owner.items() if last == leader]
        here = tuple(number for kind, number in own if kind == "found")
        there = tuple(number for kind, number in own if kind == "drawn")
        groups.append(Group(here, there, _is_same(here, there, found, drawn, shared)))
    return groups


def _is_same(
    m: Sequence[int],
    n: Sequence[int],
    found: Sequence[BoxedMask],
    drawn: Sequence[BoxedMask],
    shared: dict[tuple[int, int], int],
) -> bool:
    if len(m) != 1 or len(n) != 1:
        return False
    return found[m[0]].voxel_count == drawn[n[0]].voxel_count == shared[m[0], n[0]]


def drawn_candidate(
    mask: BoxedMask, volume: CTVolume, before: Candidate | None, *, edge_hu: float
) -> Candidate:
    """An outline as a lesion to be measured: definite, since a human has the last word on what it is.

    Parameters
    ----------
    before : Candidate, optional
        The one found that it shares most voxels with: at what height its border was drawn.
    edge_hu : float
        The scan's threshold, for an outline where nothing was found.
    """
    labels = label_components(mask.voxels, connectivity=26)
    return Candidate(
        mask=mask,
        edge_hu=edge_hu if before is None else before.edge_hu,
        fragment_count=int(labels.max()),
        peak_hu=float(volume.hu[mask.box][mask.voxels].max()),
        status="definite",
        reason="",
    )


def outline_key(mask: BoxedMask) -> str:
    """A text that is the same for the same voxels of the same grid."""
    index = np.ascontiguousarray(mask.index_kji().astype("<i8"))
    return hashlib.sha256(index.tobytes()).hexdigest()
