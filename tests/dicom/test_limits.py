"""Rows 40, 43 and 44 of the fault list: hostile files cost seconds, and reach nothing."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.dicom.discover import discover
from pipeline.dicom.elements import Encoding, Walk
from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import box_hu, flag_codes, good_series, set_text, write_series

UNDEFINED = 0xFFFFFFFF
SEQUENCE = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, UNDEFINED)
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
EMPTY_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)


def with_length(value: bytes) -> bytes:
    return struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, len(value)) + value


def nested_with_lengths(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = with_length(struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value)
    return value


HEADERS = {
    "a_million_items": lambda: SEQUENCE + EMPTY_ITEM * 1_000_000 + SEQUENCE_END,
    "a_million_items_with_a_length": lambda: with_length(EMPTY_ITEM * 1_000_000),
    "nested_20000": lambda: (SEQUENCE + ITEM) * 20_000 + (ITEM_END + SEQUENCE_END) * 20_000,
    "nested_2000_with_lengths": lambda: nested_with_lengths(2000),
}


def put_into_header(file: Path, elements: bytes) -> None:
    """Put elements in front of the first of a file."""
    data = file.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    file.write_bytes(data[:start] + elements + data[start:])


@pytest.fixture
def within_limits() -> Iterator[None]:
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    yield
    assert time.monotonic() - started < 10
    assert psutil.Process().memory_info().rss - before < 2**31


def code_of(path: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.usefixtures("within_limits")
@pytest.mark.parametrize("make", HEADERS.values(), ids=HEADERS.keys())
def test_fault_40_header_without_end_is_refused(tmp_path: Path, make: Callable[[], bytes]) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    put_into_header(folder / "im004", make())
    assert code_of(folder) == "RESOURCE_LIMIT"


@pytest.mark.parametrize("sop_class_uid", ["1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.1.66.4"])
def test_a_large_object_of_another_kind_beside_the_series_is_left_aside(
    tmp_path: Path, sop_class_uid: str
) -> None:
    stranger = good_series()[0]
    stranger.SOPClassUID, stranger.SOPInstanceUID = sop_class_uid, "1.2.3.4"
    folder = write_series([*good_series(), stranger], tmp_path / "s")
    put_into_header(folder / "im012", HEADERS["a_million_items"]())
    assert np.array_equal(read_scan(folder).volume.hu, box_hu())
    assert [one.name for one in discover(folder).skipped] == ["im012"]


def bomb(path: Path, *, members: int, member_bytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for n in range(members):
            archive.writestr(f"im{n}", bytes(member_bytes))
    return path


@pytest.mark.usefixtures("within_limits")
def test_fault_40_zip_bomb_is_refused(tmp_path: Path) -> None:
    assert code_of(bomb(tmp_path / "a.zip", members=2, member_bytes=2**27)) == "RESOURCE_LIMIT"


@pytest.mark.usefixtures("within_limits")
def test_fault_40_zip_of_many_small_bombs_is_refused(tmp_path: Path) -> None:
    assert code_of(bomb(tmp_path / "a.zip", members=35, member_bytes=2**25)) == "RESOURCE_LIMIT"


@pytest.mark.usefixtures("within_limits")
def test_fault_40_zip_whose_files_share_bytes_is_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.zip", members=1, member_bytes=2**22)
    data = path.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    entry, record = data[start:end], bytearray(data[end:])
    record[8:12] = (40).to_bytes(2, "little") * 2
    record[12:16] = (40 * len(entry)).to_bytes(4, "little")
    path.write_bytes(data[:start] + entry * 40 + record)
    assert code_of(path) == "RESOURCE_LIMIT"


@pytest.mark.usefixtures("within_limits")
def test_fault_40_zip_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.zip", members=3, member_bytes=10)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = (2**26).to_bytes(4, "little")
    path.write_bytes(data)
    assert code_of(path) == "RESOURCE_LIMIT"


def test_fault_40_zip_slip_writes_nothing(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"../../{file.name}")
    before = sorted(tmp_path.rglob("*"))
    assert np.array_equal(read_scan(tmp_path / "slip.zip").volume.hu, box_hu())
    assert sorted(tmp_path.rglob("*")) == before
    assert not any((place / "im000").exists() for place in (tmp_path.parent, tmp_path.parents[1], Path.cwd()))


def test_fault_40_series_beyond_any_memory_is_refused(tmp_path: Path) -> None:
    series = good_series() * 9
    for d in series:
        d.Rows = d.Columns = 4096
    many = write_series(series, tmp_path / "s")
    for n, file in enumerate(sorted(many.iterdir())):
        file.write_bytes(file.read_bytes().replace(b"2.25.", f"2.{n:02}".encode()[:5].ljust(5, b"0")))
    assert code_of(many) == "RESOURCE_LIMIT"


@pytest.mark.parametrize("magic", [b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh\n"])
def test_fault_44_executable_preamble_is_flagged(tmp_path: Path, magic: bytes) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    file = folder / "im003"
    file.write_bytes(magic + file.read_bytes()[len(magic) :])
    scan = read_scan(folder)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"EXECUTABLE_PREAMBLE"}


HOSTILE = ("../../x", "=cmd|'/c calc'!A1", "<img src=x onerror=alert(1)>", "\x1b[2J\r\nFAKE", "山田^太郎 عمر")


@pytest.mark.parametrize("text", HOSTILE)
def test_fault_43_hostile_texts_reach_no_value(tmp_path: Path, text: str) -> None:
    series = good_series()
    for d in series:
        d.SpecificCharacterSet = "ISO_IR 192"
        for keyword in ("PatientID", "PatientName", "Manufacturer", "ConvolutionKernel"):
            set_text(d, keyword, text)
    scan = read_scan(write_series(series, tmp_path / "s"))
    acquisition = scan.acquisition
    assert np.array_equal(scan.volume.hu, box_hu())
    assert len(acquisition.patient_key or "") == 16
    shown = f"{acquisition.manufacturer}{acquisition.kernel}"
    assert not set(shown) & set("\x1b\r\n<>|'")
    assert shown[:1] not in ("=", "+", "-", "@")


def test_walk_leaves_sequences_of_every_form_behind() -> None:
    inside = struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2) + b"\x63\0"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inside)) + inside
    rows = struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2) + b"\x20\0"
    unknown = struct.pack("<HH2sHI", 0x0009, 0x1010, b"UN", 0, UNDEFINED)
    implicit = struct.pack("<HHI", 0x0028, 0x0010, 2) + b"\x63\0"
    for elements in (
        with_length(item),
        SEQUENCE + item + SEQUENCE_END,
        SEQUENCE + ITEM + inside + ITEM_END + SEQUENCE_END,
        unknown + ITEM + implicit + ITEM_END + SEQUENCE_END,
    ):
        walk = Walk(BytesIO(elements + rows), Encoding(), frozenset({0x00280010}))
        walk.run()
        assert walk.values == {0x00280010: b"\x20\0"}
        assert walk.offset == len(elements + rows)


def test_file_names_never_reach_the_reasons(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    (folder / "Paula Box.txt").write_text("x")
    assert all("Paula" not in one.reason for one in discover(folder).skipped)
