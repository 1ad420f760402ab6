"""Patients and dates are found by headers, NIfTI scans by the names of their folders."""

from __future__ import annotations

import datetime as dt
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pipeline.batch import census
from pipeline.batch.find import find_patients
from pipeline.batch.job import PatientJob, Plan
from pipeline.dicom.identity import config_folder, keyed_hash, load_salt
from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.series import dup, good_series, write_series

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def study(patient: str, date: str, *, series: str = "1", count: int = 12) -> list[Dataset]:
    """Slices of the good series as a study of its own."""
    uid = f"1.2.{int.from_bytes(patient.encode(), 'big')}.{date or 0}"
    slices = good_series()[:count]
    for n, one in enumerate(slices):
        one.PatientID, one.StudyDate, one.StudyInstanceUID = patient, date, uid
        one.SeriesInstanceUID, one.SOPInstanceUID = f"{uid}.{series}", f"{uid}.{series}.{n}"
        del one.PatientAge
    return slices


def key_of(patient: str) -> str:
    return keyed_hash(patient, load_salt(config_folder()), kind="patient") or ""


def only_job(plan: Plan) -> PatientJob:
    assert not plan.refusals, plan.refusals
    (job,) = plan.jobs
    return job


def shown(plan: Plan) -> str:
    return " ".join((*(f"{one.key} {one.code} {one.message}" for one in plan.refusals), *plan.notes))


def test_a_folder_for_each_date_is_a_scan_each_in_order_of_date(tmp_path: Path) -> None:
    write_series(study("P-1", "20210310"), tmp_path / "anna" / "a")
    write_series(study("P-1", "20200411"), tmp_path / "anna" / "b")
    write_series(study("P-2", "20200501"), tmp_path / "berta")
    plan = find_patients(tmp_path)
    jobs = {job.key: job for job in plan.jobs}
    assert set(jobs) == {key_of("P-1"), key_of("P-2")}
    assert [job.key for job in plan.jobs] == sorted(jobs)
    scans = jobs[key_of("P-1")].scans
    assert [scan.path for scan in scans] == [tmp_path / "anna" / "b", tmp_path / "anna" / "a"]
    assert all(scan.series_uid is None for one in plan.jobs for scan in one.scans)
    assert plan.notes == ()


def test_patients_and_dates_mixed_in_one_folder_are_parted_by_the_series(tmp_path: Path) -> None:
    for patient, date in (("P-2", "20200411"), ("P-1", "20210310"), ("P-1", "20200411")):
        write_series(study(patient, date), tmp_path)
    plan = find_patients(tmp_path)
    assert sorted(len(job.scans) for job in plan.jobs) == [1, 2]
    for job in plan.jobs:
        read = [read_scan(scan.path, series_uid=scan.series_uid) for scan in job.scans]
        assert {one.acquisition.patient_key for one in read} == {job.key}
        dates = [one.acquisition.study_date for one in read]
        assert dates == sorted(dates, key=str)


def test_of_several_series_of_a_date_the_one_is_chosen_that_measure_would(tmp_path: Path) -> None:
    alone, mixed = tmp_path / "alone", tmp_path / "mixed"
    sharp = study("P-1", "20200411", series="2")
    for one in sharp:
        one.ConvolutionKernel = "B70f"
    enhanced = study("P-1", "20200411")
    for one in (*enhanced, *sharp):
        one.ContrastBolusAgent = "IOMERON"
    unscaled = study("P-1", "20200411", series="3")
    for one in unscaled:
        one.RescaleSlope = None  # without agent it would be first, but its headers refuse it
    for folder in (alone, mixed):
        write_series([*enhanced, *sharp, *unscaled], folder / "x")
    write_series(study("P-2", "20200411"), mixed / "x")
    assert only_job(find_patients(alone)).scans[0].series_uid is None
    uid = read_scan(alone).acquisition.series_instance_uid
    job = next(job for job in find_patients(mixed).jobs if job.key == key_of("P-1"))
    assert job.scans[0].series_uid == uid
    assert str(uid).endswith(".1")


def test_a_study_copied_to_two_folders_is_one_scan_that_holds_both(tmp_path: Path) -> None:
    for name in ("cd", "backup"):
        write_series(study("P-1", "20200411"), tmp_path / "p" / name)
    write_series(study("P-2", "20200411"), tmp_path / "q")
    job = next(job for job in find_patients(tmp_path).jobs if job.key == key_of("P-1"))
    assert [(scan.path.name, scan.series_uid) for scan in job.scans] == [("p", None)]
    assert "REPEATED_FILES" in {flag.code for flag in read_scan(job.scans[0].path).flags}


def test_one_series_of_two_patients_in_a_folder_is_never_measured(tmp_path: Path) -> None:
    mixed = study("P-1", "20200411")
    for one in mixed[6:]:
        one.PatientID = "P-2"
    write_series(mixed, tmp_path)
    for job in find_patients(tmp_path).jobs:
        (scan,) = job.scans
        with pytest.raises(InputRefused) as caught:
            read_scan(scan.path, series_uid=scan.series_uid)
        assert caught.value.code == "MIXED_PATIENTS"


