"""Where every lesion lies: side, region, structure, bone, depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.anatomy import group_of
from pipeline.domain.image import BoxedMask, LabelMap, Mask
from pipeline.domain.lesion import BonePart, Side, Site
from pipeline.steps.naming.atlas import Points
from pipeline.steps.sites.bones import NearestBone, hip_bone_part, nearest_bone
from pipeline.steps.sites.codes import code_of
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.layers import Tissue, layer_of
from pipeline.steps.sites.muscles import region_of_structure, side_of_structure
from pipeline.steps.sites.regions import MIDLINE_REGIONS, territory_of
from pipeline.steps.sites.sides import side_from_body, side_from_midline
from pipeline.steps.sites.skin import some_of
from pipeline.steps.sites.territories import TERRITORIES

MOST_POINTS = 300
"""Voxels of a lesion that are asked at most, evenly chosen."""
HALF = 0.5
"""A lesion belongs to the region that holds half of it,"""
INVOLVED_SHARE = 0.15
"""and involves those that hold this much."""
MANY = 3
"""Without half in one, a lesion in so many regions is a sheet that crosses them."""
SURE_SHARE = 0.6
"""A structure is named where it holds this much."""

Names = NDArray[np.object_]


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """What lesions are located on."""

    tissue: Tissue
    body: Mask
    skeleton: LabelMap
    frame: ReferenceFrame | None  #: None where no pelvis was recognised
    organs: LabelMap | None  #: structures of the user's label map, on the same grid
    in_plane_truncated: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Asked:
    """Some voxels of a lesion and what they lie in."""

    regions: Names  #: (n,), None where unknown
    structures: Names  #: (n,)
    given: Names  #: (n,), name in the user's label map
    x_mm: NDArray[np.float64] | None  #: (n,), from the midline of the reference patient


def locate_lesions(masks: Sequence[BoxedMask], ground: Ground) -> tuple[Site, ...]:
    """The site of each lesion; what is not known is None.

    Parameters
    ----------
    masks : sequence of BoxedMask
        On the grid of the ground.
    """
    chosen = [some_of(mask.index_kji(), MOST_POINTS) for mask in masks]
    if not chosen:
        return ()
    points = ground.body.geometry.to_lps_mm(np.concatenate(chosen))
    reference = ground.frame.to_reference(points) if ground.frame is not None else None
    ends = np.cumsum([len(index) for index in chosen])[:-1]
    parts = np.split(reference, ends) if reference is not None else [None] * len(chosen)
    asked = [_ask(index, part, ground.organs) for index, part in zip(chosen, parts, strict=True)]
    with ThreadPoolExecutor() as threads:
        return tuple(threads.map(_site, masks, asked, [ground] * len(masks)))


def _ask(index: NDArray[np.int64], reference: Points | None, organs: LabelMap | None) -> _Asked:
    """What voxels lie in: a muscle or organ of the user's map, else a territory of the atlas."""
    regions, structures, given = (np.full(len(index), None, dtype=object) for _ in range(3))
    if reference is not None:
        found = territory_of(reference)
        for number in np.unique(found[found >= 0]):
            regions[found == number] = TERRITORIES[number].region
            structures[found == number] = TERRITORIES[number].structure
    if organs is not None:
        values = organs.values[tuple(index.T)]
        for value in np.unique(values[values > 0]):
            _lay_over(regions, structures, given, values == value, organs.names.get(int(value), ""))
    return _Asked(regions, structures, given, None if reference is None else reference[:, 0])


def _lay_over(regions: Names, structures: Names, given: Names, own: NDArray[np.bool_], name: str) -> None:
    """Put the user's structure where it lies; the region stays where its name tells none."""
    if group_of(name) == "muscle" or region_of_structure(name) is not None:
        structures[own] = given[own] = name
        regions[own] = region_of_structure(name) or regions[own]


def _site(mask: BoxedMask, asked: _Asked, ground: Ground) -> Site:
    region, also = _region_of(asked.regions)
    structure = _most(asked.structures, SURE_SHARE)
    bone = nearest_bone(mask, ground.skeleton)
    depths_mm = ground.tissue.skin.depths_mm(mask)
    return Site(
        side=_side_of(mask, asked, region, ground),
        region=region,
        also_involves=also,
        structure=structure,
        nearest_bone=None if bone is None else bone.name,
        bone_part=_part_of(bone, ground.frame),
        bone_distance_mm=None if bone is None else bone.distance_mm,
        skin_depth_mm=None if depths_mm is None else float(depths_mm.min()),
        depth=layer_of(mask, region, depths_mm, ground.tissue),
        code=code_of(region, structure),
    )


def _part_of(bone: NearestBone | None, frame: ReferenceFrame | None) -> BonePart | None:
    if bone is None or frame is None:
        return None
    return hip_bone_part(bone.name, frame.to_reference(bone.place_lps_mm[None])[0])


def _most(names: Names, least_share: float) -> str | None:
    """The name that most have, if so many have it."""
    name, count = Counter(names.tolist()).most_common(1)[0]
    return name if name is not None and count >= least_share * len(names) else None


def _region_of(regions: Names) -> tuple[str | None, tuple[str, ...]]:
    """The region of a lesion, and the others that it reaches into, the largest share first."""
    counts = Counter(regions.tolist())
    involved = [
        name for name, n in counts.most_common() if name is not None and n >= INVOLVED_SHARE * len(regions)
    ]
    first, most = counts.most_common(1)[0]
    if first is None:
        return None, tuple(involved)
    if most < HALF * len(regions) and len(involved) >= MANY:
        return "multiple", tuple(involved)
    return first, tuple(name for name in involved if name != first)


def _side_of(mask: BoxedMask, asked: _Asked, region: str | None, ground: Ground) -> Side | None:
    """By the user's map if it names a side, by the pelvis, or by the outline of the body."""
    given = _most(asked.given, HALF)
    if given is not None and side_of_structure(given) is not None:
        return cast(Side, side_of_structure(given))
    if asked.x_mm is not None:
        return side_from_midline(asked.x_mm, paired=region not in MIDLINE_REGIONS)
    truncated = ground.in_plane_truncated
    return side_from_body(mask, ground.body, ground.skeleton, in_plane_truncated=truncated)
