"""``lesions.seg.dcm``: the outlines of the lesions as a binary DICOM Segmentation (PS3.3 A.51).

highdicom makes the modules. It would visit every segment on every plane of the scan, which takes a minute for
generalised disease; so it is shown one plane, and the frames are put in here from the box of each lesion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import SegmentationStorage

from pipeline.dicom import codes
from pipeline.dicom.identity_out import uid_of
from pipeline.dicom.objects import (
    MANUFACTURER,
    MODEL,
    Origin,
    decimals,
    head_of,
    save,
    settled,
)
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis
from pipeline.domain.lesion import Lesion

SERIES_NUMBER = 9801
DESCRIPTION = "RESEARCH calcinosis outlines"
COLOURS = (
    (62.0, 32.0, 48.0),
    (52.0, 57.0, -52.0),
    (70.0, -12.0, -34.0),
    (78.0, -13.0, 52.0),
    (48.0, 50.0, 20.0),
    (61.0, -44.0, 24.0),
)
"""L*, a*, b*: orange, magenta, blue, yellow, red, green in turn. Some viewers show no segment without one;
where it is no colour of a screen, dcmqi writes numbers that it cannot read."""
SEG_CLASS_UID = str(SegmentationStorage)


@dataclass(frozen=True, slots=True)
class Written:
    """An object that another one refers to."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, eq=False, slots=True)
class _Frame:
    """One segment on one plane."""

    segment: int  #: from 1
    plane: int  #: of the stack, from 0
    box: tuple[slice, slice]  #: rows and columns that hold all of it
    pixels: NDArray[np.bool_]  #: within the box


def write_seg(analysis: Analysis, origin: Origin, writing: Writing, file: Path) -> Written:
    """Write one segment for each lesion, numbered as the lesions are, on the grid of the source images.

    A lesion has frames only where it is.

    Raises
    ------
    ValueError
        Without lesions: a SEG needs a segment.
    """
    if not analysis.lesions:
        raise ValueError("no lesion, no segments")
    dataset = _modules(analysis, origin, writing)
    frames = list(_frames(analysis, origin))
    planes = sorted({one.plane for one in frames})
    place = {plane: n for n, plane in enumerate(planes, start=1)}
    own = [_groups(one, place[one.plane], origin) for one in frames]
    dataset.PerFrameFunctionalGroupsSequence = Items(own)
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = _packed(frames, origin.rows, origin.columns)
    dataset.ReferencedSeriesSequence = Items([_referenced_series(planes, origin)])
    _settle_dimensions(dataset, origin)
    return Written(SEG_CLASS_UID, *save(dataset, file))


def _modules(analysis: Analysis, origin: Origin, writing: Writing) -> Dataset:
    """Everything but the frames."""
    between, *in_plane = decimals(origin.spacing_mm())
    shown = np.zeros((1, origin.rows, origin.columns), dtype=np.uint16)
    shown[0, 0, 0] = 1
    made = hd.seg.Segmentation(
        source_images=[origin.plane(0)],
        pixel_array=shown,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(one, writing) for one in analysis.lesions],
        series_number=SERIES_NUMBER,
        pixel_measures=hd.PixelMeasuresSequence(in_plane, between, spacing_between_slices=between),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", decimals(origin.orientation())),
        plane_positions=[hd.PlanePositionSequence("PATIENT", decimals(origin.position_mm(0)))],
        content_label="CALCINOSIS",
        content_description=DESCRIPTION,
        series_description=DESCRIPTION,
        **head_of(origin, writing),
    )
    dataset = settled(made, origin.context)
    del dataset.SourceImageSequence  # the one plane that was shown
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].SpacingBetweenSlices = between  # highdicom takes one plane for 1 mm
    if "SegmentIdentificationSequence" in shared:  # of a single segment
        del shared.SegmentIdentificationSequence
    return dataset


