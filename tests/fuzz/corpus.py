"""The good series, once in every transfer syntax that is read, and as multi-frame objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from pipeline.dicom.codecs import encode_jpeg_2000
from tests.fuzz.htj2k import WITH_CALCIUM, WITHOUT_CALCIUM
from tests.fuzz.multiframe import enhanced
from tests.fuzz.multiframe import write as write_multiframe
from tests.series import CALCIUM_HU, good_series, stored

SLICES = slice(1, 9)
"""Eight slices hold all of the calcium and are read in half the time of twelve."""

Write = Callable[[Dataset, Path], None]


def _save(dataset: Dataset, path: Path) -> None:
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dcmwrite(path, dataset, enforce_file_format=True)


def _plain(uid: str) -> Write:
    def write(dataset: Dataset, path: Path) -> None:
        dataset.file_meta.TransferSyntaxUID = UID(uid)
        if uid == ExplicitVRBigEndian:
            dataset.PixelData = stored(dataset).astype(">u2").tobytes()
            dataset["PixelData"].VR = "OW"
        _save(dataset, path)

    return write


def _encapsulated(uid: str, encode: Callable[[NDArray[np.uint16]], bytes]) -> Write:
    def write(dataset: Dataset, path: Path) -> None:
        frame = encode(stored(dataset))
        dataset.file_meta.TransferSyntaxUID = UID(uid)
        dataset.PixelData = encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        _save(dataset, path)

    return write


def _rle(dataset: Dataset, path: Path) -> None:
    dataset.compress(RLELossless, generate_instance_uid=False)
    _save(dataset, path)


def _jpeg_ls(values: NDArray[np.uint16]) -> bytes:
    import jpeg_ls

    return bytes(jpeg_ls.encode_array(values))


def _gdcm_lossless(uid: str) -> Write:
    """JPEG lossless, written by the library that is to read it: none other here writes it."""

    def write(dataset: Dataset, path: Path) -> None:
        import gdcm

        plain = path.with_name(f".{path.name}.plain")
        _plain("1.2.840.10008.1.2.1")(dataset, plain)
        reader: Any = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        if not reader.Read():
            raise RuntimeError("gdcm cannot read a good slice")
        change = gdcm.ImageChangeTransferSyntax()
        kind = {
            "57": gdcm.TransferSyntax.JPEGLosslessProcess14,
            "70": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        }
        change.SetTransferSyntax(gdcm.TransferSyntax(kind[uid[-2:]]))
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError("gdcm cannot encode")
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        if not writer.Write():
            raise RuntimeError("gdcm cannot write")
        plain.unlink()

    return write


def _htj2k(values: NDArray[np.uint16]) -> bytes:
    return WITH_CALCIUM if values.max() == CALCIUM_HU + 1024 else WITHOUT_CALCIUM


def _jpeg_2000(values: NDArray[np.uint16]) -> bytes:
    return encode_jpeg_2000(values, bits_stored=12)


WRITERS: dict[str, Write] = {
    "implicit": _plain(ImplicitVRLittleEndian),
    "explicit": _plain("1.2.840.10008.1.2.1"),
    "big_endian": _plain(ExplicitVRBigEndian),
    "deflated": _plain(DeflatedExplicitVRLittleEndian),
    "rle": _rle,
    "jpeg_57": _gdcm_lossless("1.2.840.10008.1.2.4.57"),
    "jpeg_70": _gdcm_lossless("1.2.840.10008.1.2.4.70"),
    "jpeg_ls": _encapsulated("1.2.840.10008.1.2.4.80", _jpeg_ls),
    "jpeg_ls_near": _encapsulated("1.2.840.10008.1.2.4.81", _jpeg_ls),
    "jpeg_2000": _encapsulated("1.2.840.10008.1.2.4.90", _jpeg_2000),
    "jpeg_2000_any": _encapsulated("1.2.840.10008.1.2.4.91", _jpeg_2000),
    "htj2k": _encapsulated("1.2.840.10008.1.2.4.201", _htj2k),
    "htj2k_rpcl": _encapsulated("1.2.840.10008.1.2.4.202", _htj2k),
    "htj2k_any": _encapsulated("1.2.840.10008.1.2.4.203", _htj2k),
}


def corpus(folder: Path) -> dict[str, list[bytes]]:
    """The files of a good series, by syntax."""
    folder.mkdir(parents=True, exist_ok=True)
    series = {name: _files(write, folder) for name, write in WRITERS.items()}
    for name, compress in (("enhanced", False), ("enhanced_jpeg_2000", True)):
        file = write_multiframe(enhanced(good_series()[SLICES], compress=compress), folder)
        series[name] = [file.read_bytes()]
    return series


def _files(write: Write, folder: Path) -> list[bytes]:
    files = []
    for dataset in good_series()[SLICES]:
        write(dataset, folder / "slice")
        files.append((folder / "slice").read_bytes())
    return files


def put(files: Sequence[bytes], folder: Path) -> Path:
    """Write the files of a series into a folder of its own."""
    folder.mkdir()
    for n, data in enumerate(files):
        (folder / f"im{n:03d}").write_bytes(data)
    return folder