def test_results_kept_within_the_tree_change_nothing_of_the_plan(tmp_path: Path) -> None:
    write_series(study("P-1", "20200411"), tmp_path / "p")
    before = find_patients(tmp_path)
    own = tmp_path / "out" / "patients" / "x" / "t0"
    result = dup(good_series()[0])
    result.SOPClassUID = SECONDARY_CAPTURE
    write_series([result], own)
    (own / "im000").rename(own / "lesions.seg.dcm")
    nifti(own, "lesions.nii.gz", "skeleton.nii.gz", "measurements.json")
    after = find_patients(tmp_path)
    assert (after.jobs, after.refusals) == (before.jobs, before.refusals)


def test_folders_without_ct_are_refused_or_noted_and_nothing_of_their_names_is_said(tmp_path: Path) -> None:
    write_series(study("P-1", "20200411"), tmp_path / "Paula")
    other = dup(good_series()[0])
    other.SOPClassUID = SECONDARY_CAPTURE
    write_series([other], tmp_path / "Quentin")
    (tmp_path / "Romy").mkdir()
    (tmp_path / "Romy" / "letter.txt").write_text("dear")
    (tmp_path / "Silke").mkdir()
    (tmp_path / "Silke" / "cut").write_bytes(bytes(128) + b"DICM\2\0\0\0UL\4\0\xff")
    plan = find_patients(tmp_path)
    assert [job.key for job in plan.jobs] == [key_of("P-1")]
    assert [one.code for one in plan.refusals] == ["NO_CT", "NO_CT"]
    assert any("Secondary Capture" in one.message for one in plan.refusals)
    assert "1 folders below the root hold no DICOM at all" in plan.notes
    assert not any(name in shown(plan) for name in ("Paula", "Quentin", "Romy", "Silke", "P-1"))


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ({"PatientBirthDate": "19990101"}, "PATIENT_MISMATCH"),
        ({"PatientSex": "M"}, "PATIENT_MISMATCH"),
        ({"PatientAge": "041Y"}, "PATIENT_MISMATCH"),
        ({"StudyDate": ""}, "BAD_DATE"),
        ({"StudyDate": "20200411"}, "AMBIGUOUS_SERIES"),
    ],
)
def test_what_cannot_be_one_patient_in_order_refuses_this_patient(
    tmp_path: Path, second: dict[str, str], code: str
) -> None:
    write_series(study("P-1", "20200411"), tmp_path / "a")
    later = study("P-1", "20210310")
    for one in later:
        one.update({name: value for name, value in second.items()})  # noqa: C416
        one.StudyInstanceUID = "1.9"
    write_series(later, tmp_path / "b")
    write_series(study("P-2", "20200411"), tmp_path / "c")
    plan = find_patients(tmp_path)
    assert [(one.key, one.code) for one in plan.refusals] == [(key_of("P-1"), code)]
    assert [job.key for job in plan.jobs] == [key_of("P-2")]


def test_a_study_of_too_few_images_does_not_stand_for_a_date(tmp_path: Path) -> None:
    write_series(study("P-1", "20200411"), tmp_path / "a")
    write_series(study("P-1", "20210310", count=2), tmp_path / "b")
    plan = find_patients(tmp_path)
    assert [scan.path.name for scan in only_job(plan).scans] == ["a"]
    assert plan.notes == ("1 studies have no series of three CT images or more",)


def test_without_an_identifier_name_and_birth_part_patients_then_folders(tmp_path: Path) -> None:
    for n, (name, folder) in enumerate((("A", "x"), ("B", "y"), ("A", "z"), ("", "u"), ("", "v"))):
        slices = study("", f"2020041{n}")
        for one in slices:
            one.PatientName, one.PatientBirthDate = name, "19990101" if name else ""
        write_series(slices, tmp_path / folder)
    assert sorted(len(job.scans) for job in find_patients(tmp_path).jobs) == [1, 1, 1, 2]


def test_zips_in_the_tree_are_looked_into_and_named_as_the_scan(tmp_path: Path) -> None:
    folder = write_series(study("P-1", "20200411"), tmp_path / "out")
    (tmp_path / "tree" / "p").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "tree" / "p" / "cd.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"DICOM/{file.name}")
    write_series(study("P-1", "20210310"), tmp_path / "tree" / "p" / "later")
    scans = only_job(find_patients(tmp_path / "tree")).scans
    assert [scan.path.name for scan in scans] == ["cd.zip", "later"]
    assert [read_scan(one.path).volume.geometry.shape[0] for one in scans] == [12, 12]
    assert only_job(find_patients(tmp_path / "tree" / "p" / "cd.zip")).scans[0].path.name == "cd.zip"


