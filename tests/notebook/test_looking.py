from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline as cc
from pipeline.notebook import looking
from pipeline.results.record import comparison as comparison_record
from pipeline.results.record import measurements
from pipeline.workflow import analyse, compare
from tests.builders import a_scan, pelvis_of_two_shafts
from tests.conftest import BACK, FRONT


@pytest.fixture(scope="module")
def scan() -> cc.Scan:
    hu, geometry = pelvis_of_two_shafts({FRONT: 5.0, BACK: 7.0}, seed=5)
    return a_scan(hu, geometry)


def test_the_numbers_are_those_of_the_command(scan: cc.Scan) -> None:
    lower = cc.Settings().with_(candidates={"edge_hu": 150.0})
    for settings in (None, lower, None):
        own, fresh = cc.analyse(scan, settings), analyse(scan, settings)
        assert measurements(own, version="1") == measurements(fresh, version="1")


def test_what_is_remembered_is_bounded_and_can_be_given_back(scan: cc.Scan) -> None:
    cc.analyse(scan)
    voxels = scan.volume.hu.size
    assert 0 < cc.remembered_bytes(scan) <= looking.BYTES_PER_VOXEL * voxels
    cc.forget(scan)
    assert cc.remembered_bytes(scan) == 0
    cc.forget(scan)


def test_one_run_takes_a_third_of_what_is_remembered_at_most(scan: cc.Scan) -> None:
    cc.forget(scan)
    cc.analyse(scan)
    assert 3 * cc.remembered_bytes(scan) <= looking.BYTES_PER_VOXEL * scan.volume.hu.size


def test_what_is_remembered_goes_with_the_scan() -> None:
    hu, geometry = pelvis_of_two_shafts({FRONT: 5.0}, seed=6)
    scan = a_scan(hu, geometry)
    assert cc.analyse(scan).lesions
    gone = weakref.ref(scan)
    count = len(looking._memories)
    del scan
    gc.collect()
    assert gone() is None
    assert len(looking._memories) == count - 1


def test_settings_are_changed_by_name_and_refused_by_name() -> None:
    settings = cc.Settings().with_(candidates={"edge_hu": 150}, mimics={"few_voxels": 4})
    assert (settings.candidates.edge_hu, settings.mimics.few_voxels) == (150.0, 4)
    assert settings.candidates.seed_hu == cc.Settings().candidates.seed_hu
    for section, values, words in (
        ("candidates", {"edge": 150}, r"candidates\.edge: there is no such setting; like it: edge_hu"),
        ("candidate", {"edge_hu": 150}, "candidate: there is no such setting; like it: candidates"),
        ("candidates", {"edge_hu": 10}, r"candidates\.edge_hu: Input should be greater than or equal to 60"),
        ("candidates", {"edge_hu": "dense"}, r"candidates\.edge_hu: Input should be a valid number"),
        ("candidates", {"edge_hu": 500}, "seed_hu must not lie below edge_hu"),
    ):
        with pytest.raises(cc.UsageError, match=words):
            cc.Settings().with_(**{section: values})


def test_a_comparison_is_that_of_the_command(comparison: cc.Comparison) -> None:
    own = cc.compare(comparison.analyses)
    assert comparison_record(own, version="1") == comparison_record(compare(comparison.analyses), version="1")


def test_scans_of_two_patients_or_in_the_wrong_order_are_refused(comparison: cc.Comparison) -> None:
    first, later, _ = comparison.analyses
    with pytest.raises(cc.InputRefused, match="DATES_REVERSED"):
        cc.compare([later, first])
    other = replace(later.scan, acquisition=replace(later.scan.acquisition, patient_key="q"))
    with pytest.raises(cc.InputRefused, match="PATIENT_MISMATCH"):
        cc.compare([first, replace(later, scan=other)])
    with pytest.raises(cc.UsageError, match="at least two"):
        cc.compare([first])
    assert cc.compare([first, replace(later, scan=other)], same_patient=True).tracks


def test_a_later_scan_made_otherwise_is_flagged_beside_the_first(comparison: cc.Comparison) -> None:
    first, later, _ = comparison.analyses
    how = replace(later.scan.acquisition, kvp=100.0)
    own = cc.compare([first, replace(later, scan=replace(later.scan, acquisition=how))])
    assert "KVP_CHANGED" in {flag.code for flag in own.analyses[1].flags}
    assert "KVP_CHANGED" not in {flag.code for flag in own.analyses[0].flags}


def test_results_are_written_as_the_command_writes_them(
    baseline: cc.Analysis, comparison: cc.Comparison, tmp_path: Path
) -> None:
    cc.write(baseline, tmp_path / "one")
    assert {"measurements.json", "lesions.csv", "report.html", "lesions.nii.gz"} <= {
        file.name for file in (tmp_path / "one").iterdir()
    }
    with pytest.raises(cc.OutputError):
        cc.write(baseline, tmp_path / "one")
    cc.write(comparison, tmp_path / "one", overwrite=True)
    assert (tmp_path / "one" / "t2" / "lesions.csv").is_file()
    assert (tmp_path / "one" / "comparison.json").is_file()
