"""The atlas laid into a scan, or the answer that the scan shows no pelvis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Geometry
from pipeline.steps.grid import pool_mean, pool_steps
from pipeline.steps.naming.atlas import HIP_BONES, Atlas, Points, load_atlas
from pipeline.steps.naming.deform import bending_parts, deform
from pipeline.steps.naming.pose import Pose, fit_pose, pair
from pipeline.steps.naming.search import likely_poses, postures
from pipeline.steps.naming.surface import ScanSurface, bone_surface
from pipeline.steps.voxels import Voxels

GRID_MM = 3.0
FAR_MM = 15.0
"""Surfaces further apart than this count as this far."""
LEAST_HIP_SHOWN = 0.05
"""Share of the two hip bones that the scan must show,"""
HIP_WIDTH_MM = 60.0
"""over at least this along two axes (scans of one hip show 83 and more; a shaft fits any smaller piece),"""
HIP_MM = 5.5
"""half of that no further than this from bone,"""
BONE_MM = 7.0
"""and half of the bone of the scan no further than this from the atlas. On scans of pelvis and thigh 2.4 to
4.3 and 3.3 to 5 mm are reached; a knee taken for a pelvis has 25 and more, or shows no hip bone."""


@dataclass(frozen=True, eq=False, slots=True)
class AtlasFit:
    """Named bone surfaces in the scan."""

    atlas: Atlas
    points: Points  #: (n, 3), the atlas's points as they lie in the scan, LPS mm
    normals: Points  #: (n, 3), outward
    size: float  #: against the reference patient

    @property
    def landmarks_mm(self) -> dict[str, Points]:
        """For each bone (n, 3), LPS mm: points that mean the same place on every scan, in the same order."""
        return {name: self.points[self.atlas.of(name)] for name in self.atlas.names}

    def distances_mm(
        self, places: Points, *, within_mm: float = np.inf
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How far each place lies from the surface of each bone.

        Returns
        -------
        distance, height : ndarray
            (bones, n): distance to the nearest point of the bone, at most `within_mm`, and how far the place
            lies outside (inside, if negative) of the surface there.
        """
        shape = (len(self.atlas.names), len(places))
        distance, height = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        for bone in range(shape[0]):
            own = self.atlas.bone == bone
            tree = KDTree(self.points[own])
            away, found = tree.query(places, distance_upper_bound=within_mm, workers=-1)
            distance[bone], found = np.minimum(away, within_mm), np.minimum(found, tree.n - 1)
            way = places - self.points[own][found]
            height[bone] = np.einsum("ij,ij->i", way, self.normals[own][found])
        return distance, height


def prepare_atlas() -> None:
    """Do beforehand what needs the atlas alone and is kept for the next scan."""
    atlas = load_atlas()
    postures(atlas)
    bending_parts(atlas)


def fit_atlas(solid: Voxels, geometry: Geometry) -> AtlasFit | None:
    """Lay the atlas into the bones of a scan.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones with their inside.

    Returns
    -------
    AtlasFit or None
        None where no pelvis is shown, or none that is like the atlas's.
    """
    steps = pool_steps(geometry, target_mm=GRID_MM)
    scan = bone_surface(pool_mean(solid, steps) >= 0.5, geometry.coarsen(steps))
    atlas = load_atlas()
    if len(scan.surface.points) < len(scan.some) or len(scan.some) < 100:
        return None
    poses = likely_poses(scan, atlas)
    if not poses:
        return None
    pose = _best_pose(scan, atlas, poses)
    if not _is_pelvis(scan, atlas, pose):
        return None
    return AtlasFit(atlas, deform(scan, atlas, pose), pose.place_normals(atlas), pose.size)


def _best_pose(scan: ScanSurface, atlas: Atlas, guesses: list[Pose]) -> Pose:
    """The guess that a few rounds bring nearest, fitted to the end."""
    tried = [fit_pose(scan, atlas, one, rounds=7, reach_mm=12, affine=False, every=10) for one in guesses]
    thin = replace(scan, some=scan.some[::4])
    best = tried[int(np.argmin([_disagreement_mm(thin, atlas, one) for one in tried]))]
    grown = fit_pose(scan, atlas, best, rounds=10, reach_mm=8, affine=False, every=4)
    return fit_pose(scan, atlas, grown, rounds=15, reach_mm=8, affine=True, every=3)


def _disagreement_mm(scan: ScanSurface, atlas: Atlas, pose: Pose) -> float:
    everything = np.arange(len(atlas.points), dtype=np.intp)
    pairs = pair(scan, pose.place(atlas), pose.place_normals(atlas), everything)
    away = np.minimum(pairs.distance_mm, FAR_MM)
    there = float(away[: pairs.forward].mean()) if pairs.forward else FAR_MM
    return there + float(away[pairs.forward :].mean())


def _is_pelvis(scan: ScanSurface, atlas: Atlas, pose: Pose) -> bool:
    """Whether enough of a hip bone is shown, and where it should be."""
    placed = pose.place(atlas)
    hip = atlas.of(*HIP_BONES)
    shown = placed[hip & scan.shows(placed)]
    if (
        len(shown) < LEAST_HIP_SHOWN * np.count_nonzero(hip)
        or np.sort(np.ptp(shown, axis=0))[1] < HIP_WIDTH_MM
    ):
        return False
    hip_mm, _ = KDTree(scan.surface.points).query(shown)
    bone_mm, _ = KDTree(placed).query(scan.surface.points[scan.some])
    return bool(np.median(hip_mm) <= HIP_MM and np.median(bone_mm) <= BONE_MM)