def test_links_pipes_and_bombs_neither_block_nor_lead_out_nor_refuse_the_others(tmp_path: Path) -> None:
    outside = write_series(study("P-9", "20200411"), tmp_path / "outside")
    root = tmp_path / "root"
    write_series(study("P-1", "20200411"), root / "a")
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(outside)
    (root / "b").mkdir()
    with zipfile.ZipFile(root / "b" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(2**27))
    plan = find_patients(root)
    assert [job.key for job in plan.jobs] == [key_of("P-1")]
    assert [one.code for one in plan.refusals] == ["RESOURCE_LIMIT"]
    assert "1 files: not a regular file" in plan.notes
    assert "2 files: a link to a folder" in plan.notes


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as caught:
        find_patients(tmp_path / "nowhere")
    assert caught.value.code == "NOT_FOUND"


def nifti(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def paths(plan: Plan, root: Path) -> dict[str, list[str]]:
    return {job.key: [one.path.relative_to(root).as_posix() for one in job.scans] for job in plan.jobs}


def test_bids_sessions_are_dated_by_their_tables(tmp_path: Path) -> None:
    nifti(
        tmp_path,
        "sub-01/ses-b/ct/sub-01_ses-b_ct.nii.gz",
        "sub-01/ses-a/ct/sub-01_ses-a_ct.nii.gz",
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-02/ct/sub-02_ct.nii.gz",
        "sub-03/ses-20200411/sub-03_ses-20200411.nii",
        "sub-03/ses-20190411/sub-03_ses-20190411.nii",
        "sub-04/ses-1/a.nii",
        "sub-04/ses-2/a.nii",
        "sub-05/ct/x_ct.nii",
        "sub-05/ct/y_ct.nii",
        "derivatives/sub-01/sub-01_ct.nii.gz",
        "sub-02/ct/sub-02_lesion_mask.nii.gz",
    )
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\nses-b\t2021-01-01T12:00:00\nses-a\tn/a\n"
    )
    (tmp_path / "sub-01" / "ses-a" / "sub-01_ses-a_scans.tsv").write_text(
        "filename\tacq_time\nct/sub-01_ses-a_ct.nii.gz\t2020-01-01T00:00:00\n"
    )
    plan = find_patients(tmp_path)
    assert paths(plan, tmp_path) == {
        "sub-01": ["sub-01/ses-a/ct/sub-01_ses-a_ct.nii.gz", "sub-01/ses-b/ct/sub-01_ses-b_ct.nii.gz"],
        "sub-02": ["sub-02/ct/sub-02_ct.nii.gz"],
        "sub-03": [
            "sub-03/ses-20190411/sub-03_ses-20190411.nii",
            "sub-03/ses-20200411/sub-03_ses-20200411.nii",
        ],
    }
    assert [one.date for one in plan.jobs[0].scans] == [dt.date(2020, 1, 1), dt.date(2021, 1, 1)]
    assert [(one.key, one.code) for one in plan.refusals] == [
        ("sub-04", "BAD_DATE"),
        ("sub-05", "AMBIGUOUS_SERIES"),
    ]
    assert "2 NIfTI files: label maps, derived, or beside DICOM" in plan.notes


def test_plain_nifti_folders_are_patients_whose_names_are_not_told(tmp_path: Path) -> None:
    nifti(tmp_path, "Anna/2020-04-11/ct.nii.gz", "Anna/2019-04-11/ct.nii.gz", "Berta/ct.nii", "Carla.nii.gz")
    nifti(tmp_path, "Anna/2020-04-11/lesions.nii.gz", "Berta/mask.nii")
    plan = find_patients(tmp_path)
    assert sorted(paths(plan, tmp_path).values()) == [
        ["Anna/2019-04-11/ct.nii.gz", "Anna/2020-04-11/ct.nii.gz"],
        ["Berta/ct.nii"],
        ["Carla.nii.gz"],
    ]
    assert not any(name in job.key for job in plan.jobs for name in ("Anna", "Berta", "Carla"))


def test_subjects_of_one_label_in_two_data_sets_stay_two(tmp_path: Path) -> None:
    nifti(tmp_path, "a/sub-01/x.nii", "b/sub-01/x.nii", "a/sub-02/x.nii")
    assert sorted(len(job.scans) for job in find_patients(tmp_path).jobs) == [1, 1, 1]


def test_dicom_goes_before_nifti_of_the_same_folder(tmp_path: Path) -> None:
    write_series(study("P-1", "20200411"), tmp_path / "p" / "dcm")
    nifti(tmp_path, "p/nii/ct.nii.gz", "q/ct.nii.gz")
    plan = find_patients(tmp_path)
    assert sorted(scan.path.name for job in plan.jobs for scan in job.scans) == ["ct.nii.gz", "dcm"]


def test_what_is_kept_of_the_headers_does_not_grow_with_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(study("P-1", "20200411"), tmp_path)
    header = census.look_at(census.open_tree(tmp_path).__enter__(), "im000")

    class Crowd:
        names: Sequence[str] = ("im000",) * 100_000
        skipped = ()

    monkeypatch.setattr(census, "look_at", lambda *_: header)
    counted = census.Census()
    assert list(census._count(counted, Crowd(), tmp_path, top=None)) == []  # type: ignore[arg-type]
    (one,) = counted.studies.values()
    assert one.slices_at.total() == 100_000
    assert len(one.slices_at) == len(one.slices_of) == len(counted.slices_below) == 1
