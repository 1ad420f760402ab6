"""measurements.sr.dcm holds the numbers of measurements.json, and what became of each lesion."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from pipeline.dicom.write import write_objects
from pipeline.domain.analysis import Analysis
from pipeline.domain.lesion import Interval
from pipeline.results.record import measurements
from tests.cli.conftest import Run
from tests.dicom_out.objects import (
    PLAIN,
    children,
    groups_of,
    named,
    value_of,
    values,
    without_lesions,
    write,
)

VOLUME, VOXEL, MESH, DIAMETER = "118565006", "YEKZ", "RNU0", "L0JK"
LONG, SHORT, ATTENUATION, DERIVATION = "103339001", "103340004", "112031", "121401"
UP, DOWN = "371886008", "371885007"
TRACKING_UID, PRESENCE, RESPONSE = "112040", "121052", "112048"
PRESENT, ABSENT = "52101004", "272519000"
HU = "[hnsf'U]"


def test_each_number_is_that_of_the_json(analysis: Analysis, tmp_path: Path) -> None:
    content = measurements(analysis, version="0.1.0")
    _, sr = write(analysis, tmp_path)
    scan, *lesions = groups_of(sr)
    assert values(scan, VOLUME) == [(content["burden"]["volume_mm3"]["value"], "mm3")]
    for group, lesion in zip(lesions, content["lesions"], strict=True):
        volume = lesion["volume_mm3"]
        assert values(group, VOLUME) == [(volume["value"], "mm3")]
        limits = children(group, VOLUME)
        assert round(volume["value"] + limits[UP][0], 3) == volume["upper"]
        assert round(volume["value"] - limits[DOWN][0], 3) == volume["lower"]
        assert values(group, VOXEL) == [(lesion["voxel_volume_mm3"], "mm3")]
        assert values(group, MESH) == [(lesion["mesh_volume_mm3"], "mm3")]
        assert values(group, DIAMETER) == [(lesion["diameter_3d_mm"], "mm")]
        assert values(group, LONG) == [(lesion["axial"]["long_axis_mm"], "mm")]
        assert values(group, SHORT) == [(lesion["axial"]["short_axis_mm"], "mm")]
        for plane in ("coronal", "sagittal"):
            for axis in ("long_axis", "short_axis"):
                assert values(group, f"{plane}_{axis}") == [(lesion[plane][f"{axis}_mm"], "mm")]
        hu = {
            value_of(item.ContentSequence[0]): value_of(item)
            for item in group.ContentSequence
            if named(item) == ATTENUATION
        }
        assert hu == {
            "373098007": (lesion["hu"]["mean"], HU),
            "386136009": (lesion["hu"]["sd"], HU),
            "p95": (lesion["hu"]["p95"], HU),
            "56851009": (lesion["hu"]["max"], HU),
        }
        assert values(group, TRACKING_UID) == [lesion["tracking_uid"]]
        assert lesion["description"] in values(group, "121106")


def test_each_lesion_refers_to_its_segment_and_to_the_images_it_lies_on(
    analysis: Analysis, tmp_path: Path
) -> None:
    seg, sr = write(analysis, tmp_path)
    for group, lesion in zip(groups_of(sr)[1:], analysis.lesions, strict=True):
        (segment,) = [one for one in group.ContentSequence if named(one) == "121191"]
        (reference,) = segment.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == lesion.id
        own = {
            str(one.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
            for one in seg.PerFrameFunctionalGroupsSequence
            if one.SegmentIdentificationSequence[0].ReferencedSegmentNumber == lesion.id
        }
        images = [one for one in group.ContentSequence if named(one) == "121233"]
        assert {str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for one in images} == own


def test_without_lesions_the_report_says_so(analysis: Analysis, tmp_path: Path) -> None:
    bare = without_lesions(analysis)
    bare = replace(
        bare,
        burden=replace(bare.burden, lesion_count=0, volume_mm3=Interval(0.0, 0.0, 4.0), voxel_volume_mm3=0.0),
    )
    write_objects(bare, tmp_path, PLAIN)
    sr = dcmread(tmp_path / "measurements.sr.dcm")
    (scan,) = groups_of(sr)
    assert values(scan, PRESENCE) == [ABSENT]
    assert values(scan, VOLUME) == [(0.0, "mm3")]
    assert children(scan, VOLUME)[UP] == (4.0, "mm3")
    assert "No soft-tissue calcification was found." in values(scan, "121106")
    assert sr.SeriesDescription.startswith("RESEARCH")


def test_what_is_unknown_is_left_out_and_never_nought(analysis: Analysis, tmp_path: Path) -> None:
    one = analysis.lesions[0]
    bare = replace(
        one,
        size=replace(one.size, volume_mm3=Interval(5.0), mesh_volume_mm3=None),
        calcium_mass_mg=None,
        agatston_score=None,
    )
    _, sr = write(replace(analysis, lesions=(bare,)), tmp_path)
    _, group = groups_of(sr)
    assert children(group, VOLUME) == {}
    for code in (MESH, "122661", "112058"):
        assert values(group, code) == []


@pytest.mark.parametrize(
    ("side", "laterality"), [("left", "7771000"), ("right", "24028007"), ("midline", None)]
)
def test_a_site_has_its_code_and_its_side_where_there_is_one(
    side: str, laterality: str | None, analysis: Analysis, tmp_path: Path
) -> None:
    one = analysis.lesions[0]
    placed = replace(one, site=replace(one.site, code="SCT 68367000", side=side, region="posterior_thigh"))
    _, sr = write(replace(analysis, lesions=(placed,)), tmp_path)
    _, group = groups_of(sr)
    assert values(group, "363698007") == ["68367000"]
    assert children(group, "363698007") == ({"272741003": laterality} if laterality else {})


def test_a_lesion_has_one_tracking_uid_on_every_date_and_the_later_report_has_the_response(
    run: Run, scan_folder: Path, later_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("compare", scan_folder, later_folder, "-o", out, "--no-figures").code == 0
    content = json.loads((out / "comparison.json").read_text("utf-8"))
    found = []
    for n in (0, 1):
        sr, seg = (dcmread(out / f"t{n}" / name) for name in ("measurements.sr.dcm", "lesions.seg.dcm"))
        _, *groups = groups_of(sr)
        present = {values(g, TRACKING_UID)[0]: values(g, PRESENCE)[0] for g in groups}
        assert set(present) == {track["tracking_uid"] for track in content["tracks"]}
        there = {uid for uid, state in present.items() if state == PRESENT}
        assert there == {segment.TrackingUID for segment in seg.SegmentSequence}
        assert there == {t["tracking_uid"] for t in content["tracks"] if t["lesions"][n]}
        found.append(sr)
    first, later = (groups_of(sr)[0] for sr in found)
    assert values(first, RESPONSE) == []
    assert values(later, RESPONSE) == [content["response"][0]["category"]]
    assert set(content["response"][0]["reasons"]) <= set(values(later, "121106"))
