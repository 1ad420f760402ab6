"""NIfTI files that contradict themselves, or are cut, are refused instead of mended in silence."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.errors import InputRefused
from pipeline.nifti import read_volume, write_volume
from tests.series import CALCIUM_MM3, ORIGIN_LPS_MM, SPACING_MM, box_hu, calcium_mm3

NAN, INFINITE = float("nan"), float("inf")
FIELDS = {
    "dim": (40, "8h"),
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "scl": (112, "2f"),
    "units": (123, "B"),
    "codes": (252, "2h"),
    "quaternion": (256, "3f"),
    "offset": (268, "3f"),
    "sform_x": (280, "4f"),
    "magic": (344, "4s"),
}
"""Where the fields of NIfTI-1 lie (nifti1.h)."""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    geometry = Geometry.from_spacing(box_hu().shape, spacing_mm=SPACING_MM, origin_lps_mm=ORIGIN_LPS_MM)
    write_volume(CTVolume(box_hu(), geometry), tmp_path / "ct.nii")
    return tmp_path / "ct.nii"


def put(file: Path, name: str, *values: Any) -> None:
    """Change a field of the header."""
    data = bytearray(file.read_bytes())
    offset, form = FIELDS[name]
    struct.pack_into("<" + form, data, offset, *values)
    file.write_bytes(data)


def get(file: Path, name: str) -> tuple[Any, ...]:
    offset, form = FIELDS[name]
    return struct.unpack_from("<" + form, file.read_bytes(), offset)


REFUSED = [
    ("codes", (0, 0), "BAD_GEOMETRY"),
    ("sform_x", (-2.0, 0.0, 0.0, 20.0), "BAD_GEOMETRY"),
    ("sform_x", (1.0, 0.0, 0.0, 20.0), "BAD_GEOMETRY"),
    ("sform_x", (-1.0, 0.0, 0.0, 40.0), "BAD_GEOMETRY"),
    ("sform_x", (-1.0, 0.2, 0.0, 20.0), "BAD_GEOMETRY"),
    ("sform_x", (NAN, 0.0, 0.0, 20.0), "BAD_GEOMETRY"),
    ("sform_x", (-1.0, 0.0, 0.0, INFINITE), "BAD_GEOMETRY"),
    ("quaternion", (1.0, 1.0, 1.0), "BAD_GEOMETRY"),
    ("quaternion", (NAN, 0.0, 0.0), "BAD_GEOMETRY"),
    ("pixdim", (1, 0, 0.75, 3, 0, 0, 0, 0), "BAD_GEOMETRY"),
    ("pixdim", (1, -1, 0.75, 3, 0, 0, 0, 0), "BAD_GEOMETRY"),
    ("pixdim", (1, NAN, 0.75, 3, 0, 0, 0, 0), "BAD_GEOMETRY"),
    ("units", (1,), "BAD_GEOMETRY"),
    ("units", (3,), "BAD_GEOMETRY"),
    ("units", (5,), "BAD_GEOMETRY"),
    ("scl", (INFINITE, 0.0), "HU_IMPLAUSIBLE"),
    ("scl", (1e-30, 0.0), "HU_IMPLAUSIBLE"),
    ("scl", (1.0, NAN), "HU_IMPLAUSIBLE"),
    ("scl", (2.0, 0.0), "HU_IMPLAUSIBLE"),
    ("dim", (0, 40, 32, 12, 1, 1, 1, 1), "NOT_A_VOLUME"),
    ("dim", (8, 40, 32, 12, 1, 1, 1, 1), "NOT_A_VOLUME"),
    ("dim", (3, 40, -32, 12, 1, 1, 1, 1), "NOT_A_VOLUME"),
    ("dim", (2, 40, 384, 1, 1, 1, 1, 1), "NOT_A_VOLUME"),
    ("dim", (4, 40, 32, 6, 2, 1, 1, 1), "NOT_A_VOLUME"),
    ("dim", (3, 40, 32, 13, 1, 1, 1, 1), "TRUNCATED"),
    ("dim", (3, 40, 32, 3, 1, 1, 1, 1), "TRUNCATED"),
    ("pixdim", (1, 1.001, 0.75, 3, 0, 0, 0, 0), "BAD_GEOMETRY"),
    ("scl", (1.0, -1e17), "HU_IMPLAUSIBLE"),
    ("dim", (3, 4096, 4096, 4096, 1, 1, 1, 1), "RESOURCE_LIMIT"),
    ("datatype", (32,), "NOT_A_VOLUME"),
    ("datatype", (128,), "NOT_A_VOLUME"),
    ("datatype", (8,), "UNREADABLE"),
    ("vox_offset", (1e9,), "TRUNCATED"),
    ("vox_offset", (NAN,), "UNREADABLE"),
    ("vox_offset", (0.0,), "UNREADABLE"),
    ("scl", (0.0, 5.0), "HU_IMPLAUSIBLE"),
    ("magic", (b"ni1\0",), "UNREADABLE"),
    ("magic", (b"\0\0\0\0",), "UNREADABLE"),
]


@pytest.mark.parametrize(("name", "values", "code"), REFUSED)
def test_a_header_that_cannot_be_trusted_is_refused(
    name: str, values: tuple[Any, ...], code: str, good: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    put(good, name, *values)
    with pytest.raises(InputRefused) as caught:
        read_volume(good)
    assert caught.value.code == code
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scl", (NAN, NAN)),
        ("scl", (0.0, 0.0)),
        ("units", (0,)),
        ("codes", (1, 0)),
        ("codes", (0, 1)),
        ("dim", (4, 40, 32, 12, 1, 1, 1, 1)),
    ],
)
def test_what_is_customary_is_read(name: str, values: tuple[Any, ...], good: Path) -> None:
    put(good, name, *values)
    scan = read_volume(good)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)


def test_a_file_cut_in_its_values_is_refused_and_not_filled_with_water(good: Path) -> None:
    good.write_bytes(good.read_bytes()[:-200])
    with pytest.raises(InputRefused) as caught:
        read_volume(good)
    assert caught.value.code == "TRUNCATED"


def test_a_short_stream_that_claims_a_huge_volume_is_refused_before_it_is_allocated(good: Path) -> None:
    put(good, "dim", 3, 1000, 1000, 1000, 1, 1, 1, 1)
    packed = good.with_name("ct.nii.gz")
    packed.write_bytes(gzip.compress(good.read_bytes()))
    with pytest.raises(InputRefused) as caught:
        read_volume(packed)
    assert caught.value.code == "TRUNCATED"


def test_the_fields_of_the_good_file_are_where_the_test_changes_them(good: Path) -> None:
    assert get(good, "dim")[:4] == (3, 40, 32, 12)
    assert get(good, "sform_x") == (-1.0, 0.0, 0.0, 20.0)
    assert get(good, "magic") == (b"n+1\0",)
