"""Row 41 of the fault list: whatever a compressed frame does to its decoder, the parent goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from pipeline.dicom import decoders
from pipeline.dicom.codecs import encode_jpeg_2000
from pipeline.dicom.headers import PixelFormat
from pipeline.errors import InputRefused
from tests.series import Read, Refuse, box_hu, good_series, stored

JPEG_2000 = "1.2.840.10008.1.2.4.90"
JPEG_LS = "1.2.840.10008.1.2.4.80"


def form(syntax: str) -> PixelFormat:
    return PixelFormat(syntax, 1, "MONOCHROME2", 1, 16, 12, 11, False, True, None, False, "")


def picture() -> NDArray[np.uint16]:
    return (np.add.outer(np.arange(32), np.arange(40)) * 7).astype(np.uint16)


def encoded_jpeg_ls(values: NDArray[np.uint16]) -> bytes:
    import jpeg_ls

    return bytes(jpeg_ls.encode_array(values))


@pytest.fixture
def own_decoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[decoders.Decoders]:
    pool = decoders.Decoders()
    monkeypatch.setattr(decoders, "shared_decoders", lambda: pool)
    yield pool
    pool.close()


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if any("decode_child" in word for word in p.cmdline())]


def refusal(frame: bytes, shape: tuple[int, int], syntax: str) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        decoders.decode_frame(frame, shape, form(syntax))
    assert caught.value.code == "DECODER_FAILED"
    return caught.value


def test_frame_is_decoded_without_loss(own_decoders: decoders.Decoders) -> None:
    for syntax, frame in (
        (JPEG_2000, encode_jpeg_2000(picture(), bits_stored=12)),
        (JPEG_LS, encoded_jpeg_ls(picture())),
    ):
        assert np.array_equal(decoders.decode_frame(frame, (32, 40), form(syntax)), picture())


def test_fault_41_codestream_that_never_ends_is_killed(
    own_decoders: decoders.Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "FRAME_LIMIT_S", 1.5)
    frame = bytearray(encoded_jpeg_ls(picture()))
    frame[8] = 0
    started = time.monotonic()
    refusal(bytes(frame), (32, 40), JPEG_LS)
    assert time.monotonic() - started < decoders.PATIENCE * 1.5
    good = encode_jpeg_2000(picture(), bits_stored=12)
    assert np.array_equal(decoders.decode_frame(good, (32, 40), form(JPEG_2000)), picture())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer of processor time")
def test_fault_41_child_that_works_for_ever_is_ended_and_the_reason_told(
    own_decoders: decoders.Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = (
        "from pipeline.dicom import decode_child as c; c.decode = lambda *_: any(iter(int, 1)); c.main()"
    )
    popen = subprocess.Popen

    def without_end(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        return popen([*command[: command.index("-m")], "-c", endless], **how)

    monkeypatch.setattr(decoders.subprocess, "Popen", without_end)
    monkeypatch.setattr(decoders, "FRAME_LIMIT_S", 0.5)
    frame = encode_jpeg_2000(picture(), bits_stored=12)
    assert "time limit" in str(refusal(frame, (32, 40), JPEG_2000))


def decoder_at_rest() -> tuple[bytes, psutil.Process]:
    """A frame that is decoded well, and the process that has decoded it, suspended."""
    good = encode_jpeg_2000(picture(), bits_stored=12)
    before = {p.pid for p in children()}
    decoders.decode_frame(good, (32, 40), form(JPEG_2000))
    (own,) = [p for p in children() if p.pid not in before]
    own.suspend()
    return good, own


def test_time_that_others_take_is_not_counted(
    own_decoders: decoders.Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, own = decoder_at_rest()
    threading.Timer(1.5, own.resume).start()
    monkeypatch.setattr(decoders, "FRAME_LIMIT_S", 1.0)
    assert np.array_equal(decoders.decode_frame(good, (32, 40), form(JPEG_2000)), picture())


def test_fault_41_hung_child_is_killed(
    own_decoders: decoders.Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, _ = decoder_at_rest()
    monkeypatch.setattr(decoders, "FRAME_LIMIT_S", 1.0)
    assert "time limit" in str(refusal(good, (32, 40), JPEG_2000))
    assert np.array_equal(decoders.decode_frame(good, (32, 40), form(JPEG_2000)), picture())


def test_fault_41_dead_child_is_replaced(own_decoders: decoders.Decoders) -> None:
    good = encode_jpeg_2000(picture(), bits_stored=12)
    before = {p.pid for p in children()}
    decoders.decode_frame(good, (32, 40), form(JPEG_2000))
    (own,) = [p for p in children() if p.pid not in before]
    own.kill()
    assert np.array_equal(decoders.decode_frame(good, (32, 40), form(JPEG_2000)), picture())


def test_codestream_of_another_size_than_the_header_is_refused(own_decoders: decoders.Decoders) -> None:
    for syntax, frame in (
        (JPEG_2000, encode_jpeg_2000(picture(), bits_stored=12)),
        (JPEG_LS, encoded_jpeg_ls(picture())),
    ):
        refusal(frame, (32, 41), syntax)
        refusal(frame[:60], (32, 40), syntax)
        refusal(b"", (32, 40), syntax)


def test_codestream_that_claims_a_huge_image_allocates_nothing(own_decoders: decoders.Decoders) -> None:
    frame = bytearray(encode_jpeg_2000(picture(), bits_stored=12))
    at = frame.find(b"\xff\x51")
    frame[at + 6 : at + 14] = (30_000).to_bytes(4, "big") * 2
    refusal(bytes(frame), (32, 40), JPEG_2000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to a limit of address space")
def test_fault_41_child_gets_no_more_memory_than_allowed() -> None:
    words = "from pipeline.dicom.decode_child import limit_itself; limit_itself(); bytearray(2**31)"
    result = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "MemoryError" in result.stderr


def test_compressed_series_is_read_in_order(read: Read) -> None:
    series = good_series()
    for d in series:
        frame = encode_jpeg_2000(stored(d), bits_stored=12)
        d.file_meta.TransferSyntaxUID = UID(JPEG_2000)
        d.PixelData = encapsulate([frame])
        d["PixelData"].VR = "OB"
        d["PixelData"].is_undefined_length = True
    assert np.array_equal(read(series).volume.hu, box_hu())


def test_matrix_larger_than_any_scanner_is_refused_before_decoding(refuse: Refuse) -> None:
    series = good_series()
    for d in series:
        d.Rows = d.Columns = 30_000
    assert refuse(series) == "RESOURCE_LIMIT"
