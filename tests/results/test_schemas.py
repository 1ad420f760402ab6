"""What is written is what the shipped JSON Schemas, and so the contract, allow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from typing import Any, get_args

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError
from scipy.spatial.transform import Rotation

from pipeline.domain.analysis import Analysis
from pipeline.domain.case import Case, Day, Examination, LabValue, Score, Treatment
from pipeline.domain.change import AnnotationCode, Comparison
from pipeline.domain.geometry import RigidTransform
from pipeline.domain.scan import Acquisition
from pipeline.results.record import comparison as comparison_record
from pipeline.results.record import measurements, rounded
from pipeline.steps.sites.muscles import REGION_OF_WORDS
from pipeline.steps.sites.territories import TERRITORIES

Record = dict[str, Any]


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((files("pipeline.results") / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture(scope="module")
def measured(baseline: Analysis) -> Record:
    return measurements(baseline, version="0.1.0")


FIRST_DAY, LATER_DAY = Day(dt.date(2019, 4, 11), 0), Day(None, -30)
COURSE = Case(
    treatments=(
        Treatment("alendronate", FIRST_DAY, LATER_DAY, 0.00025, "mg", "oral", "daily"),
        Treatment("other", LATER_DAY),
    ),
    examinations=(Examination("radiograph", LATER_DAY, "clear"),),
    scores=(Score("CMAS", FIRST_DAY, 48.0, (0.0, 52.0)), Score("VAS", FIRST_DAY, -1.5)),
    laboratory=(LabValue("CK", LATER_DAY, 1234.5678, "U/L"),),
)


@pytest.fixture(scope="module")
def compared(comparison: Comparison) -> Record:
    return comparison_record(replace(comparison, case=COURSE), version="0.1.0")


def test_measurements_are_valid(measured: Record) -> None:
    validator("measurements").validate(measured)
    assert [one["status"] for one in measured["lesions"]].count("definite") == 2


def test_comparison_is_valid(compared: Record) -> None:
    validator("comparison").validate(compared)
    kinds = {step["kind"] for track in compared["tracks"] for step in track["steps"]}
    assert kinds > {"resolved", "not_evaluable"}


def test_annotations_and_the_threshold_are_in_the_comparison(
    compared: Record, comparison: Comparison
) -> None:
    assert compared["threshold"]["same"] is True
    assert len(compared["threshold"]["seed_hu"]) == len(comparison.analyses)
    gone = next(track for track in compared["tracks"] if track["steps"][0]["kind"] == "resolved")
    first = gone["annotations"][0]
    assert (first["date_index"], first["code"], first["excluded_id"]) == (1, "no_longer_there", None)


def test_the_schema_allows_the_annotations_that_there_are_and_no_other(compared: Record) -> None:
    for code in (*get_args(AnnotationCode), "something_else"):
        copy = deepcopy(compared)
        copy["tracks"][0]["annotations"] = [
            {"date_index": 1, "code": code, "words": "in words", "excluded_id": None}
        ]
        assert validator("comparison").is_valid(copy) == (code in get_args(AnnotationCode))


def test_the_case_is_written_as_it_was_told(compared: Record) -> None:
    case = compared["case"]
    assert case["treatments"][0] == {
        "name": "alendronate",
        "start": {"date": "2019-04-11", "days_from_first": 0},
        "stop": {"date": None, "days_from_first": -30},
        "dose": 0.00025,  # not rounded: it is not ours
        "unit": "mg",
        "route": "oral",
        "interval": "daily",
    }
    assert case["treatments"][1]["stop"] is None
    assert case["examinations"] == [
        {"name": "radiograph", "date": None, "days_from_first": -30, "finding": "clear"}
    ]
    assert [(one["value"], one["range"]) for one in case["scores"]] == [(48.0, [0.0, 52.0]), (-1.5, None)]
    assert [(one["value"], one["unit"]) for one in case["laboratory"]] == [(1234.5678, "U/L")]


def test_a_comparison_without_a_case_has_empty_lists(comparison: Comparison) -> None:
    record = comparison_record(comparison, version="0.1.0")
    validator("comparison").validate(record)
    assert record["case"] == {"treatments": [], "examinations": [], "scores": [], "laboratory": []}


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("treatments", {"dose": 0}),
        ("treatments", {"name": ""}),
        ("treatments", {"patient_name": "Paula"}),
        ("examinations", {"finding": "<script>"}),
        ("examinations", {"date": "11.11.2019"}),
        ("scores", {"value": "48"}),
        ("scores", {"range": [0.0]}),
        ("laboratory", {"unit": None}),
        ("laboratory", {"days_from_first": 1.5}),
    ],
)
def test_a_case_that_the_contract_does_not_allow_is_not_valid(
    part: str, change: Record, compared: Record
) -> None:
    copy = deepcopy(compared)
    copy["case"][part][0] |= change
    assert not validator("comparison").is_valid(copy)


def test_a_scan_of_which_nothing_is_known_is_valid(baseline: Analysis) -> None:
    unknown = replace(baseline, scan=replace(baseline.scan, acquisition=Acquisition()), noise_hu=None)
    record = measurements(unknown, version="0.1.0")
    validator("measurements").validate(record)
    known = ("spacing_mm", "matrix", "flags", "coverage")
    assert all(value is None for key, value in record["scan"].items() if key not in known)


def objects(schema: Any, path: str = "$") -> Iterator[tuple[str, Record]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            yield from objects(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for n, value in enumerate(schema):
            yield from objects(value, f"{path}[{n}]")


@pytest.mark.parametrize("name", ["measurements", "comparison"])
def test_every_object_lists_its_fields_and_wants_them_all(name: str) -> None:
    free = {"$.$defs.burden.properties.by_region", "$.$defs.burden.properties.by_depth"}
    for path, schema in objects(validator(name).schema):
        if path not in free:
            assert schema["additionalProperties"] is False, path
            assert set(schema["required"]) == set(schema["properties"]), path


NAMES_OF_THEIR_OWN = ("by_region", "by_depth")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and value and path[-1:] not in [(name,) for name in NAMES_OF_THEIR_OWN]:
        for key in value:
            yield (*path, key)
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for n in range(min(1, len(value))):
            yield from leaves(value[n], (*path, n))


def without(record: Record, path: tuple[Any, ...]) -> Record:
    copy = deepcopy(record)
    at: Any = copy
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return copy


@pytest.mark.parametrize("name", ["measurements", "comparison"])
def test_a_record_without_one_of_its_fields_is_not_valid(
    name: str, measured: Record, compared: Record
) -> None:
    record = {"measurements": measured, "comparison": compared}[name]
    check = validator(name)
    paths = list(leaves(record))
    assert len(paths) > 60
    for path in paths:
        assert not check.is_valid(without(record, path)), path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("not_a_medical_device",), False),
        (("scan", "sex"), "X"),
        (("scan", "kvp"), 0),
        (("scan", "patient_name"), "Paula"),
        (("lesions", 0, "volume_mm3", "value"), None),
        (("lesions", 0, "volume_mm3", "value"), -1.0),
        (("lesions", 0, "status"), "probable"),
        (("lesions", 0, "site", "side"), "both"),
        (("lesions", 0, "axial", "y_mm"), 3.0),
        (("lesions", 0, "extent_mm"), [1.0, 2.0]),
        (("burden", "lesion_count"), 1.5),
        (("threshold", "seed_hu"), "220"),
    ],
)
def test_what_the_contract_does_not_allow_is_not_valid(
    path: tuple[Any, ...], value: Any, measured: Record
) -> None:
    copy = deepcopy(measured)
    at: Any = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(ValidationError):
        validator("measurements").validate(copy)


def test_numbers_of_the_record_are_those_of_the_analysis(baseline: Analysis, measured: Record) -> None:
    half = 0.5e-3  # lengths and volumes are written to a thousandth
    for lesion, one in zip(baseline.lesions, measured["lesions"], strict=True):
        assert one["volume_mm3"]["value"] == pytest.approx(lesion.size.volume_mm3.value, abs=half)
        assert one["axial"]["long_axis_mm"] == pytest.approx(lesion.size.axial.long_axis_mm, abs=half)
        assert one["coronal"]["y_mm"] == pytest.approx(lesion.size.coronal.position_mm, abs=half)
        assert one["sagittal"]["x_mm"] == pytest.approx(lesion.size.sagittal.position_mm, abs=half)
    definite = [one for one in measured["lesions"] if one["status"] == "definite"]
    assert measured["burden"]["lesion_count"] == len(definite)
    total = sum(one["volume_mm3"]["value"] for one in definite)
    assert measured["burden"]["volume_mm3"]["value"] == pytest.approx(total, abs=2 * half)


def test_the_registration_can_be_used_from_the_file(comparison: Comparison) -> None:
    """Points 500 mm from the origin land within a hundredth of a millimetre."""
    turn = Rotation.from_euler("xyz", (7.3, -4.1, 11.7), degrees=True).as_matrix()
    true = RigidTransform(turn, np.array([3.14159, -2.71828, 500.12345]), 1.0234567)
    own = replace(comparison.registrations[0], transform=true)
    record = comparison_record(replace(comparison, registrations=(own,)), version="0.1.0")
    (one,) = json.loads(json.dumps(record))["registration"]
    places = np.array([[300.0, -250.0, -500.0, 1.0], [0, 0, 500.0, 1.0]])
    moved = places @ np.array(one["matrix_lps"]).T
    assert np.allclose(moved[:, :3], true.apply(places[:, :3]), atol=0.01)
    assert one["scale"] == pytest.approx(1.0234567, abs=1e-7)


def test_voxel_sizes_are_not_rounded_off(baseline: Analysis) -> None:
    """0.9765625 mm, as scanners write it, taken as 0.977 would make a volume 0.1 % larger."""
    geometry = replace(
        baseline.geometry, affine=baseline.geometry.affine * np.array([1.0, 0.9765625, 0.9765625, 1.0])
    )
    scan = replace(baseline.scan, volume=replace(baseline.scan.volume, geometry=geometry))
    record = measurements(replace(baseline, scan=scan), version="0.1.0")
    assert record["scan"]["spacing_mm"] == pytest.approx([2.0, 0.9765625, 0.9765625], rel=1e-6)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        ((1.23456, None, "a"), [1.235, None, "a"]),
        (-0.0001, 0.0),
    ],
)
def test_plain_values_are_what_json_knows(value: Any, plain: Any) -> None:
    found = rounded(value)
    assert json.loads(json.dumps(found)) == plain
    assert type(found) is type(plain)


def test_every_region_that_is_told_is_one_of_the_schema() -> None:
    known = set(validator("measurements").schema["$defs"]["region"]["enum"])
    told = {territory.region for territory in TERRITORIES} | {region for _, region in REGION_OF_WORDS}
    assert told == known


def test_a_region_of_no_list_is_not_valid(measured: Record) -> None:
    check = validator("measurements")
    record = deepcopy(measured)
    site = record["lesions"][0]["site"]
    site |= {"region": "perineum", "also_involves": ["inguinal"], "code": "SCT 26893007"}
    check.validate(record)
    for wrong in ({"region": "groin"}, {"also_involves": ["multiple"]}, {"code": "groin"}):
        record["lesions"][0]["site"] = site | wrong
        assert not check.is_valid(record), wrong
