"""What the report says in sentences, and how the page is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Annotation, BurdenChange, Comparison, Track, TrackKind
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.domain.lesion import Interval, Site
from pipeline.domain.outlines import Edit
from pipeline.domain.scan import QualityFlag
from pipeline.domain.wording import change_of_volume_text
from pipeline.report.html import course, narrative, viewer
from pipeline.report.html.library import LibraryMissing
from pipeline.report.html.page import REPORT, write_comparison_report, write_report
from pipeline.report.html.scene3d import links_between
from pipeline.report.html.unbroken import unbroken
from tests.report.balls import RIGHT_LPS_MM, analysis_of
from tests.report.courses import Shown
from tests.report.courses import course as course_of
from tests.report.pages import first_scan, resolved


def test_impression_counts_the_lesions_and_names_the_place_of_the_largest() -> None:
    analysis = analysis_of((RIGHT_LPS_MM, 9.0), ((30.0, -20.0, -460.0), 6.0))
    large = replace(analysis.lesions[0], site=Site("right", "ischiofemoral_space"))
    analysis = replace(analysis, lesions=(large, analysis.lesions[1]))
    (sentence,) = narrative.impression(analysis)
    volume = f"{analysis.burden.volume_mm3.value / 1000:.1f} mL"
    assert sentence == (
        f"2 definite soft-tissue calcifications, {volume} together; the largest: right ischiofemoral space."
    )


def test_impression_names_no_place_of_a_largest_lesion_that_has_none() -> None:
    analysis = analysis_of((RIGHT_LPS_MM, 9.0), ((30.0, -20.0, -460.0), 6.0))
    unplaced = tuple(replace(one, site=Site(None, None)) for one in analysis.lesions)
    (sentence,) = narrative.impression(replace(analysis, lesions=unplaced))
    assert sentence.endswith(" together.")


def test_impression_of_an_empty_scan_says_what_would_have_been_seen() -> None:
    (sentence,) = narrative.impression(analysis_of())
    assert sentence == "No definite soft-tissue calcification; one of 5.0 mm³ or more would have been seen."


def test_indeterminate_findings_and_serious_flags_are_in_the_impression() -> None:
    _, unsure, beware = narrative.impression(first_scan())
    assert unsure.startswith("One finding is indeterminate")
    assert beware.startswith("Beware: noise")


def test_what_was_edited_by_hand_is_said_and_listed(tmp_path: Path) -> None:
    edits = (Edit("deleted", (), (3,), (), 1500.0, 0.0), Edit("merged", (1,), (1, 2), (2,), 40.0, 60.0))
    analysis = replace(analysis_of(), edits=edits)
    sentence = narrative.impression(analysis)[1]
    assert sentence == "Outlines were edited by hand: 2 changes, listed below."
    text = write_report(analysis, tmp_path, version="1").read_text("utf-8")
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    found = re.findall(r'<th scope="row">(deleted|merged)</th><td>(.*?)</td></tr>', text)
    doubt = ' <span class="quiet">(indeterminate: 2)</span>'
    assert [(what, cells.split("</td><td>")) for what, cells in found] == [
        ("deleted", ["–", "3", "1.5 mL", "0 mL"]),
        ("merged", ["1", "1, 2" + doubt, "40 mm³", "60 mm³"]),
    ]
    assert "edited by hand" not in write_report(analysis_of(), tmp_path, version="1").read_text("utf-8")


def test_findings_stand_by_place_with_the_largest_place_first() -> None:
    analysis = analysis_of(((30.0, -20.0, -460.0), 5.0), (RIGHT_LPS_MM, 9.0), ((-15.0, 10.0, -440.0), 4.0))
    sites = (Site("left", "paraspinal"), Site("right", "ischiofemoral_space"), Site("left", "paraspinal"))
    lesions = [replace(one, site=site) for one, site in zip(analysis.lesions, sites, strict=True)]
    found = narrative.findings(lesions)
    assert [one.place for one in found] == ["Right ischiofemoral space", "Left paraspinal region"]
    assert [[number for number, _ in one.sentences] for one in found] == [[2], [1, 3]]


@pytest.mark.parametrize(
    ("site", "title"),
    [
        (Site(), "Region unknown"),
        (Site("left", "multiple"), "Several regions"),
        (Site("midline", "perineum"), "Perineum in the midline"),
        (Site("right", "inguinal"), "Right groin"),
        (Site("left", "obturator_internus"), "Left obturator internus"),
    ],
    ids=lambda one: str(getattr(one, "region", one)),
)
def test_titles_of_places(site: Site, title: str) -> None:
    lesion = replace(first_scan().lesions[0], site=site)
    assert narrative.place_title(lesion) == title


def test_unnamed_bones_are_no_part_of_the_coverage() -> None:
    analysis = first_scan()
    coverage = replace(analysis.coverage, bones_complete=("sacrum", "other_bone", "hip_bone_left"))
    rows = dict(narrative.technique(replace(analysis, coverage=coverage)))
    assert rows["Coverage"].endswith("; complete: sacrum, left hip bone")


def test_unknown_acquisition_is_said_to_be_not_known() -> None:
    rows = dict(narrative.technique(analysis_of()))
    assert {rows[name] for name in ("Scanner", "Tube voltage", "Kernel", "Contrast medium")} == {"not known"}
    assert rows["Patient"] == "age not known, sex not known"


def test_dates_are_titled_with_the_months_since_the_first() -> None:
    comparison = resolved()
    titles = [course.date_title(comparison, n) for n in (0, 1)]
    assert titles == ["t0 · 2019-04-11", "t1 · 2020-03-10, after 11 months"]


def test_dates_that_are_hidden_are_titled_with_the_time_alone() -> None:
    comparison = resolved()
    points = tuple(replace(one, date=None) for one in comparison.time_points)
    hidden = replace(comparison, time_points=points)
    assert [course.date_words(hidden, n) for n in (0, 1)] == ["date unknown", "after 11 months"]


def following(kind: TrackKind, *volumes_mm3: float | None) -> Comparison:
    """One track of a lesion of 19 by 19 mm in the right ischiofemoral space."""
    comparison = resolved()
    track = comparison.tracks[0]
    intervals = tuple(None if one is None else Interval(one) for one in volumes_mm3)
    step = replace(track.steps[0], reason="not covered")
    return replace(comparison, tracks=(replace(track, kind=kind, volume_mm3=intervals, steps=(step,)),))


@pytest.mark.parametrize(
    ("kind", "volumes", "words"),
    [
        ("resolved", (3000.0, 0.0), "is no longer seen (3.0 mL before)"),
        ("decreased", (3000.0, 900.0), "is smaller (3.0 mL → 0.9 mL)"),
        ("increased", (3000.0, 9000.0), "is larger (3.0 mL → 9.0 mL)"),
        ("stable", (3000.0, 3001.0), "is unchanged within error (3.0 mL)"),
        ("new", (0.0, 3000.0), "is new (3.0 mL)"),
        ("not_evaluable", (3000.0, None), "cannot be judged (not covered)"),
    ],
)
def test_impression_names_a_lesion_by_size_and_place_and_says_what_became_of_it(
    kind: TrackKind, volumes: tuple[float | None, ...], words: str
) -> None:
    comparison = following(kind, *volumes)
    axes = comparison.analyses[0].lesions[0].size.axial
    size = f"{axes.long_axis_mm / 10:.1f} × {axes.short_axis_mm / 10:.1f} cm"
    sentence = course.course_impression(comparison)[1]
    assert sentence == f"The {size} calcification in the right ischiofemoral space {words}."


def test_impression_calls_nothing_new_that_may_be_growth_and_names_doubt() -> None:
    comparison = following("new", 0.0, 3000.0)
    growth = (Annotation(0, "may_be_growth", "may be growth"),)
    track = replace(comparison.tracks[0], annotations=growth)
    grown = course.course_impression(replace(comparison, tracks=(track,)))[1]
    assert "may be growth (3.0 mL)" in grown
    assert "is new" not in grown
    unsure = course.course_impression(resolved())[2]
    assert unsure.startswith("The indeterminate 1")
    assert unsure.endswith("cannot be judged (a reason).")


def test_change_from_nothing_has_no_percent() -> None:
    change = BurdenChange(0, 1, 3000.0, None, (-300.0, 300.0), True)
    assert course.change_text(change) == "a change beyond measurement error"


def test_smaller_places_are_summed_up() -> None:
    comparison = resolved()
    tracks: tuple[Track, ...] = tuple(replace(comparison.tracks[0], track_id=n) for n in range(1, 8))
    tracks = (*tracks[:6], replace(tracks[6], kind="stable", volume_mm3=(Interval(1.0), Interval(1.0))))
    sentences = course.course_impression(replace(comparison, tracks=tracks))
    assert len(sentences) == 1 + course.NAMED + 2
    alike = course.course_impression(replace(comparison, tracks=tracks[:6]))
    assert alike[-2] == "2 smaller lesions: all resolved."
    assert sentences[-2] == "3 smaller lesions: 2 resolved, 1 stable."


def test_burden_is_said_for_every_date_with_the_change_from_the_first_to_the_last() -> None:
    assert course.course_impression(resolved())[-1].endswith("−100 %, beyond measurement error.")
    three = course_of(Shown(0, 3000.0), Shown(100, 2000.0), Shown(200, 1000.0))
    sentence = course.course_impression(three)[-1]
    assert sentence == (
        "Burden 3.0 mL (2.7 to 3.6) → 2.0 mL (1.8 to 2.4) → 1.0 mL (0.9 to 1.2)."
    )  # only changes from date to date are known here


def test_same_input_gives_the_same_page(tmp_path: Path) -> None:
    comparison = resolved()
    first = write_comparison_report(comparison, tmp_path, version="1").read_bytes()
    assert write_comparison_report(comparison, tmp_path, version="1").read_bytes() == first


def test_page_without_the_library_says_so_and_keeps_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise LibraryMissing("the package ipyniivue is not installed")

    monkeypatch.setattr(viewer, "viewer_library", missing)
    text = write_report(first_scan(), tmp_path, version="1").read_text("utf-8")
    assert "Not in this report: the package ipyniivue is not installed." in text
    assert "<canvas" not in text
    assert text.count("data:image/jpeg;base64") == 2


@pytest.mark.parametrize("dates", [1, 3])
def test_pages_of_one_and_of_three_dates_are_written(dates: int, tmp_path: Path) -> None:
    if dates == 1:
        text = write_report(analysis_of(), tmp_path, version="1").read_text("utf-8")
        assert "No definite soft-tissue calcification" in text
    else:
        three = course_of(Shown(0, 3000.0), Shown(100, 2000.0), Shown(200, 1000.0))
        text = write_comparison_report(three, tmp_path, version="1").read_text("utf-8")
        assert text.count('<select class="date">') == 2
    assert (tmp_path / REPORT).stat().st_size == len(text.encode("utf-8"))


def test_links_carry_a_point_there_and_back() -> None:
    there, back = links_between(resolved())
    point = np.array([3.0, -4.0, -450.0, 1.0])
    moved = np.array(there["bones"][0]["matrix"]) @ point
    returned = np.array(back["bones"][0]["matrix"]) @ np.append(moved, 1.0)
    assert (there["from"], there["to"], back["from"], back["to"]) == (0, 1, 1, 0)
    assert returned == pytest.approx(point[:3])


MOST_BYTES = 15_000_000
PICTURES_BYTES = 2_000_000
"""Left for the pictures that a run draws."""


def noise() -> Analysis:
    """A body without air that is nothing but noise, of nearly as many voxels as the viewer is given."""
    geometry = Geometry.from_spacing((120, 300, 320), spacing_mm=(2.0, 1.0, 1.0), origin_lps_mm=(0, 0, 0))
    analysis = analysis_of(geometry=geometry)
    generator = np.random.default_rng(0)
    hu = generator.integers(-390, 1600, geometry.shape, dtype=np.int16)
    return replace(analysis, scan=replace(analysis.scan, volume=CTVolume(hu, geometry)))


def test_page_of_nothing_but_noise_stays_within_its_size(tmp_path: Path) -> None:
    size = write_report(noise(), tmp_path, version="1").stat().st_size
    assert size <= MOST_BYTES - PICTURES_BYTES


def test_as_many_dates_as_there_may_be_are_written(tmp_path: Path) -> None:
    many = course_of(*(Shown(30 * n, 1000.0) for n in range(40)))
    assert write_comparison_report(many, tmp_path, version="1").stat().st_size <= MOST_BYTES - PICTURES_BYTES


def test_the_method_says_whose_bones_they_are(tmp_path: Path) -> None:
    given = QualityFlag("ANATOMY_GIVEN", "info", "7 bones from a label map handed in")
    for flags, words in (((), "without a trained network"), ((given,), "that was handed in")):
        analysis = replace(analysis_of(), flags=flags)
        assert words in write_report(analysis, tmp_path, version="1").read_text("utf-8")


def test_volumes_beside_each_other_have_one_unit() -> None:
    assert change_of_volume_text([2600.0, 785.0]) == "2.6 mL → 0.8 mL"
    assert change_of_volume_text([19000.0, 5.7, 0.0]) == "19.0 mL → 0.006 mL → 0 mL"
    assert change_of_volume_text([785.0, 9.0]) == "785 mm³ → 9.0 mm³"


def test_a_number_stays_with_its_unit_and_its_limits() -> None:
    assert unbroken("53 mm³ (25 to 89), 8 × 5 mm (axial)") == "53~mm³ (25~to~89), 8~×~5~mm (axial)".replace(
        "~", "\N{NO-BREAK SPACE}"
    )
    assert unbroken("4 smaller lesions") == "4 smaller lesions"
    assert unbroken(Markup("1 mm")) == "1 mm"
