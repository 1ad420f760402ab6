from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

import pipeline as cc

MOST_BYTES = 60_000
EVIL = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Collects tags, and fails on one that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        self.tags.add(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def read(value: Any) -> Reader:
    html = value._repr_html_()
    assert len(html.encode()) <= MOST_BYTES
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert not re.search(r"https?://|\bon\w+=", html)
    return reader


@pytest.fixture(scope="module")
def odd(baseline: cc.Analysis) -> cc.Analysis:
    """Texts of headers and of maps that hold markup, and a patient."""
    how = replace(baseline.scan.acquisition, kernel=EVIL, manufacturer=EVIL, patient_key="ROE^JANE")
    lesions = [replace(one, site=replace(one.site, structure=EVIL)) for one in baseline.lesions]
    flags = tuple(replace(one, message=EVIL, severity="warning") for one in baseline.flags)
    return replace(
        baseline, scan=replace(baseline.scan, acquisition=how), lesions=tuple(lesions), flags=flags
    )


def test_a_scan_shows_itself_with_a_picture(baseline: cc.Analysis) -> None:
    page = read(baseline.scan)
    assert "img" in page.tags
    assert "24 × 88 × 112 of 2 × 1 × 1 mm" in page.words
    assert "120 kVp" in page.words


def test_an_analysis_lists_its_lesions_with_pictures(baseline: cc.Analysis) -> None:
    page = read(baseline)
    assert "2 definite lesions" in page.words
    assert page.tags >= {"img", "table"}


def test_a_lesion_says_what_it_is(baseline: cc.Analysis) -> None:
    lesion = baseline.lesions[0]
    assert lesion.description in read(lesion).words


def test_a_comparison_tells_the_answer_and_every_track(comparison: cc.Comparison) -> None:
    page = read(comparison)
    for track in comparison.tracks:
        assert f"Track {track.track_id}" in page.words
    assert comparison.responses[-1].category.replace("_", " ") in page.words


def test_markup_in_texts_is_shown_as_text_and_no_patient_is_named(odd: cc.Analysis) -> None:
    for value in (odd, odd.scan, *odd.lesions):
        page = read(value)
        assert "script" not in page.tags
        assert "ROE" not in page.words


def test_many_lesions_make_no_long_page(baseline: cc.Analysis) -> None:
    many = replace(baseline, lesions=baseline.lesions * 100)
    assert "and 292 more" in read(many).words
