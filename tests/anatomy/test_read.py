"""Anatomy from files: on the scan's grid whatever its own, and refused where it cannot belong to the scan."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from pipeline.anatomy.read import read_anatomy
from pipeline.dicom.ct_write import uids_from, write_ct_series
from pipeline.dicom.read import read_scan
from pipeline.domain.anatomy import BONES, Anatomy
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import LabelMap
from pipeline.domain.scan import Scan
from pipeline.errors import InputRefused
from tests.anatomy.maps import GRID, NAMES, caret_extension, label_map, nifti_with, shafts
from tests.builders import a_scan, centred_grid, ct, pelvis_of_two_shafts
from tests.series import paulas_header

HU, _ = pelvis_of_two_shafts({})
SCAN = a_scan(HU, GRID)
TRUTH = shafts()


def written(folder: Path, labels: LabelMap, names: dict[int, str] | None = None) -> Path:
    return nifti_with(folder / "anatomy.nii.gz", caret_extension(names or NAMES), labels)


def bone(anatomy: Anatomy, name: str) -> NDArray[np.bool_]:
    return np.asarray(anatomy.bones.values == BONES.index(name) + 1)


def refused(path: Path, scan: Scan = SCAN, names: Path | None = None) -> str:
    with pytest.raises(InputRefused) as caught:
        read_anatomy(path, names, scan)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_bones_and_organs_are_those_of_the_file(tmp_path: Path) -> None:
    found = read_anatomy(written(tmp_path, label_map(TRUTH)), None, SCAN)
    assert (bone(found, "femur_right") == (TRUTH == 1)).all()
    assert (bone(found, "femur_left") == (TRUTH == 2)).all()
    assert (bone(found, "sacrum") == (TRUTH == 3)).all()
    assert found.organs.names == {4: "colon", 5: "iliac_artery_left"}
    assert (found.organs.values == np.where(TRUTH >= 4, TRUTH, 0)).all()
    assert found.unnamed == 0


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_a_map_stored_in_another_order_is_the_same(tmp_path: Path, axes: tuple[int, ...]) -> None:
    affine = GRID.affine.copy()
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (GRID.shape[axis] - 1)
        affine[:3, axis] *= -1
    turned = label_map(np.flip(TRUTH, axes).copy(), Geometry(GRID.shape, affine))
    found = read_anatomy(written(tmp_path, turned), None, SCAN)
    assert (bone(found, "femur_left") == (TRUTH == 2)).all()
    assert (found.organs.values == np.where(TRUTH >= 4, TRUTH, 0)).all()


def test_a_map_on_another_grid_is_carried_to_the_scans(tmp_path: Path) -> None:
    grid = centred_grid((17, 60, 76), (3.0, 1.5, 1.5))
    found = read_anatomy(written(tmp_path, label_map(shafts(grid), grid)), None, SCAN)
    own, truth = bone(found, "femur_left"), TRUTH == 2
    # a shaft of 9 mm drawn on 1.5 mm pixels: its border is off by 0.4 mm in the mean
    assert 2 * np.count_nonzero(own & truth) / (np.count_nonzero(own) + np.count_nonzero(truth)) > 0.95
    assert found.bones.geometry.is_close(GRID)


def test_without_names_it_is_refused_and_with_a_names_file_read(tmp_path: Path) -> None:
    path = nifti_with(tmp_path / "anatomy.nii.gz", b"", label_map(TRUTH))
    assert refused(path) == "ANATOMY_NAMES"
    names = tmp_path / "names.json"
    names.write_text(json.dumps({str(k): v for k, v in NAMES.items() if k != 4}), encoding="utf-8")
    found = read_anatomy(path, names, SCAN)
    assert found.unnamed == 1
    assert (bone(found, "sacrum") == (TRUTH == 3)).all()
    assert not (found.organs.values == 4).any()


def test_names_that_mean_nothing_here_are_refused(tmp_path: Path) -> None:
    assert refused(written(tmp_path, label_map(TRUTH), {1: "a", 2: "b", 3: "label 3"})) == "ANATOMY_NAMES"


def test_a_map_of_another_place_is_refused(tmp_path: Path) -> None:
    moved = GRID.affine.copy()
    moved[2, 3] += 30  # of 48 mm
    assert refused(written(tmp_path, label_map(TRUTH, Geometry(GRID.shape, moved)))) == "ANATOMY_MISMATCH"


def test_bones_where_the_scan_shows_none_are_refused(tmp_path: Path) -> None:
    assert refused(written(tmp_path, label_map(np.roll(TRUTH, 22, axis=1)))) == "ANATOMY_MISMATCH"


def test_sides_that_are_swapped_are_refused(tmp_path: Path) -> None:
    names = {**NAMES, 1: "femur_left", 2: "femur_right"}
    assert refused(written(tmp_path, label_map(TRUTH), names)) == "ANATOMY_MISMATCH"


def test_what_is_no_label_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing", encoding="utf-8")
    assert refused(tmp_path / "a.txt") == "NOT_A_SEG"
    assert refused(tmp_path / "none.dcm") == "NOT_FOUND"


def a_series(folder: Path) -> tuple[Scan, list[Dataset]]:
    header = paulas_header(dt.date(2019, 4, 11))
    write_ct_series(ct(HU, GRID), header, folder, make_uid=uids_from("anatomy"))
    return read_scan(folder), [dcmread(file) for file in sorted(folder.rglob("*.dcm"))]


def a_seg(images: list[Dataset], file: Path) -> Path:
    """The labels as a binary SEG, named by label and by side, its frames in the order of the images."""
    planes = {round(float(one.ImagePositionPatient[2]), 3): one for one in images}
    heights = sorted(planes)
    masks = np.stack([value == TRUTH for value in NAMES], axis=-1).astype(np.uint8)
    described = []
    for number, name in NAMES.items():
        label, _, side = name.rpartition("_")
        one = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label if side in ("left", "right") else name,
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Bone,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        if side in ("left", "right"):
            code = codes.SCT.Left if side == "left" else codes.SCT.Right
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, "SCT", code.meaning
            one.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [item]
        described.append(one)
    seg = hd.seg.Segmentation(
        source_images=[planes[z] for z in heights],
        pixel_array=masks,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=generate_uid(entropy_srcs=["series"]),
        series_number=2,
        sop_instance_uid=generate_uid(entropy_srcs=["instance"]),
        instance_number=1,
        manufacturer="Box",
        manufacturer_model_name="Box",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(file)
    return file


def test_a_dicom_seg_gives_the_same_anatomy(tmp_path: Path) -> None:
    scan, images = a_series(tmp_path / "ct")
    found = read_anatomy(a_seg(images, tmp_path / "seg.dcm"), None, scan)
    assert (bone(found, "femur_right") == (TRUTH == 1)).all()
    assert (bone(found, "femur_left") == (TRUTH == 2)).all()
    assert (found.organs.values == np.where(TRUTH >= 4, TRUTH, 0)).all()
    assert list(found.organs.names.values()) == ["colon", "iliac_artery Left"]


def test_a_seg_of_another_frame_of_reference_is_refused(tmp_path: Path) -> None:
    scan, images = a_series(tmp_path / "ct")
    seg = a_seg(images, tmp_path / "seg.dcm")
    other = replace(scan, acquisition=replace(scan.acquisition, frame_of_reference_uid="1.2.3"))
    assert refused(seg, other) == "ANATOMY_MISMATCH"
    ct_image = next(iter(sorted((tmp_path / "ct").rglob("*.dcm"))))
    assert refused(ct_image, scan) == "NOT_A_SEG"