def _segment(lesion: Lesion, writing: Writing) -> hd.seg.SegmentDescription:
    name, uid = writing.tracking(lesion)
    by_hand = lesion.source == "edited"
    algorithm = hd.AlgorithmIdentificationSequence(
        name=MODEL, family=codes.ALGORITHM_FAMILY, version=writing.version, source=MANUFACTURER
    )
    region = codes.SITES.get(lesion.site.code or "")
    return hd.seg.SegmentDescription(
        segment_number=lesion.id,
        segment_label=f"lesion {lesion.id}",
        segmented_property_category=codes.CATEGORY,
        segmented_property_type=codes.CALCIFICATION,
        algorithm_type="SEMIAUTOMATIC" if by_hand else "AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=uid,
        tracking_id=name,
        anatomic_regions=None if region is None else [region],
        display_color=hd.color.CIELabColor(*COLOURS[(lesion.id - 1) % len(COLOURS)]),
    )


def _frames(analysis: Analysis, origin: Origin) -> Iterator[_Frame]:
    """Each lesion's planes in the order of the stack."""
    for lesion in analysis.lesions:
        voxels, (plane, row, column) = origin.placed(lesion.mask)
        _, height, width = voxels.shape
        box = (slice(row, row + height), slice(column, column + width))
        yield from (_Frame(lesion.id, plane + n, box, one) for n, one in enumerate(voxels) if one.any())


def _packed(frames: list[_Frame], rows: int, columns: int) -> bytes:
    """One bit for each pixel, the first in the lowest, frames without gaps between (PS3.5 8.1.1)."""
    packed, left = bytearray(), np.zeros(0, dtype=bool)
    for one in frames:
        picture = np.zeros((rows, columns), dtype=bool)
        picture[one.box] = one.pixels
        bits = np.concatenate([left, picture.ravel()])
        whole = len(bits) // 8 * 8
        packed += np.packbits(bits[:whole], bitorder="little").tobytes()
        left = bits[whole:]
    packed += np.packbits(left, bitorder="little").tobytes()
    return bytes(packed) + b"\0" * (len(packed) % 2)


def _groups(frame: _Frame, place: int, origin: Origin) -> Dataset:
    """The functional groups of one frame (PS3.3 A.51.5)."""
    image = origin.images[frame.plane]
    content, position, derivation, segment, groups = (Dataset() for _ in range(5))
    content.DimensionIndexValues = [frame.segment, place]
    position.ImagePositionPatient = decimals(origin.position_mm(frame.plane))
    derivation.DerivationCodeSequence = Items([_item(codes.SEGMENTATION)])
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.sop_class_uid
    reference.ReferencedSOPInstanceUID = image.sop_instance_uid
    if image.frame_number is not None:
        reference.ReferencedFrameNumber = image.frame_number
    reference.SpatialLocationsPreserved = "YES"
    reference.PurposeOfReferenceCodeSequence = Items([_item(codes.SOURCE_IMAGE)])
    derivation.SourceImageSequence = Items([reference])
    segment.ReferencedSegmentNumber = frame.segment
    groups.DerivationImageSequence = Items([derivation])
    groups.FrameContentSequence = Items([content])
    groups.PlanePositionSequence = Items([position])
    groups.SegmentIdentificationSequence = Items([segment])
    return groups


@cache
def _item(code: Code) -> Dataset:
    """A code as an item, which all frames may share."""
    return hd.sr.CodedConcept.from_code(code)


def _referenced_series(planes: list[int], origin: Origin) -> Dataset:
    """The images that the frames lie on, each object once (PS3.3 C.12.4)."""
    series = Dataset()
    series.SeriesInstanceUID = origin.series_instance_uid
    instances = {}
    for plane in planes:
        image = origin.images[plane]
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
        instances[image.sop_instance_uid] = one
    series.ReferencedInstanceSequence = Items(list(instances.values()))
    return series


def _settle_dimensions(dataset: Dataset, origin: Origin) -> None:
    """The one UID that highdicom draws by chance."""
    uid = uid_of(f"dimensions/{origin.series_instance_uid}")
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for index in dataset.DimensionIndexSequence:
        index.DimensionOrganizationUID = uid
