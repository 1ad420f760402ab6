"""Profiles from air into the body: how the HU rise where the skin meets the air, and how it slants there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.volumes.optics import Floats

SLICES = 12
"""Looked at, evenly spread, each with its two neighbours."""
OUTSIDE_MM, INSIDE_MM = 4.0, 4.0
"""How far a profile reaches on both sides of the edge."""
AIR_HU, HALF_HU, INSIDE_HU = -900.0, -500.0, -300.0
STEEPEST = 0.5
"""Edges that run away from the row by more than this (voxel by voxel in mm) are not crossed squarely."""
STEEPEST_ACROSS = 1.0
"""The same from slice to slice."""
MOST_BEND = 0.5
"""The edge may leave the straight line over three slices by this share of its step between two,"""
LEAST_STEP_MM = 0.3
"""which is taken as this at least."""
MOST_ROWS = 45
"""Of a slice; so many are enough."""


@dataclass(frozen=True, eq=False, slots=True)
class Profiles:
    """Profiles along rows or columns, one a row of `hu`, from the outside."""

    hu: Floats
    step_mm: float  #: from sample to sample
    slant: Floats  #: of the edge within the slice: mm along the profile for one mm across it
    slant_across: Floats  #: the same from slice to slice
    slices: NDArray[np.int64]  #: where each is from


def skin_profiles(volume: CTVolume, body: Mask) -> list[Profiles]:
    """All profiles of some slices, from all four sides; of no scan of fewer than three slices."""
    spacing = volume.geometry.spacing_mm
    found = []
    for k in spread_evenly(len(volume.hu) - 2, SLICES) + 1:
        for hu, inside, axis in _four_ways(volume.hu[k - 1 : k + 2], body.voxels[k - 1 : k + 2]):
            one = _profiles(hu, inside, (spacing[0], spacing[3 - axis], spacing[axis]), int(k))
            if one is not None:
                found.append(one)
    return found


def spread_evenly(count: int, most: int) -> NDArray[np.int64]:
    """So many of a count of places, the same ones from both ends."""
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    half = np.linspace(0, (count - 1) / 2, min(-(-most // 2), -(-count // 2))).astype(int)
    return np.unique(np.concatenate([half, count - 1 - half]))


def crossing(hu: Floats) -> Floats:
    """Where each profile first passes half of the way between air and tissue, in samples from its begin."""
    above = hu > HALF_HU
    at = np.maximum(above.argmax(-1), 1)[..., None]
    low, high = np.take_along_axis(hu, at - 1, -1), np.take_along_axis(hu, at, -1)
    part = np.clip((HALF_HU - low) / np.maximum(high - low, 1.0), 0, 1)
    return np.asarray((at - 1 + part)[..., 0])


def _four_ways(
    hu: NDArray[np.generic], body: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.generic], NDArray[np.bool_], int]]:
    """Three slices with the profiles along the last axis, from both ends of rows and of columns."""
    for axis in (1, 2):
        along, inside = np.moveaxis(hu, axis, 2), np.moveaxis(body, axis, 2)
        yield along, inside, axis
        yield along[..., ::-1], inside[..., ::-1], axis


def _profiles(
    hu: NDArray[np.generic], body: NDArray[np.bool_], spacing_mm: tuple[float, float, float], k: int
) -> Profiles | None:
    """Profiles of the middle one of three slices, where the skin is straight."""
    between_mm, across_mm, step = spacing_mm
    values, place = _edges(hu, body, step)
    over = (place[2] - place[0]) / 2
    bend = np.abs(place[2] - 2 * place[1] + place[0])
    slant = np.full(place.shape[1], np.nan)
    slant[1:-1] = (place[1, 2:] - place[1, :-2]) / 2 / across_mm
    with np.errstate(invalid="ignore"):
        straight = (np.abs(slant) < STEEPEST) & (np.abs(over) < STEEPEST_ACROSS * between_mm)
        straight &= bend < MOST_BEND * np.maximum(LEAST_STEP_MM, np.abs(over))
    rows = np.flatnonzero(straight)
    rows = rows[spread_evenly(len(rows), MOST_ROWS)]
    if not len(rows):
        return None
    return Profiles(values[1, rows], step, slant[rows], over[rows] / between_mm, np.full(len(rows), k))


def _edges(hu: NDArray[np.generic], body: NDArray[np.bool_], step_mm: float) -> tuple[Floats, Floats]:
    """HU around the edge of each row of each slice, and the edge's place in mm, or NaN.

    The body's mask tells only where to look: it is coarse, and coarser on one side than on the other.
    """
    out, into = max(3, round(OUTSIDE_MM / step_mm)), max(3, round(INSIDE_MM / step_mm))
    values = np.full((*hu.shape[:2], out + into), AIR_HU)
    place = np.full(hu.shape[:2], np.nan)
    there = np.nonzero(body.any(2))
    begin = body.argmax(2)[there]
    for reach in (2 * into, into):  # the second time from where the HU cross
        samples = np.clip(begin[:, None] + np.arange(-out, reach), 0, hu.shape[2] - 1)
        own = hu[there[0][:, None], there[1][:, None], samples].astype(np.float64)
        within = (begin >= out) & (begin + into <= hu.shape[2])
        at = begin - out + crossing(own)
        begin = np.floor(at).astype(int)
    clean = within & (own[:, : out // 2].max(1) < AIR_HU) & (own[:, -(into // 2) :].mean(1) > INSIDE_HU)
    values[there] = own
    place[there] = np.where(clean, at * step_mm, np.nan)
    return values, place
