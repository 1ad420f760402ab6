"""NIfTI in HU and label maps: places survive the change between RAS and LPS, other axes are refused."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.errors import InputRefused, OutputError
from pipeline.nifti import read_label_map, read_volume, write_label_map, write_volume
from tests.series import (
    CALCIUM_CENTRE_LPS_MM,
    CALCIUM_MM3,
    ORIGIN_LPS_MM,
    SHAPE,
    SPACING_MM,
    box_hu,
    calcium_centre_lps_mm,
    calcium_mm3,
    flag_codes,
)

EXAMPLE = Path(__file__).parents[2].parent / "shared" / "data" / "totalsegmentator_example"
CODE = {
    np.dtype(name): code for name, code in {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512}.items()
}


def box_grid() -> Geometry:
    return Geometry.from_spacing(SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=ORIGIN_LPS_MM)


def write_raw(
    path: Path, array_ijk: NDArray[np.generic], ras: NDArray[np.float64], *, sform_code: int = 1
) -> Path:
    """Write a NIfTI-1 file byte by byte, from the format's definition (nifti1.h)."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, array_ijk.ndim, *array_ijk.shape, *[1] * (7 - array_ijk.ndim))
    struct.pack_into("<2h", header, 70, CODE[array_ijk.dtype], 8 * array_ijk.dtype.itemsize)
    struct.pack_into("<8f", header, 76, 1, *np.linalg.norm(ras[:3, :3], axis=0), 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<2h", header, 252, 0, sform_code)
    struct.pack_into("<12f", header, 280, *ras[:3].ravel())
    header[344:348] = b"n+1\0"
    path.write_bytes(bytes(header) + array_ijk.ravel(order="F").tobytes())
    return path


def box_in_ras(
    flips: tuple[bool, ...], axes: tuple[int, ...]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """The box with its axes in any order and direction, and the affine that says so."""
    array = box_hu().transpose(2, 1, 0)  # i, j, k: to the left, the back, the head
    ras = np.diag([-1.0, -0.75, 3.0, 1.0])
    ras[:3, 3] = -ORIGIN_LPS_MM[0], -ORIGIN_LPS_MM[1], ORIGIN_LPS_MM[2]
    for axis, flip in enumerate(flips):
        if flip:
            ras[:3, 3] += ras[:3, axis] * (array.shape[axis] - 1)
            ras[:3, axis] *= -1
            array = np.flip(array, axis)
    ras[:3, :3] = ras[:3, list(axes)]
    return array.transpose(axes), ras


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, True, False), (True, False, True)])
def test_any_order_of_axes_gives_the_same_scan(
    tmp_path: Path, flips: tuple[bool, ...], axes: tuple[int, ...]
) -> None:
    scan = read_volume(write_raw(tmp_path / "a.nii", *box_in_ras(flips, axes)))
    assert np.array_equal(scan.volume.hu, box_hu())
    assert scan.volume.geometry.is_close(box_grid())
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)
    assert calcium_centre_lps_mm(scan) == pytest.approx(CALCIUM_CENTRE_LPS_MM)


def test_nifti_says_what_it_does_not_know(tmp_path: Path) -> None:
    write_volume(CTVolume(box_hu(), box_grid()), tmp_path / "a.nii.gz")
    scan = read_volume(tmp_path / "a.nii.gz")
    assert flag_codes(scan) == {"NIFTI_NO_ACQUISITION"}
    assert scan.acquisition.kvp is None
    assert scan.acquisition.patient_key is None
    assert len(scan.acquisition.input_sha256 or "") == 64


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_volume_and_labels_come_back(tmp_path: Path, suffix: str) -> None:
    volume = CTVolume(box_hu().astype(np.float32) + 0.5, box_grid())
    labels = LabelMap((box_hu() > 0).astype(np.uint8) * 7, box_grid(), {7: "femur_left"})
    write_volume(volume, tmp_path / f"v{suffix}")
    write_label_map(labels, tmp_path / f"l{suffix}")
    back = read_label_map(tmp_path / f"l{suffix}", {7: "femur_left"})
    assert np.array_equal(read_volume(tmp_path / f"v{suffix}").volume.hu, volume.hu)
    assert np.array_equal(back.values, labels.values)
    assert back.geometry.is_close(labels.geometry)
    assert back.mask_of("femur_left").volume_mm3 == labels.mask_of("femur_left").volume_mm3


