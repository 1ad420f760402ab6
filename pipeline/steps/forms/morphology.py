"""The word for the form of a lesion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Morphology
from pipeline.steps.forms.body import Body
from pipeline.steps.volumes.optics import Floats
from pipeline.steps.voxels import Voxels, thickness_mm

PUNCTATE_MM = 5.0
"""Shorter than this in every direction, as far as the slices tell. Ours: so small, a CT shows no form."""
BLIND = 0.5
"""The end of a body is known to this share of the spacing there."""
HOLLOW_SHARE = 0.2
"""A shell closes in at least this share of what it and its inside fill. Ours."""
FLAT = 2.5
"""A sheet is this many times as wide as thick. Ours."""
THIN_FILL = 0.13
"""Of a Gaussian ball around it a thin rod fills 0.06, a sheet 0.26; this lies between. Ours."""
BALL_THICKNESSES = 1.5
"""Standard deviation of that ball, in thicknesses."""
BRANCHES = 3.0
"""A reticular one is made of rods so many times as long as itself together. Ours."""
LONG = 3.0
"""A line is this many times as long as wide,"""
NARROW_MM = 8.0
"""and narrower than this,"""
VERY_LONG = 5.0
"""unless it is so many times as long. Ours."""
MASS_MM = 30.0
"""Longer is a mass, shorter a nodule (Hansell et al., Fleischner glossary, Radiology 2008;246:697)."""
BULKY_MM = 15.0
"""A bulky one holds a ball of this diameter. Ours."""
ELONGATED = 1.5
"""Length over thickness of what is no longer round (Zingg, Schweiz Mineral Petrogr Mitt 1935;15:39)."""
ROD_WIDTHS = 4.0
"""Diameter of a round rod over the standard deviation of its cells along a diameter."""
SPINDLE = 1.5
"""Width of a spindle over that of a rod of its volume, length and thickness; of nothing solid is it more."""


@dataclass(frozen=True, slots=True)
class Form:
    """Figures of a body that its word follows from."""

    length_mm: float  #: along its first principal axis
    width_mm: float  #: along the second, of a round rod with its moment
    thickness_mm: float  #: diameter of the largest ball in it
    rods: float  #: length of a rod of its volume and thickness, over its own
    hollow: float  #: share that it closes in, of it and its inside
    fill: float  #: of a ball around it, see `THIN_FILL`; 1 where it is not flat
    blind_mm: float  #: of its length, what the slices leave open

    @property
    def flat(self) -> bool:
        """Whether it is wider than thick, and not by a bend."""
        return min(self.width_mm, SPINDLE * self.rods * self.thickness_mm) >= FLAT * self.thickness_mm

    @property
    def long(self) -> bool:
        """Whether it is a line."""
        across = max(min(self.width_mm, SPINDLE * self.rods * self.thickness_mm), self.thickness_mm)
        return self.length_mm >= (LONG if across < NARROW_MM else VERY_LONG) * across


def name_form(form: Form) -> Morphology:
    """The first word that holds."""
    if form.hollow >= HOLLOW_SHARE:
        return "shell"
    if form.length_mm - form.blind_mm < PUNCTATE_MM:
        return "punctate"
    if form.flat and form.fill >= THIN_FILL:
        return "sheet"
    if form.flat and form.rods >= BRANCHES:
        return "reticular"
    if form.flat or form.long:
        return "linear"
    if form.length_mm > MASS_MM and form.thickness_mm >= BULKY_MM:
        return "bulky"
    return "ovoid" if form.length_mm >= ELONGATED * form.thickness_mm else "nodular"


def measure_form(body: Body) -> Form:
    """Dimensions, hollowness and fill of a body."""
    inside = body.inside
    cell = np.array(body.spacing_mm)
    volume_mm3 = float(np.count_nonzero(inside) * cell.prod())
    thickness = max(thickness_mm(inside, body.spacing_mm) - float(cell.mean()), float(cell.min()))
    length, width, along = _principal(np.argwhere(inside) * cell, float(cell.mean()))
    form = Form(
        length_mm=length,
        width_mm=width,
        thickness_mm=thickness,
        rods=volume_mm3 / (np.pi / 4 * thickness**2 * length),
        hollow=_hollow_share(inside),
        fill=1.0,
        blind_mm=float(BLIND * np.abs(along) @ body.geometry.spacing_mm),
    )
    return (
        replace(form, fill=_fill(inside, body.spacing_mm, BALL_THICKNESSES * thickness))
        if form.flat
        else form
    )


def _principal(points_mm: Floats, cell_mm: float) -> tuple[float, float, Floats]:
    """Range along the longest principal axis, a cell as wide as it is, its width across, and its direction.

    The width is that of a round rod of the same second moment, which single cells do not change.
    """
    centred = points_mm - points_mm.mean(0)
    moments, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    length = float(np.ptp(centred @ axes[:, 2])) + cell_mm
    return length, ROD_WIDTHS * float(np.sqrt(max(moments[1], 0.0))), axes[:, 2]


def _hollow_share(inside: Voxels) -> float:
    """Of all that is met on each of the six ways along the axes, how much is empty."""
    closed = ~inside
    for axis in range(3):
        closed &= np.logical_or.accumulate(inside, axis)
        closed &= np.flip(np.logical_or.accumulate(np.flip(inside, axis), axis), axis)
    empty = int(np.count_nonzero(closed))
    return empty / (empty + int(np.count_nonzero(inside)))


def _fill(inside: Voxels, spacing_mm: Float3, sigma_mm: float) -> float:
    """Share of a Gaussian ball that is filled, mean over the cells of the body."""
    sigma = [sigma_mm / step for step in spacing_mm]
    share = ndimage.gaussian_filter(inside.astype(np.float32), sigma, mode="constant", truncate=2.5)
    return float(share[inside].mean())
