"""JSON and CSV as files: nothing but numbers in them, units in the headers, same bytes."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.results.files import write_analysis, write_comparison, write_json
from pipeline.results.tables import LESION_COLUMNS, TRACK_COLUMNS, lesions_csv, tracks_csv

UNIT = re.compile(r"_(mm3|mm2|mm|hu|percent|days|mg)$")
WITHOUT_UNIT = {
    "id", "status", "source", "side", "region", "also_involves", "structure", "depth", "nearest_bone",
    "bone_part", "possibly_ossified", "fragment_count", "bone_contact", "touches_edge", "why_indeterminate",
    "tracking_uid", "track_id", "date_index", "lesions", "evaluable", "kind_since_last", "beyond_error",
    "reason", "kind_first_to_last", "agatston_score", "volume_note",
    "morphology", "recist_measurable", "description", "annotations", "annotation_words",
}  # fmt: skip


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_written(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": [1.0, value]}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_a_volume_that_is_not_finite_is_refused(baseline: Analysis, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_analysis(replace(baseline, noise_hu=float("nan")), tmp_path, version="0.1.0")


def test_json_is_utf8_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_json({"volume": "3 mm³", "z": None}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert json.loads((tmp_path / "a").read_text("utf-8"))["volume"] == "3 mm³"


@pytest.mark.parametrize("column", [*LESION_COLUMNS, *TRACK_COLUMNS])
def test_every_column_that_measures_has_its_unit(column: str) -> None:
    assert UNIT.search(column) or column in WITHOUT_UNIT


def test_lesions_have_a_row_each_with_the_numbers_of_the_analysis(baseline: Analysis) -> None:
    table = rows(lesions_csv(baseline))
    assert list(table[0]) == list(LESION_COLUMNS)
    for row, lesion in zip(table, baseline.lesions, strict=True):
        assert int(row["id"]) == lesion.id
        assert float(row["volume_mm3"]) == pytest.approx(lesion.size.volume_mm3.value, abs=1e-3)
        assert float(row["extent_z_mm"]) == pytest.approx(lesion.size.extent_mm[2], abs=1e-3)
        assert float(row["centroid_y_mm"]) == pytest.approx(lesion.size.centroid_lps_mm[1], abs=1e-3)
        limits = float(row["volume_lower_mm3"]), float(row["volume_upper_mm3"])
        assert 0 < limits[0] < lesion.size.volume_mm3.value < limits[1]
        assert (row["morphology"], row["description"]) == (lesion.morphology, lesion.description)
        assert row["recist_measurable"] == str(lesion.recist_measurable)
        assert row["agatston_score"] != ""
        assert row["core_mean_hu"] != ""
    density = replace(baseline.lesions[0].density, core=None)
    faint = replace(baseline.lesions[0], agatston_score=None, density=density)
    (row,) = rows(lesions_csv(replace(baseline, lesions=(faint,))))
    assert (row["agatston_score"], row["core_mean_hu"]) == ("", "")  # unknown is empty, not 0


def test_a_scan_without_lesions_has_a_header_alone(baseline: Analysis) -> None:
    assert lesions_csv(replace(baseline, lesions=())) == ",".join(LESION_COLUMNS) + "\r\n"


def test_tracks_have_a_row_for_each_date(comparison: Comparison) -> None:
    table = rows(tracks_csv(comparison))
    assert list(table[0]) == list(TRACK_COLUMNS)
    assert len(table) == 3 * len(comparison.tracks)
    for row in table:
        track = comparison.tracks[int(row["track_id"]) - 1]
        n = int(row["date_index"])
        volume = track.volume_mm3[n]
        assert row["volume_mm3"] == ("" if volume is None else str(round(volume.value, 3)))
        assert row["kind_since_last"] == (track.steps[n - 1].kind if n else "")
        said = [one for one in track.annotations if one.date_index == n]
        assert row["annotations"].split() == [one.code for one in said]
        assert all(one.words in row["annotation_words"] for one in said)


def test_a_folder_of_results_holds_the_names_of_the_bones(baseline: Analysis, tmp_path: Path) -> None:
    write_analysis(baseline, tmp_path, version="0.1.0")
    assert {file.name for file in tmp_path.iterdir()} == {"measurements.json", "lesions.csv", "skeleton.json"}
    names = json.loads((tmp_path / "skeleton.json").read_text())
    assert {int(value): name for value, name in names.items()} == dict(baseline.skeleton.names)


def test_a_comparison_is_written_the_same_twice(comparison: Comparison, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_comparison(comparison, tmp_path / name, version="0.1.0")
    for file in ("comparison.json", "tracks.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
