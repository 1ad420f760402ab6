"""Which scans can be a patient's baseline and follow-ups."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from pipeline.domain.scan import Acquisition
from pipeline.errors import InputRefused
from pipeline.steps.succession import check_succession

FIRST = Acquisition(patient_key="a", birth_key="b", sex="F", study_date=dt.date(2019, 4, 1), input_sha256="1")
SECOND = replace(FIRST, study_date=dt.date(2020, 3, 1), input_sha256="2")
THIRD = replace(FIRST, study_date=dt.date(2021, 3, 1), input_sha256="3")


def refusal(*scans: Acquisition, same_patient: bool = False) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        check_succession(scans, same_patient=same_patient)
    return caught.value


def test_scans_of_one_patient_in_order_are_accepted() -> None:
    check_succession([FIRST, SECOND, THIRD], same_patient=False)


def test_two_scans_of_one_day_are_accepted() -> None:
    check_succession([FIRST, replace(SECOND, study_date=FIRST.study_date)], same_patient=False)


@pytest.mark.parametrize(
    "difference", [{"patient_key": "x"}, {"birth_key": "x"}, {"sex": "M"}], ids=["identifier", "birth", "sex"]
)
def test_two_patients_are_refused_unless_the_user_vouches(difference: dict[str, Any]) -> None:
    other = replace(SECOND, **difference)
    assert refusal(FIRST, other).code == "PATIENT_MISMATCH"
    check_succession([FIRST, other], same_patient=True)


def test_what_is_unknown_of_a_patient_is_not_compared() -> None:
    check_succession([FIRST, replace(SECOND, patient_key=None, birth_key=None, sex=None)], same_patient=False)


def test_a_patient_unknown_in_between_hides_no_mismatch() -> None:
    unknown = replace(SECOND, patient_key=None, birth_key=None, sex=None)
    refused = refusal(FIRST, unknown, replace(THIRD, patient_key="x"))
    assert refused.code == "PATIENT_MISMATCH"
    assert "t0 and t2" in refused.reason


def test_the_same_scan_twice_is_refused_even_if_the_user_vouches() -> None:
    assert refusal(FIRST, replace(SECOND, input_sha256="1"), same_patient=True).code == "SAME_SCAN"


def test_the_same_scan_is_refused_with_another_in_between() -> None:
    assert refusal(FIRST, SECOND, replace(THIRD, input_sha256="1")).code == "SAME_SCAN"


def test_scans_without_a_hash_are_not_taken_for_the_same() -> None:
    check_succession(
        [replace(FIRST, input_sha256=None), replace(SECOND, input_sha256=None)], same_patient=False
    )


def test_falling_dates_are_refused_by_name() -> None:
    refused = refusal(FIRST, THIRD, SECOND)
    assert refused.code == "DATES_REVERSED"
    assert "t1 and t2" in refused.reason


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_missing_date_is_asked_for_by_the_scan_it_belongs_to(n: int) -> None:
    scans = [FIRST, SECOND, THIRD]
    scans[n] = replace(scans[n], study_date=None)
    refused = refusal(*scans)
    assert refused.code == "BAD_DATE"
    assert f"t{n}=YYYY-MM-DD" in refused.reason


def test_reasons_hold_no_patient_text() -> None:
    assert "secret" not in str(refusal(FIRST, replace(SECOND, patient_key="secret")))
