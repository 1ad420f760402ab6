"""A series as one enhanced multi-frame object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import JPEG2000Lossless

from pipeline.dicom.codecs import encode_jpeg_2000
from tests.series import stored

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
