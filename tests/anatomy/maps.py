"""Label maps of the two shafts, as files of several kinds."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import LabelMap
from pipeline.nifti import write_label_map
from tests.builders import ball, centred_grid, coordinates_mm, cylinder

GRID = centred_grid((24, 88, 112))
NAMES = {1: "femur_right", 2: "femur_left", 3: "sacrum", 4: "colon", 5: "iliac_artery_left"}
BOWEL, VESSEL = (0.0, 24.0, 8.0), (-4.0, -28.0)
"""Centre of a loop of bowel of 6 mm; x and y of an artery of 5 mm along z."""


def shafts(geometry: Geometry = GRID) -> NDArray[np.uint8]:
    """The bones of `pelvis_of_two_shafts` (x to the left), a loop of bowel and an artery."""
    values = np.zeros(geometry.shape, np.uint8)
    x, y, z = coordinates_mm(geometry)
    bar = (np.hypot(y, z + 12) <= 8) & (np.abs(x) <= 24)
    values[bar] = 3
    values[cylinder(geometry, -24.0, 0.0, 9.0) <= 0] = 1
    values[cylinder(geometry, 24.0, 0.0, 9.0) <= 0] = 2
    values[ball(geometry, BOWEL, 6.0) <= 0] = 4
    values[cylinder(geometry, *VESSEL, 5.0) <= 0] = 5
    return values


def label_map(values: NDArray[np.uint8], geometry: Geometry = GRID) -> LabelMap:
    return LabelMap(values, geometry, NAMES)


def caret_extension(names: Mapping[int, str]) -> bytes:
    """The extension that TotalSegmentator writes (nifti1.h: flag, then size and code, then content)."""
    labels = "".join(f'<Label Key="{k}" Red="0.0"><![CDATA[{v}]]></Label>\n' for k, v in names.items())
    table = f"<CaretExtension><LabelTable>\n{labels}</LabelTable></CaretExtension>"
    text = f'<?xml version="1.0"?>{table}'.encode()
    text += b" " * (-(len(text) + 8) % 16)
    return b"\x01\0\0\0" + struct.pack("<2i", len(text) + 8, 0) + text


def nifti_with(path: Path, extension: bytes, labels: LabelMap | None = None) -> Path:
    """A NIfTI file of labels with an extension put between its header and its values."""
    plain = path.with_name("plain.nii")
    write_label_map(labels or label_map(shafts()), plain)
    content = plain.read_bytes()
    plain.unlink()
    start = struct.pack("<f", 348 + max(4, len(extension)))
    content = content[:108] + start + content[112:348] + (extension or b"\0" * 4) + content[352:]
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path
