"""Damaged NIfTI headers end in the right volume or a named refusal."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.errors import InputRefused
from pipeline.nifti import read_volume, write_volume
from tests.series import CALCIUM_MM3, ORIGIN_LPS_MM, SPACING_MM, box_hu, calcium_mm3

COUNT = 2000
HEADER_BYTES = 352
WORDS = [struct.pack("<f", value) for value in (0.0, 1.0, -1.0, float("nan"), float("inf"))]
WORDS += [struct.pack("<i", value) for value in (1, -1)]
SHORTS = [0, 1, 2, 3, -1, 256, 32767]


def damaged(good: bytes, rng: random.Random) -> bytes:
    """A byte, a word or a short of the header replaced, or the file cut; one to three times."""
    data = bytearray(good)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind, at = rng.random(), rng.randrange(HEADER_BYTES)
        if kind < 0.4:
            data[at] = rng.randrange(256)
        elif kind < 0.8:
            data[at & ~3 : (at & ~3) + 4] = rng.choice(WORDS)
        elif kind < 0.9:
            data[at & ~1 : (at & ~1) + 2] = struct.pack("<h", rng.choice(SHORTS))
        else:
            return bytes(data[: rng.randrange(len(data))])
    return bytes(data)


def test_damaged_headers_end_in_the_right_volume_or_a_named_refusal(tmp_path: Path) -> None:
    geometry = Geometry.from_spacing(box_hu().shape, spacing_mm=SPACING_MM, origin_lps_mm=ORIGIN_LPS_MM)
    file = tmp_path / "ct.nii"
    write_volume(CTVolume(box_hu(), geometry), file)
    good, refused = file.read_bytes(), 0
    for n in range(COUNT):
        file.write_bytes(damaged(good, random.Random(n)))
        try:
            scan = read_volume(file)
        except InputRefused:
            refused += 1
            continue
        assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3, rel=1e-3), n
    assert refused > COUNT / 4
