"""Keys of patients are names of folders everywhere, and nothing else."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.keys import KEY_BYTES, clean_label, fold, keys_of

HOSTILE = (
    "../../x",
    "..",
    "/etc/passwd",
    "C:\\Windows\\x",
    "=cmd|'/c calc'!A1",
    "@SUM(1)",
    "<img src=x onerror=alert(1)>",
    "a\x1b[31mb",
    "a\r\nb",
    "a\u202egnp.exe",
    "con",
    "LPT1.txt",
    "-rf",
    ".hidden",
    " ",
    "x" * 500,
    "\U0001f9b4" * 100,
)


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE)), max_size=12))
def test_every_key_is_a_harmless_name_and_no_two_are_one(labels: list[str]) -> None:
    keys = keys_of(labels)
    assert list(keys) == list(dict.fromkeys(labels))
    assert len({fold(key) for key in keys.values()}) == len(keys)
    for key in keys.values():
        assert Path(key).name == key
        assert key[0] not in "=+-@. "
        assert not any(unicodedata.category(c)[0] in "CZ" for c in key)
        assert not set(key) & set("/\\:<>|\"'`&?*")
        assert len(key.encode()) <= KEY_BYTES + 70


@given(st.lists(st.text(max_size=20), max_size=8))
def test_the_order_of_labels_changes_no_key(labels: list[str]) -> None:
    assert keys_of(reversed(labels)) == keys_of(labels)


@pytest.mark.parametrize("label", ["P01", "07-113", "sub-01", "أحمد", "患者1", "Müller"])
def test_a_harmless_label_is_its_own_key(label: str) -> None:
    assert keys_of([label]) == {label: label}


def test_what_is_left_of_a_label_stays_readable() -> None:
    keys = keys_of(["../../x", "x"])
    assert keys["x"] == "x"
    assert keys["../../x"].startswith("x-")


def test_labels_that_differ_by_case_alone_are_two_patients_in_two_folders() -> None:
    upper, lower = keys_of(["P01", "p01"]).values()
    assert fold(upper) != fold(lower)
    assert clean_label("P01") == "P01"


def test_the_key_of_a_changed_label_does_not_depend_on_the_others() -> None:
    assert keys_of(["a b"])["a b"] == keys_of(["z", "a b", "a_b"])["a b"]
