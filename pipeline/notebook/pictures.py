"""One slice of an analysis as pixels: window, masks, crosshair and the letters of the sides."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Box, Index3, grow_box
from pipeline.report.panels import Plane, display_steps_mm, orient
from pipeline.report.windows import BONE, SOFT_TISSUE, WIDE, Window

WINDOWS = {one.name: one for one in (BONE, SOFT_TISSUE, WIDE)}
BODY_HU = -400
MARGIN_MM = 10.0
LARGEST_PIXELS = 360
"""Width and height of a picture at most."""
LESION_RGB, INDETERMINATE_RGB = (255, 171, 25), (214, 120, 40)
EXCLUDED_RGB, BONE_RGB = (255, 122, 224), (110, 170, 255)
CROSSHAIR_RGB = (99, 255, 154)
FILL, BONE_FILL = 0.45, 0.25
LETTER_SIZE = 15

Rgb = NDArray[np.uint8]
"""[row, column, channel]"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is laid over a slice, and in which window it is shown."""

    window: Window = BONE
    lesions: bool = True
    excluded: bool = True
    skeleton: bool = False
    crosshair: bool = True


@dataclass(frozen=True, eq=False)
class Painted:
    """An analysis with its masks painted once, cut to the body."""

    analysis: Analysis

    @cached_property
    def box(self) -> Box:
        """The patient with a margin."""
        hu, geometry = self.analysis.scan.volume.hu, self.analysis.geometry
        body = hu > BODY_HU
        found = []
        for axis in range(3):
            others = tuple(n for n in range(3) if n != axis)
            along = np.flatnonzero(body.any(axis=others))
            found.append(slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, hu.shape[axis]))
        beside = [round(MARGIN_MM / mm) for mm in geometry.spacing_mm[1:]]
        return grow_box((found[0], found[1], found[2]), (0, beside[0], beside[1]), geometry.shape)

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """[k, j, i]: 1 bone, 2 left out, 3 indeterminate lesion, 4 definite lesion."""
        marks = (self.analysis.skeleton.values > 0).astype(np.uint8)
        for one in self.analysis.excluded:
            marks[one.mask.box][one.mask.voxels] = 2
        for lesion in self.analysis.lesions:
            marks[lesion.mask.box][lesion.mask.voxels] = 4 if lesion.status == "definite" else 3
        return marks

    def slice_rgb(self, plane: Plane, at: Index3, shown: Shown) -> Rgb:
        """The slice of a plane through a voxel, right side and up side as on a workstation.

        Parameters
        ----------
        at : tuple of int
            k, j, i.
        """
        cut: list[int | slice] = list(self.box)
        cut[plane.axis] = at[plane.axis]
        geometry = self.analysis.geometry
        grey = _grey(self.analysis.scan.volume.hu[tuple(cut)], shown.window)
        rgb = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
        _tint(rgb, self.marks[tuple(cut)], shown)
        if shown.crosshair:
            row, column = (at[axis] - self.box[axis].start for axis in (plane.row, plane.column))
            _cross(rgb, row, column)
        pixels = orient(rgb.astype(np.uint8), geometry, plane)
        right_mm, up_mm = (abs(mm) for mm in display_steps_mm(geometry, plane))
        return _lettered(_enlarged(pixels, right_mm, up_mm), plane)

    def slice_png(self, plane: Plane, at: Index3, shown: Shown) -> bytes:
        """The same as PNG."""
        buffer = io.BytesIO()
        Image.fromarray(self.slice_rgb(plane, at, shown)).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def _grey(hu: NDArray[np.generic], window: Window) -> NDArray[np.uint8]:
    share = (hu.astype(np.float32) - window.low_hu) / window.width_hu
    return np.asarray(np.clip(share, 0, 1) * 255, dtype=np.uint8)


def _tint(rgb: NDArray[np.float32], marks: NDArray[np.uint8], shown: Shown) -> None:
    """Lay the colours of masks over grey."""
    layers = (
        (1, BONE_RGB, BONE_FILL, shown.skeleton),
        (2, EXCLUDED_RGB, FILL, shown.excluded),
        (3, INDETERMINATE_RGB, FILL, shown.lesions),
        (4, LESION_RGB, FILL, shown.lesions),
    )
    for mark, colour, fill, wanted in layers:
        if wanted:
            own = marks == mark
            rgb[own] = rgb[own] * (1 - fill) + np.asarray(colour, dtype=np.float32) * fill


def _cross(rgb: NDArray[np.float32], row: int, column: int) -> None:
    """Thin lines through a place that leave the place itself open."""
    gap = max(3, min(rgb.shape[:2]) // 24)
    for line, at in ((rgb[:, column], row), (rgb[row], column)):
        away = np.abs(np.arange(len(line)) - at) > gap
        line[away] = 0.65 * line[away] + 0.35 * np.asarray(CROSSHAIR_RGB, dtype=np.float32)


def _enlarged(pixels: Rgb, right_mm: float, up_mm: float) -> Rgb:
    """Pixels made square, the longer side as wide as a picture."""
    height_mm, width_mm = pixels.shape[0] * up_mm, pixels.shape[1] * right_mm
    scale = LARGEST_PIXELS / max(height_mm, width_mm)
    size = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def _lettered(pixels: Rgb, plane: Plane) -> Rgb:
    """With the letters of the left, the right and the upper border."""
    image = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(LETTER_SIZE)
    width, height = image.size
    left, right, top = plane.marks
    for letter, place, anchor in (
        (left, (4, height / 2), "lm"),
        (right, (width - 4, height / 2), "rm"),
        (top, (width / 2, 3), "mt"),
    ):
        draw.text(place, letter, font=font, anchor=anchor, fill="white", stroke_width=1, stroke_fill="black")
    return np.asarray(image)
