"""A human's outlines taken back: unedited they change nothing, edited they are measured and told apart."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from pipeline.dicom.ct_write import uids_from, write_ct_series
from tests.builders import ball, ct, paint, pelvis_of_two_shafts
from tests.cli.conftest import Run
from tests.dicom_out.objects import groups_of, measure, values
from tests.dicom_out.slicer import as_other_tools_write, frames_of
from tests.results.test_schemas import validator
from tests.series import paulas_header

Record = dict[str, Any]


@pytest.fixture(scope="module")
def automatic(scan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results without outlines."""
    return measure(scan_folder, tmp_path_factory.mktemp("automatic") / "out")


def content(folder: Path) -> Record:
    record: Record = json.loads((folder / "measurements.json").read_text("utf-8"))
    return record


def labels(folder: Path) -> tuple[sitk.Image, NDArray[np.uint8]]:
    image = sitk.ReadImage(str(folder / "lesions.nii.gz"))
    return image, sitk.GetArrayFromImage(image)


def save(array: NDArray[Any], like: sitk.Image, file: Path) -> Path:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    sitk.WriteImage(image, str(file))
    return file


@pytest.mark.parametrize("name", ["lesions.seg.dcm", "lesions.nii.gz"])
def test_unedited_outlines_give_every_file_again_to_the_last_byte(
    name: str, run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    outlines = ("--lesions", automatic / name)
    assert run("measure", scan_folder, "-o", tmp_path / "out", "--no-figures", *outlines).code == 0
    assert content(tmp_path / "out")["edits"] == []
    for file in automatic.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes(), file.name


def test_an_edited_seg_of_another_tool_is_measured_and_what_changed_is_told(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    before = content(automatic)
    volume, frames = frames_of(dcmread(automatic / "lesions.seg.dcm"))
    grown = volume == 2
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        grown |= np.roll(volume == 2, step, axis)
    added = np.zeros_like(grown)
    added[12:15, 40:44, 20:24] = True  # soft tissue
    edited = as_other_tools_write({5: grown, 9: added}, frames)
    edited.save_as(tmp_path / "edited.dcm", enforce_file_format=True)
    out = tmp_path / "out"
    ended = run("measure", scan_folder, "-o", out, "--no-figures", "--lesions", tmp_path / "edited.dcm")
    assert (ended.code, ended.err) == (0, "")
    after = content(out)
    edits = {one["what"]: one for one in after["edits"]}
    assert set(edits) == {"deleted", "changed", "added"}
    assert edits["deleted"]["automatic_ids"] == [1]
    assert edits["deleted"]["volume_before_mm3"] == before["lesions"][0]["volume_mm3"]["value"]
    assert (edits["deleted"]["lesion_ids"], edits["deleted"]["volume_after_mm3"]) == ([], 0.0)
    (number,) = edits["changed"]["lesion_ids"]
    changed = after["lesions"][number - 1]
    assert changed["source"] == "edited"
    assert changed["tracking_uid"] == before["lesions"][1]["tracking_uid"]
    assert changed["voxel_volume_mm3"] == pytest.approx(int(grown.sum()) * 2.0)
    assert edits["changed"]["volume_after_mm3"] == changed["volume_mm3"]["value"]
    (new,) = edits["added"]["lesion_ids"]
    assert after["lesions"][new - 1]["status"] == "definite"
    assert after["excluded"] == before["excluded"]
    assert "LESIONS_EDITED" in {flag["code"] for flag in after["scan"]["flags"]}
    seg = dcmread(out / "lesions.seg.dcm")
    assert {one.SegmentAlgorithmType for one in seg.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert values(groups_of(dcmread(out / "measurements.sr.dcm"))[1], "outlined_by") == ["edited"]


def test_a_lesion_beside_an_edited_one_stays_automatic_and_bone_gives_way(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, array = labels(automatic)
    bone = sitk.GetArrayFromImage(sitk.ReadImage(str(automatic / "skeleton.nii.gz"))) > 0
    piece = np.zeros_like(bone)
    piece[10:12] = bone[10:12]
    edited = np.where(piece, 7, array)
    file = save(edited, image, tmp_path / "edited.nii.gz")
    assert run("measure", scan_folder, "-o", tmp_path / "out", "--no-figures", "--lesions", file).code == 0
    after, before = content(tmp_path / "out"), content(automatic)
    assert sorted(one["source"] for one in after["lesions"]) == ["automatic", "automatic", "edited"]
    assert [one["what"] for one in after["edits"]] == ["added"]
    left = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "skeleton.nii.gz"))) > 0
    assert np.array_equal(left, bone & ~piece)
    kept = {one["tracking_uid"] for one in after["lesions"] if one["source"] == "automatic"}
    assert kept == {one["tracking_uid"] for one in before["lesions"]}


def test_an_edited_lesion_is_definite_and_an_untouched_one_keeps_its_doubt(run: Run, tmp_path: Path) -> None:
    """Two balls, less dense than cortex, that the ends of the scan cut, which makes them indeterminate."""
    hu, geometry = pelvis_of_two_shafts({}, seed=5)
    for centre in ((0.0, 20.0, -22.0), (0.0, -26.0, 22.0)):
        hu = paint(hu, ball(geometry, centre, 4.0), 350.0)
    scan = tmp_path / "ct"
    write_ct_series(ct(hu, geometry), paulas_header(dt.date(2021, 1, 2)), scan, make_uid=uids_from("cut"))
    assert run("measure", scan, "-o", tmp_path / "a", "--no-figures").code == 0
    before = content(tmp_path / "a")
    assert [one["status"] for one in before["lesions"]] == ["indeterminate"] * 2
    image, array = labels(tmp_path / "a")
    k, j, i = (axis[0] for axis in np.nonzero(array == 1))
    array[k, j, i] = 0  # one voxel of the first
    out = tmp_path / "b"
    file = save(array, image, tmp_path / "drawn.nii.gz")
    assert run("measure", scan, "-o", out, "--no-figures", "--lesions", file).code == 0
    after = {one["tracking_uid"]: one for one in content(out)["lesions"]}
    edited, untouched = (after[one["tracking_uid"]] for one in before["lesions"])
    assert (edited["status"], edited["why_indeterminate"], edited["source"]) == ("definite", None, "edited")
    assert edited["touches_edge"]
    assert (untouched["status"], untouched["source"]) == ("indeterminate", "automatic")
    assert content(out)["burden"]["volume_mm3"]["value"] == edited["volume_mm3"]["value"]
    assert [one["indeterminate_ids"] for one in content(out)["edits"]] == [[1]]


def test_a_merged_and_a_split_lesion_are_told(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, array = labels(automatic)
    merged = save((array > 0).astype(np.uint8), image, tmp_path / "merged.nii.gz")
    halved = array.copy()
    halved[:10][array[:10] == 1] = 3
    split = save(halved, image, tmp_path / "split.nii.gz")
    for file, what, old, new in ((merged, "merged", [1, 2], 1), (split, "split", [1], 2)):
        out = tmp_path / what
        assert run("measure", scan_folder, "-o", out, "--no-figures", "--lesions", file).code == 0
        (edit,) = content(out)["edits"]
        assert (edit["what"], edit["automatic_ids"], len(edit["lesion_ids"])) == (what, old, new)
        assert len({one["tracking_uid"] for one in content(out)["lesions"]}) == len(content(out)["lesions"])


def test_compare_takes_outlines_for_a_date(
    run: Run, scan_folder: Path, later_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, array = labels(automatic)
    one_left = save(np.where(array == 1, 1, 0).astype(np.uint8), image, tmp_path / "one.nii.gz")
    out = tmp_path / "out"
    ended = run(
        "compare", scan_folder, later_folder, "-o", out, "--no-figures", "--lesions", f"t0={one_left}"
    )
    assert ended.code == 0
    assert [one["what"] for one in content(out / "t0")["edits"]] == ["deleted"]
    tracks = json.loads((out / "comparison.json").read_text("utf-8"))["tracks"]
    assert len(tracks) == 1
    assert content(out / "t1")["edits"] == []


def test_a_stripped_seg_comes_back_to_the_scan_that_it_was_made_of(
    run: Run, scan_folder: Path, tmp_path: Path
) -> None:
    stripped = tmp_path / "stripped"
    assert run("measure", scan_folder, "-o", stripped, "--no-figures", "--deidentify").code == 0
    outlines = ("--lesions", stripped / "lesions.seg.dcm")
    assert run("measure", scan_folder, "-o", tmp_path / "again", "--no-figures", *outlines).code == 0
    again, before = content(tmp_path / "again"), content(stripped)
    assert again["scan"].pop("series_instance_uid") != before["scan"].pop("series_instance_uid")
    assert again == before


def refused(run: Run, scan: Path, file: Path, folder: Path, *more: str) -> str:
    """The one line that a run with outlines is refused with."""
    ended = run("measure", scan, "-o", folder / "refused", "--no-figures", "--lesions", file, *more)
    assert (ended.code, ended.out) == (3, "")
    (line,) = ended.err.splitlines()
    assert not (folder / "refused").exists()
    return line.removeprefix("calcinosis: ")


def test_what_is_no_label_map_of_lesions_is_refused(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, array = labels(automatic)
    for name, values_, code in (
        ("empty", np.zeros_like(array), "LESIONS_EMPTY"),
        ("float", array * np.float32(0.5), "NOT_LABELS"),
        ("negative", -array.astype(np.int16), "NOT_LABELS"),
    ):
        file = save(values_, image, tmp_path / f"{name}.nii.gz")
        assert refused(run, scan_folder, file, tmp_path).startswith(f"{code}: "), name
    (tmp_path / "text.dcm").write_text("no DICOM")
    assert refused(run, scan_folder, tmp_path / "text.dcm", tmp_path).startswith("NOT_A_SEG: ")
    assert refused(run, scan_folder, tmp_path / "none.dcm", tmp_path).startswith("NOT_FOUND: ")


def test_another_grid_is_refused_with_both_named_and_taken_on_request(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, _ = labels(automatic)
    finer = sitk.Resample(
        image, [224, 176, 48], sitk.Transform(), sitk.sitkNearestNeighbor,
        [o - s / 4 for o, s in zip(image.GetOrigin(), image.GetSpacing(), strict=True)],
        [s / 2 for s in image.GetSpacing()], image.GetDirection(),
    )  # fmt: skip
    file = tmp_path / "finer.nii.gz"
    sitk.WriteImage(finer, str(file))
    line = refused(run, scan_folder, file, tmp_path)
    assert line.startswith("LESIONS_GRID: ")
    assert "24 × 88 × 112 voxels of 2 × 1 × 1 mm" in line
    assert "48 × 176 × 224 voxels of 1 × 0.5 × 0.5 mm" in line
    out = tmp_path / "out"
    taken = run("measure", scan_folder, "-o", out, "--no-figures", "--lesions", file, "--resample-lesions")
    assert taken.code == 0
    assert content(out) == content(automatic)


def test_a_lesion_that_resampling_would_lose_is_refused(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, _ = labels(automatic)
    finer = sitk.Resample(
        image, [448, 352, 24], sitk.Transform(), sitk.sitkNearestNeighbor,
        image.GetOrigin(), [0.25, 0.25, 2.0], image.GetDirection(),
    )  # fmt: skip
    values_ = sitk.GetArrayFromImage(finer)
    values_[12, 101, 101] = 9  # between the centres of voxels
    file = save(values_, finer, tmp_path / "finer.nii.gz")
    line = refused(run, scan_folder, file, tmp_path, "--resample-lesions")
    assert line.startswith("LESIONS_GRID: 1 outlined")


def broken(seg: Dataset, how: str) -> Dataset:
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    if how == "series":
        seg.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3.4"
    elif how == "frame of reference":
        seg.FrameOfReferenceUID = "1.2.3.4"
    elif how == "shifted":
        for groups in seg.PerFrameFunctionalGroupsSequence:
            x, y, z = groups.PlanePositionSequence[0].ImagePositionPatient
            groups.PlanePositionSequence[0].ImagePositionPatient = [x + 0.5, y, z]
    elif how == "outside":
        for groups in seg.PerFrameFunctionalGroupsSequence:
            x, y, z = groups.PlanePositionSequence[0].ImagePositionPatient
            groups.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + 200]
    elif how == "twice as coarse":
        measures.PixelSpacing = [2.0, 2.0]
    elif how == "thick":
        measures.SpacingBetweenSlices = 4.0
    elif how == "cut":
        seg.PixelData = seg.PixelData[:10]
    elif how == "no frames":
        seg.PerFrameFunctionalGroupsSequence, seg.NumberOfFrames, seg.PixelData = [], 0, b""
    elif how == "groups":
        del seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    return seg


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("series", "LESIONS_MISMATCH"),
        ("frame of reference", "LESIONS_MISMATCH"),
        ("shifted", "LESIONS_GRID"),
        ("outside", "LESIONS_GRID"),
        ("twice as coarse", "LESIONS_GRID"),
        ("thick", "LESIONS_GRID"),
        ("cut", "UNREADABLE"),
        ("groups", "UNREADABLE"),
        ("no frames", "UNREADABLE"),
    ],
)
def test_a_seg_of_another_scan_or_grid_is_refused(
    how: str, code: str, run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    file = tmp_path / "broken.dcm"
    broken(dcmread(automatic / "lesions.seg.dcm"), how).save_as(file)
    assert refused(run, scan_folder, file, tmp_path).startswith(f"{code}: ")


def test_segments_that_overlap_are_refused(
    run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    volume, frames = frames_of(dcmread(automatic / "lesions.seg.dcm"))
    file = tmp_path / "overlap.dcm"
    as_other_tools_write({1: volume == 1, 2: volume > 0}, frames).save_as(file, enforce_file_format=True)
    line = refused(run, scan_folder, file, tmp_path)
    assert line.startswith(f"LESIONS_OVERLAP: {int((volume == 1).sum())} voxels")


@pytest.mark.parametrize(
    "where",
    [(12, 40, 50), (slice(5, 9), slice(0, 4), slice(0, 4)), ...],
    ids=["one voxel", "air", "everything"],
)
def test_strange_outlines_are_measured(
    where: Any, run: Run, scan_folder: Path, automatic: Path, tmp_path: Path
) -> None:
    image, array = labels(automatic)
    drawn = np.zeros_like(array)
    drawn[where] = 1
    file = save(drawn, image, tmp_path / "strange.nii.gz")
    ended = run("measure", scan_folder, "-o", tmp_path / "out", "--no-figures", "--lesions", file)
    assert (ended.code, ended.err) == (0, "")
    validator("measurements").validate(content(tmp_path / "out"))
    (lesion,) = content(tmp_path / "out")["lesions"]
    assert lesion["voxel_volume_mm3"] == pytest.approx(int(drawn.sum()) * 2.0)


def test_outlines_of_a_scan_without_any_finding_are_added(run: Run, tmp_path: Path) -> None:
    hu, geometry = pelvis_of_two_shafts({}, seed=4)
    scan = tmp_path / "ct"
    write_ct_series(ct(hu, geometry), paulas_header(dt.date(2021, 1, 2)), scan, make_uid=uids_from("empty"))
    assert run("measure", scan, "-o", tmp_path / "a", "--no-figures").code == 0
    image, array = labels(tmp_path / "a")
    array[11:13, 60:63, 50:53] = 1
    file = save(array, image, tmp_path / "drawn.nii.gz")
    assert run("measure", scan, "-o", tmp_path / "b", "--no-figures", "--lesions", file).code == 0
    assert [one["what"] for one in content(tmp_path / "b")["edits"]] == ["added"]