def test_oblique_volume_keeps_its_place(tmp_path: Path) -> None:
    angle = np.deg2rad(20.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.fliplr(np.diag(SPACING_MM[::-1]))
    affine[:3, 3] = -123.4, 56.7, -890.1
    volume = CTVolume(box_hu(), Geometry(SHAPE, affine))
    write_volume(volume, tmp_path / "a.nii.gz")
    assert read_volume(tmp_path / "a.nii.gz").volume.geometry.is_close(volume.geometry)


def test_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(CTVolume(box_hu(), box_grid()), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_whole_hu_of_any_type_become_int16_and_padding_becomes_air(tmp_path: Path, dtype: type) -> None:
    array, ras = box_in_ras((False,) * 3, (0, 1, 2))
    wide: NDArray[Any] = array.astype(dtype)
    wide[0, 0, 0] = -3024
    scan = read_volume(write_raw(tmp_path / "a.nii", wide, ras))
    assert scan.volume.hu.dtype == np.int16
    assert scan.volume.hu[0, 0, 0] == -1024
    assert np.count_nonzero(scan.volume.hu != box_hu()) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_unsigned_values_are_read(tmp_path: Path, dtype: type) -> None:
    array, ras = box_in_ras((False,) * 3, (0, 1, 2))
    scan = read_volume(write_raw(tmp_path / "a.nii", np.clip(array, 0, 200).astype(dtype), ras))
    assert np.array_equal(scan.volume.hu, np.clip(box_hu(), 0, 200))


def refused(path: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_unfit_files_are_refused(tmp_path: Path) -> None:
    array, ras = box_in_ras((False,) * 3, (0, 1, 2))
    sheared = ras.copy()
    sheared[1, 2] = 1.0
    broken = array.astype(np.float32)
    broken[1, 1, 1] = np.nan
    junk = tmp_path / "junk.nii"
    junk.write_bytes(bytes(500))
    assert refused(write_raw(tmp_path / "shear.nii", array, sheared)) == "BAD_GEOMETRY"
    assert refused(write_raw(tmp_path / "nowhere.nii", array, ras, sform_code=0)) == "BAD_GEOMETRY"
    assert refused(write_raw(tmp_path / "nan.nii", broken, ras)) == "HU_IMPLAUSIBLE"
    assert refused(write_raw(tmp_path / "4d.nii", np.stack([array, array], axis=3), ras)) == "NOT_A_VOLUME"
    assert refused(write_raw(tmp_path / "flat.nii", array[:, :, :1], ras)) == "NOT_A_VOLUME"
    assert refused(junk) == "UNREADABLE"
    assert refused(tmp_path / "absent.nii") == "NOT_FOUND"
    assert refused(tmp_path) == "NOT_NIFTI"


def test_fault_40_nifti_beyond_any_memory_is_refused(tmp_path: Path) -> None:
    import gzip

    array, ras = box_in_ras((False,) * 3, (0, 1, 2))
    data = bytearray(write_raw(tmp_path / "a.nii", array, ras).read_bytes())
    struct.pack_into("<3h", data, 42, 30_000, 30_000, 3000)
    (tmp_path / "a.nii").write_bytes(data)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(data)))
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(bytes(100)))
    (tmp_path / "d.nii.gz").write_bytes(b"no gzip")
    assert [refused(tmp_path / name) for name in ("a.nii", "b.nii.gz")] == ["RESOURCE_LIMIT"] * 2
    assert [refused(tmp_path / name) for name in ("c.nii.gz", "d.nii.gz")] == ["UNREADABLE"] * 2


@pytest.mark.parametrize("value", [-1.0, 0.5, 70000.0])
def test_values_that_are_no_labels_are_refused(tmp_path: Path, value: float) -> None:
    array, ras = box_in_ras((False,) * 3, (0, 1, 2))
    labels = np.zeros(array.shape, np.float32)
    labels[2, 2, 2] = value
    with pytest.raises(InputRefused) as caught:
        read_label_map(write_raw(tmp_path / "a.nii", labels, ras), {})
    assert caught.value.code == "NOT_LABELS"


def test_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_volume(CTVolume(box_hu(), box_grid()), tmp_path / "nowhere" / "a.nii.gz")
    with pytest.raises(OutputError):
        write_volume(CTVolume(box_hu(), box_grid()), tmp_path / "a.mha")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the TotalSegmentator example is not beside the project")
def test_totalsegmentator_labels_lie_on_their_scan_and_on_the_right_sides() -> None:
    scan = read_volume(EXAMPLE / "example_ct.nii.gz")
    labels = read_label_map(
        EXAMPLE / "example_seg_fast_force_split.nii.gz", {77: "hip_bone_left", 78: "hip_bone_right"}
    )
    assert labels.geometry.is_close(scan.volume.geometry)
    left, right = (
        labels.geometry.to_lps_mm(np.argwhere(labels.mask_of(f"hip_bone_{side}").voxels)).mean(axis=0)
        for side in ("left", "right")
    )
    assert left[0] - right[0] > 100  # left is +x; hip bones lie some 150 mm apart
