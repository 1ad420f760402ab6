"""Names of labels: from the header, from files of several forms, and what they stand for here."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.anatomy.names import names_in_header, read_names
from pipeline.domain.anatomy import bone_of, group_of
from pipeline.errors import InputRefused
from tests.anatomy.maps import caret_extension, nifti_with


@pytest.mark.parametrize(
    ("name", "bone"),
    [
        ("hip_left", "hip_bone_left"),
        ("hip_bone_right", "hip_bone_right"),
        ("Right hip bone", "hip_bone_right"),
        ("femur_left", "femur_left"),
        ("Femur, left", "femur_left"),
        ("sacrum", "sacrum"),
        ("vertebrae_S1", "sacrum"),
        ("vertebrae_L5", "lumbar_vertebrae"),
        ("L3", "lumbar_vertebrae"),
        ("lumbar spine", "lumbar_vertebrae"),
        ("lumbar_vertebrae", "lumbar_vertebrae"),
        ("coccyx", "coccyx"),
        ("vertebrae_T12", "other_bone"),
        ("rib_left_10", "other_bone"),
        ("patella", "other_bone"),
        ("hip bones", "other_bone"),  # sides are not guessed
        ("femoral_artery_left", None),
        ("gluteus_maximus_left", None),
        ("spinal_cord", None),
        ("hip_joint_left", None),
        ("colon", None),
    ],
)
def test_bones_are_known_by_the_names_of_others(name: str, bone: str | None) -> None:
    assert bone_of(name) == bone


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("iliac_artery_left", "artery"),
        ("aorta", "artery"),
        ("iliac_vena_left", "vein"),
        ("inferior_vena_cava", "vein"),
        ("portal_vein_and_splenic_vein", "vein"),
        ("small_bowel", "bowel"),
        ("rectum", "bowel"),
        ("urinary_bladder", "bladder"),
        ("gall_bladder", "viscus"),
        ("kidney_left", "viscus"),
        ("rectus_abdominis", "muscle"),
        ("iliopsoas_right", "muscle"),
        ("subcutaneous fat", "other"),
    ],
)
def test_other_structures_have_a_group(name: str, group: str) -> None:
    assert group_of(name) == group


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("n.json", '{"1": "sacrum", "2": "femur left"}'),
        ("n.json", '{"sacrum": 1, "femur left": 2, "background": 0}'),
        ("n.json", '{"labels": {"background": 0, "sacrum": 1, "femur left": "2"}}'),
        ("n.yaml", "1: sacrum\n2: femur left\n"),
        ("n.csv", "value,name\n1,sacrum\n2,femur left\n"),
        ("n.txt", "1 sacrum\n\n2\tfemur left\n"),
        (
            "n.txt",
            '# ITK-SNAP\n0 0 0 0 0 0 0 "Clear"\n1 255 0 0 1 1 1 "sacrum"\n2 0 255 0 1 1 1 "femur left"',
        ),
        ("n.ctbl", "0 Background 0 0 0 0\n1 sacrum 255 0 0 255\n2 femur left 0 255 0 255\n"),
    ],
)
def test_names_files_of_several_forms_are_read(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert read_names(tmp_path / file) == {1: "sacrum", 2: "femur left"}


@pytest.mark.parametrize(
    ("file", "text"),
    [("n.json", "{"), ("n.json", "[1, 2]"), ("n.yaml", ": :\n-"), ("n.csv", "sacrum"), ("n.txt", "")],
)
def test_a_names_file_without_names_is_refused(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputRefused) as caught:
        read_names(tmp_path / file)
    assert caught.value.code == "ANATOMY_NAMES"


def test_no_names_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="ANATOMY_NAMES"):
        read_names(tmp_path / "none.csv")


@pytest.mark.parametrize("packed", [True, False])
def test_names_are_read_from_the_header_extension(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("a.nii.gz" if packed else "a.nii")
    nifti_with(path, caret_extension({1: "sacrum", 75: "femur_left"}))
    assert names_in_header(path) == {1: "sacrum", 75: "femur_left"}


@pytest.mark.parametrize("extension", [b"", b"\x01\0\0\0" + struct.pack("<2i", 64, 6) + b"x" * 56])
def test_a_header_without_a_label_table_has_no_names(tmp_path: Path, extension: bytes) -> None:
    nifti_with(tmp_path / "a.nii", extension)
    assert names_in_header(tmp_path / "a.nii") == {}


def test_a_broken_archive_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"no archive")
    with pytest.raises(InputRefused, match="UNREADABLE"):
        names_in_header(tmp_path / "a.nii.gz")
