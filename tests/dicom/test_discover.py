"""What is in a folder is found, sorted and, where it takes no part, listed with the reason."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from pipeline.dicom.choose import choose_series
from pipeline.dicom.discover import discover
from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import box_hu, dup, flag_codes, good_series, write_series

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
RT_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"


def other_object(sop_class_uid: str, modality: str) -> Dataset:
    d = dup(good_series()[0])
    d.SOPClassUID, d.Modality = sop_class_uid, modality
    d.SOPInstanceUID = f"{d.SOPInstanceUID}.7"[-60:].lstrip(".0")
    return d


def another_series(
    uid: str, *, count: int = 12, step_mm: float = 3.0, kernel: str = "B30f", part: str = ""
) -> list[Dataset]:
    """Slices of the good series, another number of them, another distance apart."""
    series = [dup(good_series()[n % 12]) for n in range(count)]
    for n, d in enumerate(series):
        d.SeriesInstanceUID, d.SOPInstanceUID, d.InstanceNumber = uid, f"{uid}.{n + 1}", n + 1
        d.SliceThickness = d.SpacingBetweenSlices = str(step_mm)
        d.ImagePositionPatient = [*d.ImagePositionPatient[:2], -500.0 + step_mm * n]
        d.ConvolutionKernel = kernel
        if part:
            d.BodyPartExamined = part
    return series


def code_of(path: Path, uid: str | None = None) -> str:
    with pytest.raises(InputRefused) as caught:
        read_scan(path, series_uid=uid)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_fault_08_other_kinds_of_image_under_one_series_uid_are_split_off(tmp_path: Path) -> None:
    localizer, reformat = dup(good_series()[2]), dup(good_series()[3])
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    reformat.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"]
    capture = other_object(SECONDARY_CAPTURE, "CT")
    folder = write_series([*good_series(), localizer, reformat, capture], tmp_path / "s")
    inventory = discover(folder)
    assert sorted(s.reason for s in inventory.skipped) == [
        "a localizer",
        "not a CT image: Secondary Capture Image Storage",
    ]
    assert [s.slice_count for s in inventory.series] == [12, 1]
    assert np.array_equal(read_scan(folder).volume.hu, box_hu())


def test_fault_31_strangers_in_the_folder_are_listed(tmp_path: Path) -> None:
    strangers = [other_object(MR_IMAGE, "MR"), other_object(RT_STRUCTURES, "RTSTRUCT")]
    folder = write_series([*good_series(), *strangers], tmp_path / "s")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(200))
    (folder / "readme.txt").write_text("autorun")
    (folder / "empty").write_bytes(b"")
    inventory = discover(folder)
    reasons = {s.name: s.reason for s in inventory.skipped}
    assert reasons[".DS_Store"] == reasons["readme.txt"] == reasons["empty"] == "not DICOM"
    assert reasons["im012"] == "not a CT image: MR Image Storage"
    assert len(reasons) == 5
    assert read_scan(folder).flags == ()


def test_fault_31_file_without_preamble_is_read(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    for file in folder.iterdir():
        data = file.read_bytes()
        meta_length = int.from_bytes(data[140:144], "little")
        file.write_bytes(data[144 + meta_length :])  # neither preamble nor meta information
    assert np.array_equal(read_scan(folder).volume.hu, box_hu())


def test_fault_31_damaged_header_is_listed_and_flagged(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    last = folder / "im011"
    last.write_bytes(last.read_bytes()[:360])
    assert discover(folder).damaged_count == 1
    scan = read_scan(folder)
    assert scan.volume.geometry.shape[0] == 11
    assert flag_codes(scan) == {"UNREADABLE_FILES"}


def test_folder_without_ct_is_refused(tmp_path: Path) -> None:
    assert code_of(write_series([other_object(MR_IMAGE, "MR")], tmp_path / "s")) == "NO_CT"
    (tmp_path / "empty").mkdir()
    assert code_of(tmp_path / "empty") == "NO_CT"


def test_an_archive_within_a_folder_is_named(tmp_path: Path) -> None:
    import zipfile

    folder = tmp_path / "s"
    folder.mkdir()
    with zipfile.ZipFile(folder / "disc.zip", "w") as archive:
        archive.writestr("x", b"x")
    with pytest.raises(InputRefused, match="1 of them archives"):
        read_scan(folder)


def test_missing_path_is_not_found(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nowhere") == "NOT_FOUND"


def test_single_file_of_another_kind_is_not_dicom(tmp_path: Path) -> None:
    file = tmp_path / "scan.nii.gz"
    file.write_bytes(b"\x1f\x8b" + bytes(600))
    with pytest.raises(InputRefused) as caught:
        discover(file)
    assert caught.value.code == "NOT_DICOM"
    assert code_of(file) == "NOT_DICOM"


def test_damaged_zip_is_unreadable(tmp_path: Path) -> None:
    import zipfile

    good = tmp_path / "a.zip"
    with zipfile.ZipFile(good, "w") as archive:
        archive.writestr("x", bytes(2000))
    data = bytearray(good.read_bytes())
    data[-60:-40] = bytes(20)
    (tmp_path / "b.zip").write_bytes(data)
    assert code_of(tmp_path / "b.zip") in ("UNREADABLE", "NOT_DICOM", "NO_CT")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this platform")
def test_fault_42_pipes_links_and_loops_never_block(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    outside = write_series(another_series("1.2.9"), tmp_path / "outside")
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to(outside / "im000")
    (folder / "outfolder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    inventory = discover(folder)
    assert {s.name for s in inventory.skipped} == {"pipe", "out", "outfolder", "loop", "broken"}
    assert len(inventory.series) == 1
    assert code_of(folder / "pipe") == "UNREADABLE"


def test_fault_40_deflate_bomb_is_refused(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "s")
    head = (folder / "im000").read_bytes()
    end = 144 + int.from_bytes(head[140:144], "little")
    plain, deflated = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    meta = head[132:end].replace(b"UI\x14\x00" + plain, b"UI\x16\x00" + deflated)
    meta = meta[:8] + (len(meta) - 12).to_bytes(4, "little") + meta[12:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    (folder / "im000").write_bytes(bytes(128) + b"DICM" + meta + bomb)
    assert code_of(folder) == "RESOURCE_LIMIT"


def test_equal_series_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    folder = write_series([*good_series(), *another_series("1.2.9")], tmp_path / "a")
    assert code_of(folder) == "AMBIGUOUS_SERIES"
    assert np.array_equal(read_scan(folder, series_uid="1.2.9").volume.hu, box_hu())


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
def test_nothing_is_chosen_between_patients_or_studies(tmp_path: Path, keyword: str) -> None:
    others = another_series("1.2.9", count=6)
    for d in others:
        setattr(d, keyword, "1.2.77")
    assert code_of(write_series([*good_series(), *others], tmp_path / "a")) == "AMBIGUOUS_SERIES"


def test_derived_series_is_chosen_only_without_an_original(tmp_path: Path) -> None:
    derived = another_series("1.2.9")
    for d in derived:
        d.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    folder = write_series(derived, tmp_path / "a")
    assert flag_codes(read_scan(folder)) == {"NOT_PRIMARY"}
    write_series(good_series()[:6], folder)
    assert choose_series(discover(folder)).series.is_original
