"""lesions.seg.dcm: every voxel of every lesion at its place, and nobody else's business."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from skimage import color

from pipeline.dicom.identity_out import replaced_uid
from pipeline.dicom.read import read_scan
from pipeline.dicom.seg import COLOURS
from pipeline.dicom.write import write_objects
from pipeline.dicom.writing import Anonymity, Writing
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Geometry
from pipeline.domain.orientation import AxisOrder
from pipeline.domain.source import Source
from pipeline.running.inputs import Dates
from pipeline.running.objects import way_of_writing
from tests.builders import a_lesion
from tests.cli.conftest import Run
from tests.dicom_out.objects import PLAIN, points_of, stacked_along, without_lesions, write
from tests.fuzz.multiframe import enhanced
from tests.fuzz.multiframe import write as write_frames
from tests.series import good_series, write_series

SALT = b"s" * 32
POSITION_TOLERANCE_MM = 1e-6
"""Positions are decimal strings of at most 16 characters."""
WAYS = [
    AxisOrder(axes, flips)
    for axes in permutations((0, 1, 2))
    for flips in product((False, True), repeat=3)
    if axes in ((0, 1, 2), (1, 0, 2), (2, 1, 0)) and flips in ((False,) * 3, (True, False, True))
]
"""Axial, coronal and sagittal stacks, to both sides."""


def sorted_points(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.round(3).T)]


@pytest.mark.parametrize("axes", WAYS, ids=str)
def test_every_voxel_is_at_its_place_however_the_images_were_stacked(
    axes: AxisOrder, analysis: Analysis, tmp_path: Path
) -> None:
    seg, _ = write(stacked_along(analysis, axes), tmp_path)
    assert len(seg.SegmentSequence) == len(analysis.lesions) == 2
    for lesion in analysis.lesions:
        there = sorted_points(points_of(seg, lesion.id))
        assert there == pytest.approx(sorted_points(lesion.mask.points_lps_mm()), abs=POSITION_TOLERANCE_MM)


def test_frames_of_a_size_that_no_byte_ends_with_are_packed_without_gaps(
    analysis: Analysis, tmp_path: Path
) -> None:
    shape = (5, 11, 7)  # 77 pixels: five bits are left over
    geometry = Geometry.from_spacing(shape, spacing_mm=(2.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    lesions = tuple(a_lesion(n, rng.random(shape) < 0.5, geometry) for n in (1, 2))
    volume = replace(analysis.scan.volume, hu=np.zeros(shape, np.int16), geometry=geometry)
    small = replace(analysis, scan=replace(analysis.scan, volume=volume), lesions=lesions)
    seg, _ = write(stacked_along(small, AxisOrder((0, 1, 2), (False,) * 3)), tmp_path)
    for lesion in lesions:
        there = sorted_points(points_of(seg, lesion.id))
        assert there == pytest.approx(sorted_points(lesion.mask.points_lps_mm()), abs=POSITION_TOLERANCE_MM)


def test_frames_are_only_where_the_lesion_is_and_refer_to_the_image_there(
    analysis: Analysis, scan_folder: Path, tmp_path: Path
) -> None:
    seg, _ = write(analysis, tmp_path)
    images = {str(d.SOPInstanceUID): d for d in map(dcmread, scan_folder.glob("*.dcm"))}
    referred = set()
    assert seg.NumberOfFrames == sum(int(one.mask.voxels.any(axis=(1, 2)).sum()) for one in analysis.lesions)
    for groups in seg.PerFrameFunctionalGroupsSequence:
        (reference,) = groups.DerivationImageSequence[0].SourceImageSequence
        image = images[reference.ReferencedSOPInstanceUID]
        assert reference.ReferencedSOPClassUID == image.SOPClassUID
        assert list(groups.PlanePositionSequence[0].ImagePositionPatient) == pytest.approx(
            list(image.ImagePositionPatient), abs=POSITION_TOLERANCE_MM
        )
        referred.add(str(image.SOPInstanceUID))
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == analysis.scan.acquisition.series_instance_uid
    assert {str(one.ReferencedSOPInstanceUID) for one in series.ReferencedInstanceSequence} == referred


def test_segments_are_coded_numbered_and_tracked_as_the_lesions_are(
    analysis: Analysis, tmp_path: Path
) -> None:
    seg, _ = write(analysis, tmp_path)
    for segment, lesion in zip(seg.SegmentSequence, analysis.lesions, strict=True):
        assert (segment.SegmentNumber, segment.TrackingUID) == (lesion.id, lesion.tracking_uid)
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "18115005"
        assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "calcinosis-ct"
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SpacingBetweenSlices, list(measures.PixelSpacing)) == (2.0, [1.0, 1.0])
    assert seg.SegmentationType == "BINARY"
    assert seg.SeriesDescription.startswith("RESEARCH")
    assert UID(seg.SOPInstanceUID).is_valid


def test_the_same_analysis_gives_the_same_bytes_and_another_one_another_uid(
    analysis: Analysis, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write(analysis, tmp_path / name)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    other = write(replace(analysis, lesions=analysis.lesions[:1]), tmp_path / "c")
    for one, another in zip(other, map(dcmread, sorted((tmp_path / "a").iterdir())), strict=True):
        assert one.SOPInstanceUID != another.SOPInstanceUID
        assert one.SeriesInstanceUID != another.SeriesInstanceUID


def test_no_lesion_no_seg(analysis: Analysis, tmp_path: Path) -> None:
    write_objects(without_lesions(analysis), tmp_path, PLAIN)
    assert [file.name for file in tmp_path.iterdir()] == ["measurements.sr.dcm"]


def test_frames_of_an_enhanced_object_are_named(analysis: Analysis, tmp_path: Path) -> None:
    scan = read_scan(write_frames(enhanced(list(reversed(good_series()))), tmp_path))
    voxels = np.zeros(scan.volume.geometry.shape, dtype=bool)
    voxels[3:5, 10:12, 25:27] = True
    lesion = a_lesion(1, voxels, scan.volume.geometry)
    seg, sr = write(replace(analysis, scan=scan, lesions=(lesion,)), tmp_path / "out")
    references = [
        groups.DerivationImageSequence[0].SourceImageSequence[0]
        for groups in seg.PerFrameFunctionalGroupsSequence
    ]
    assert {str(one.ReferencedSOPInstanceUID) for one in references} == {"1.2.3.4.5"}
    stored_from_the_head = [12 - 3, 12 - 4]
    assert [int(one.ReferencedFrameNumber) for one in references] == stored_from_the_head
    assert len(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 1
    assert sorted_points(points_of(seg, 1)) == pytest.approx(sorted_points(lesion.mask.points_lps_mm()))
    evidence = sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert {str(one.ReferencedSOPSequence[0].ReferencedSOPClassUID) for one in evidence} == {
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.66.4",
    }


def identity_of(series: list[Dataset]) -> list[Dataset]:
    for d in series:
        d.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        d.PatientName = "Yamada^Hanako=山田^花子=やまだ^はなこ"
        d.PatientID, d.StudyID, d.StudyDescription = "P-1", "S-7", "HIP CT"
        d.ReferringPhysicianName, d.AccessionNumber = "Doctor^Doris", "A-99"
    return series


def test_the_patient_is_the_sources_in_any_script(analysis: Analysis, tmp_path: Path) -> None:
    scan = read_scan(write_series(identity_of(good_series()), tmp_path / "ct"))
    (tmp_path / "out").mkdir()
    write_objects(replace(without_lesions(analysis), scan=scan), tmp_path / "out", PLAIN)
    sr = dcmread(tmp_path / "out" / "measurements.sr.dcm")
    assert str(sr.PatientName) == "Yamada^Hanako=山田^花子=やまだ^はなこ"
    assert (sr.PatientID, sr.StudyID, sr.AccessionNumber) == ("P-1", "S-7", "A-99")
    assert (sr.PatientBirthDate, sr.PatientSex, sr.PatientAge) == ("20070305", "F", "013Y")
    assert sr.StudyInstanceUID == good_series()[0].StudyInstanceUID


def test_hostile_texts_lose_their_control_characters_and_bad_values_are_left_empty(
    analysis: Analysis, tmp_path: Path
) -> None:
    assert analysis.scan.source is not None
    header = dict(analysis.scan.source.header)
    header[0x00100010] = b"A\x1b[31m\r\nB^=cmd|'/c calc'!A1"
    header[0x00100020] = b"../../x"
    header[0x00100030], header[0x00101010], header[0x00080020] = b"1.1.2007", b"13", b"nonsense"
    source = Source(analysis.scan.source.images, analysis.scan.source.axes, header)
    seg, _ = write(replace(analysis, scan=replace(analysis.scan, source=source)), tmp_path)
    assert not any(ord(c) < 32 for c in str(seg.PatientName))
    assert seg.PatientID == "../../x"  # as the archive knows it; it names no file here
    assert (seg.PatientBirthDate, seg.get("PatientAge", "")) == ("", "")
    assert (seg.StudyDate, seg.ContentDate) == ("", "19000101")
    assert seg.preamble == b"\0" * 128


def test_stripped_objects_tell_nobody_and_their_uids_are_others_each_the_same(
    analysis: Analysis, scan_folder: Path, tmp_path: Path
) -> None:
    writing = Writing("0.1.0", Anonymity(SALT))
    seg, sr = write(analysis, tmp_path, writing)
    first = dcmread(next(iter(scan_folder.glob("*.dcm"))))
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        for kind in ("StudyInstance", "SeriesInstance", "SOPInstance", "FrameOfReference"):
            uid = first[f"{kind}UID"].value
            assert str(uid).encode() not in content
        for text in (b"Paula", b"Box", b"P-1", b"20060312", b"20190411", b"013Y"):
            assert text not in content
    for one in (seg, sr):
        assert one.PatientID == str(one.PatientName) == analysis.scan.acquisition.patient_key
        assert (one.PatientIdentityRemoved, one.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
        assert one.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert one.StudyInstanceUID == replaced_uid(str(first.StudyInstanceUID), SALT)
        assert (one.StudyDate, one.PatientBirthDate, one.PatientSex) == ("", "", "")
    assert seg.FrameOfReferenceUID == replaced_uid(str(first.FrameOfReferenceUID), SALT)


def test_other_dates_than_the_true_ones_take_the_identity_with_them() -> None:
    assert way_of_writing(no_dicom=True, deidentify=True, dates=Dates.KEEP) is None
    kept = way_of_writing(no_dicom=False, deidentify=False, dates=Dates.KEEP)
    assert kept is not None
    assert kept.anonymity is None
    for dates in (Dates.SHIFT, Dates.DROP):
        moved = way_of_writing(no_dicom=False, deidentify=False, dates=dates)
        assert moved is not None
        assert moved.anonymity is not None
        assert moved.anonymity.dates_moved == (dates is Dates.SHIFT)


def test_the_command_writes_them_and_leaves_them_out(run: Run, scan_folder: Path, tmp_path: Path) -> None:
    assert run("measure", scan_folder, "-o", tmp_path / "a", "--no-figures").code == 0
    assert run("measure", scan_folder, "-o", tmp_path / "b", "--no-figures", "--no-dicom").code == 0
    assert {file.name for file in (tmp_path / "a").glob("*.dcm")} == {
        "lesions.seg.dcm",
        "measurements.sr.dcm",
    }
    assert not list((tmp_path / "b").glob("*.dcm"))
    assert run("measure", scan_folder, "-o", tmp_path / "c", "--no-figures", "--dates", "shift").code == 0
    moved = dcmread(tmp_path / "c" / "lesions.seg.dcm")
    assert moved.DeidentificationMethodCodeSequence[1].CodeValue == "113107"
    assert moved.StudyDate not in ("", "20190411")


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
def test_images_without_a_uid_that_can_be_referred_to_are_flagged(keyword: str, tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path)
    for file in folder.iterdir():
        uid = str(dcmread(file)[keyword].value).encode()
        a_part_begins_with_nought = b"1.02" + uid[4:]
        file.write_bytes(file.read_bytes().replace(uid, a_part_begins_with_nought))
    scan = read_scan(folder)
    assert scan.source is None
    assert "UIDS_MISSING" in {flag.code for flag in scan.flags}


@pytest.mark.parametrize("lab", COLOURS)
def test_colours_are_ones_that_a_screen_shows(lab: tuple[float, float, float]) -> None:
    """Back by IEC 61966-2-1 with nothing cut off; of others dcmqi wrote numbers that it cannot read."""
    shown = color.xyz2rgb(color.lab2xyz(np.array(lab)))
    assert np.allclose(color.rgb2lab(shown), lab, atol=0.1)
    assert 0.0 < shown.min() < shown.max() < 1.0
