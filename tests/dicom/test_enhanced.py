"""Enhanced multi-frame CT: each frame by its own position, rescale and spacing, in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import JPEG2000Lossless

from pipeline.dicom.codecs import encode_jpeg_2000
from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import CALCIUM_MM3, box_hu, calcium_mm3, flag_codes, good_series, stored

PER_FRAME = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
}
SHARED = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "CTXRayDetailsSequence": ("KVP",),
    "CTReconstructionSequence": ("ConvolutionKernel",),
}


def item(source: Dataset, names: Sequence[str]) -> Items:
    """A sequence of one item holding some elements of a slice."""
    one = Dataset()
    for name in names:
        one.add(source[name])
    return Items([one])


def groups(source: Dataset, kinds: dict[str, tuple[str, ...]]) -> Dataset:
    """The functional groups a slice's elements belong to."""
    result = Dataset()
    for sequence, names in kinds.items():
        setattr(result, sequence, item(source, names))
    return result


def enhanced(series: Sequence[Dataset], *, compress: bool = False) -> Dataset:
    """The same images as frames of one object, in the order given (PS3.3 A.38)."""
    d = Dataset()
    d.update(series[0])
    d.file_meta = series[0].file_meta
    d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    d.SOPInstanceUID = "1.2.3.4.5"
    for names in (*PER_FRAME.values(), *SHARED.values()):
        for name in names:
            delattr(d, name)
    d.NumberOfFrames = len(series)
    d.SharedFunctionalGroupsSequence = Items([groups(series[0], SHARED)])
    own = [groups(s, PER_FRAME) for s in series]
    for one in own:
        content, kind = Dataset(), Dataset()
        content.FrameAcquisitionNumber = 1
        kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        one.FrameContentSequence, one.CTImageFrameTypeSequence = Items([content]), Items([kind])
    d.PerFrameFunctionalGroupsSequence = Items(own)
    d.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    if compress:
        d.file_meta.TransferSyntaxUID = JPEG2000Lossless
        d.PixelData = encapsulate([encode_jpeg_2000(stored(s), bits_stored=12) for s in series])
        d["PixelData"].VR = "OB"
        d["PixelData"].is_undefined_length = True
    else:
        d.PixelData = b"".join(s.PixelData for s in series)
    return d


def write(dataset: Dataset, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dcmwrite(folder / "enhanced", dataset, enforce_file_format=True)
    return folder / "enhanced"


@pytest.mark.parametrize("compress", [False, True])
def test_shuffled_frames_are_put_in_order_by_position(tmp_path: Path, compress: bool) -> None:
    series = good_series()
    random.Random(5).shuffle(series)
    scan = read_scan(write(enhanced(series, compress=compress), tmp_path))
    assert np.array_equal(scan.volume.hu, box_hu())
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert (scan.acquisition.kvp, scan.acquisition.kernel) == (120.0, "B30f")
    assert scan.flags == ()


def test_rescale_of_each_frame_is_its_own(tmp_path: Path) -> None:
    series = good_series()
    for n, d in enumerate(series):
        d.PixelData = (stored(d) + n).tobytes()
        d.RescaleIntercept = str(-1024 - n)
    assert np.array_equal(read_scan(write(enhanced(series), tmp_path)).volume.hu, box_hu())


def refused(dataset: Dataset, folder: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_scan(write(dataset, folder))
    return caught.value.code


def test_missing_frame_is_refused(tmp_path: Path) -> None:
    series = good_series()
    del series[6]
    assert refused(enhanced(series), tmp_path) == "MISSING_SLICES"


def test_frame_without_position_is_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    del d.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    assert refused(d, tmp_path) == "BAD_GEOMETRY"


def test_missing_rescale_is_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    del d.PerFrameFunctionalGroupsSequence[3].PixelValueTransformationSequence
    assert refused(d, tmp_path) == "NO_RESCALE"


@pytest.mark.parametrize("compress", [False, True])
def test_fewer_frames_than_named_are_refused(tmp_path: Path, compress: bool) -> None:
    series = good_series()
    d = enhanced(series, compress=compress)
    short = enhanced(good_series()[:-1], compress=compress)
    d.PixelData = short.PixelData
    assert refused(d, tmp_path) == "TRUNCATED"


def test_two_phases_in_one_file_are_refused(tmp_path: Path) -> None:
    series = good_series()
    phase = good_series()
    for d in phase:
        d.PixelData = (stored(d) + 7).tobytes()
    assert refused(enhanced([*series, *phase]), tmp_path) == "AMBIGUOUS_SERIES"


def test_projection_frames_are_refused(tmp_path: Path) -> None:
    d = enhanced(good_series())
    for one in d.PerFrameFunctionalGroupsSequence:
        one.CTImageFrameTypeSequence[0].FrameType = ["DERIVED", "PRIMARY", "VOLUME", "MAX_IP"]
    assert refused(d, tmp_path) == "NOT_PRIMARY"


def test_groups_of_other_number_than_frames_are_listed_as_damaged(tmp_path: Path) -> None:
    d = enhanced(good_series())
    d.NumberOfFrames = 11
    assert refused(d, tmp_path) == "NO_CT"
    assert flag_codes(read_scan(write(enhanced(good_series()), tmp_path))) == set()
