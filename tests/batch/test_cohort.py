"""The page over many patients: its numbers are those of the tables, and it asks nobody for anything."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pipeline.batch.cohort import write_cohort
from pipeline.batch.job import Plan
from pipeline.batch.tables import write_tables
from pipeline.domain.analysis import Analysis
from pipeline.report.cohort.entries import PatientEntry, ScanEntry
from pipeline.report.cohort.gallery import small_picture, width_for
from pipeline.report.cohort.spaghetti import draw_spaghetti
from pipeline.report.cohort.waterfall import TOPS_PERCENT, Bar, draw_waterfall
from tests.batch.cohorts import HOSTILE_KEY, An, Cohort, a_job, write_patient
from tests.report.pages import HOSTILE, Watched, open_browser

READY = "html[data-ready=yes]"
HOSTILE_CODE = "odd"


def open_cohort(page: Page, file: Path) -> Watched:
    """The page over all patients, watched from the start, once it stands."""
    watched = Watched(page)
    page.goto(file.as_uri())
    page.wait_for_selector(READY)
    return watched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def written(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and the tables of a batch, one of whose patients was refused in hostile words."""
    out = tmp_path_factory.mktemp("page") / "out"
    shutil.copytree(cohort.out, out)
    (out / "patients" / "p-three" / "report.html").write_text("<h1>the report</h1>")
    for key in ("p-three", HOSTILE_KEY):  # they are one scan, but scans made by hand have no hash
        file = out / "patients" / key / "t0" / "measurements.json"
        content = json.loads(file.read_text("utf-8"))
        content["software"]["input_sha256"] = "5" * 64
        file.write_text(json.dumps(content), "utf-8")
    attempts = [one for one in cohort.attempts if one.key != HOSTILE_CODE]
    attempts.append(An(HOSTILE_CODE, "refused", HOSTILE, HOSTILE))
    write_tables(out, cohort.plan, attempts)
    write_cohort(out, cohort.plan, attempts)
    return out


@pytest.fixture(scope="module")
def opened(written: Path, browser: Browser) -> Watched:
    return open_cohort(browser.new_page(viewport={"width": 1400, "height": 900}), written / "cohort.html")


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(out / f"{name}.parquet").to_pylist())


def patient_rows(page: Page) -> dict[str, list[str]]:
    """Key → sorting values of the cells, as far as they are said."""
    return {
        row.locator("th").inner_text(): [
            cell.get_attribute("data-value") or "" for cell in row.locator("th,td").all()
        ]
        for row in page.locator("#table tbody tr").all()
    }


def number(text: str) -> float | None:
    return float(text) if text else None


def test_numbers_of_the_table_are_those_of_the_tables(opened: Watched, written: Path) -> None:
    shown = patient_rows(opened.page)
    told = {one["patient_key"]: one for one in rows(written, "patients") if one["status"] == "done"}
    assert list(shown) == list(told)
    for key, cells in shown.items():
        row = told[key]
        assert int(cells[1]) == row["scans"]
        assert cells[2] == str(row["first_date"] or "")
        assert number(cells[4]) == row["first_volume_mm3"]
        assert number(cells[5]) == (row["last_volume_mm3"] if row["scans"] > 1 else None)
        assert number(cells[6]) == row["change_percent"]


def test_answers_are_counted_and_sum_to_the_patients(opened: Watched, written: Path) -> None:
    told: dict[str, int] = {}
    for one in rows(written, "patients"):
        if one["status"] == "done":
            answer = one["response"] or "single"
            told[answer] = told.get(answer, 0) + 1
    found = {
        one.get_attribute("data-answer"): int(one.locator("strong").inner_text())
        for one in opened.page.locator(".answers li").all()
    }
    assert found == told
    assert "3 patients measured on 5 scans; 2 refused, 1 failed, 1 not run yet." in opened.page.inner_text(
        ".summary"
    )


def test_who_was_not_measured_is_listed_with_code_and_words(opened: Watched) -> None:
    cells = [row.inner_text().split("\t") for row in opened.page.locator(".others tbody tr").all()]
    told = {one[0]: one[1:] for one in cells}
    assert list(told) == ["absent", "broken", "late", "odd"]
    assert told["absent"][:2] == ["refused", "NOT_FOUND"]
    assert told["broken"] == ["failed", "OUT_OF_MEMORY", "needed more memory than allowed"]
    assert told["late"] == ["not run yet", "", "left for another run"]


def test_a_scan_that_stands_under_two_patients_is_named(opened: Watched) -> None:
    assert opened.page.inner_text(".remark") == (
        f"The same scan under several patients: p-three t0 = {HOSTILE_KEY} t0."
    )


def test_hostile_texts_stay_texts(opened: Watched) -> None:
    page = opened.page
    assert page.evaluate("globalThis.hacked") is None
    assert page.locator(".others tbody tr").last.locator("td").last.inner_text() == HOSTILE
    assert HOSTILE_KEY in patient_rows(page)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("globalThis.hacked") is None


def test_nothing_is_asked_for_and_nothing_is_complained_of(opened: Watched, written: Path) -> None:
    page = opened.page
    page.keyboard.press("ArrowRight")
    page.locator("#table thead button").nth(4).click()
    page.locator(".thumb").last.click()
    assert {url for url in opened.asked if not url.startswith("data:")} == {
        (written / "cohort.html").as_uri()
    }
    assert opened.complaints == []


def test_policy_forbids_every_address(written: Path) -> None:
    text = (written / "cohort.html").read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "http" not in policy[1]
    assert "unsafe" not in policy[1]
    body = re.sub(r"(<(script|style)\b[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)
    assert not re.findall(r"<[a-z][^>]*\s(?:style|on\w+)=|src=\"(?!data:)|https?:", body)


def test_keys_flick_through_the_scans_and_mark_them(opened: Watched) -> None:
    page = opened.page
    page.locator(".thumb").first.click()
    seen = []
    for _ in range(6):
        seen.append((page.inner_text("#counter"), page.inner_text("#caption").split(" · ")[:2]))
        page.keyboard.press("ArrowRight")
    assert [one[0] for one in seen] == ["1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5", "5 of 5"]
    assert seen[0][1] == ["p-three", "t0"]
    assert seen[3][1] == [HOSTILE_KEY, "t0"]
    page.keyboard.press("m")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("m")
    assert page.inner_text("#marks") == f"{HOSTILE_KEY} t0, أحمد t0"
    page.keyboard.press("m")
    assert page.inner_text("#marks") == "أحمد t0"
    assert page.locator("#large").evaluate("one => one.naturalWidth") > 300
    page.locator("#find").fill("m")
    page.keyboard.press("m")  # within a text it is a letter
    assert page.locator("#marks").inner_text() == "أحمد t0"
    page.locator("#find").fill("")


def test_a_scan_without_a_picture_says_so(written: Path, browser: Browser, cohort: Cohort) -> None:
    out = written.parent / "fewer"
    shutil.copytree(written, out)
    shutil.rmtree(out / "patients" / "p-three" / "t1" / "figures")
    watched = open_cohort(browser.new_page(), write_cohort(out, cohort.plan, cohort.attempts))
    page = watched.page
    assert [page.locator("#without").is_visible(), page.locator("#large").is_visible()] == [False, True]
    page.keyboard.press("ArrowRight")
    assert [page.locator("#without").is_visible(), page.locator("#large").is_visible()] == [True, False]
    assert watched.complaints == []
    page.close()


def test_playing_goes_to_the_end_and_stops(opened: Watched) -> None:
    page = opened.page
    page.locator(".thumb").nth(3).click()
    page.locator("#play").click()
    expect(page.locator("#counter")).to_have_text("5 of 5")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")


def test_table_is_sorted_by_numbers_with_empty_cells_last_and_searched(opened: Watched) -> None:
    page = opened.page
    page.locator("#table thead button").first.click()
    button, orders = page.locator("#table thead button").nth(4), []
    for _ in range(2):
        button.click()
        orders.append([float(cells[4]) for cells in patient_rows(page).values()])
    assert orders == [sorted(orders[0]), sorted(orders[0], reverse=True)]
    assert orders[0][0] == 0
    change = page.locator("#table thead button").nth(6)
    for _ in range(2):
        change.click()
        assert [cells[6] for cells in patient_rows(page).values()][1:] == ["", ""]
    page.locator("#find").fill("p-three")
    assert page.locator("#table tbody tr:visible").count() == 1
    assert page.inner_text("#found") == "1 of 3"
    page.locator("#find").fill("")
    assert page.locator("#table tbody tr:visible").count() == 3


def test_a_patient_leads_to_the_report_where_there_is_one(written: Path, browser: Browser) -> None:
    watched = open_cohort(browser.new_page(), written / "cohort.html")
    page = watched.page
    assert page.locator("#table tbody a").count() == 1
    page.locator("#table tbody a").click()
    page.wait_for_url("**/report.html")
    assert page.inner_text("h1") == "the report"
    page.close()


@pytest.mark.parametrize("width", [1400, 900, 500])
def test_page_is_not_wider_than_its_window(written: Path, browser: Browser, width: int) -> None:
    watched = open_cohort(browser.new_page(viewport={"width": width, "height": 900}), written / "cohort.html")
    assert watched.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    watched.page.close()


def test_one_patient_with_one_scan_and_no_lesion_makes_a_page_without_empty_charts(
    empty_scan: Analysis, browser: Browser, tmp_path: Path
) -> None:
    write_patient(tmp_path / "patients" / "a", empty_scan)
    file = write_cohort(tmp_path, Plan((a_job("a"),)), [An("a", "done")])
    watched = open_cohort(browser.new_page(), file)
    page = watched.page
    assert "1 patient measured on 1 scan; none was refused and none failed." in page.inner_text(".summary")
    assert page.locator(".waterfall").count() == 0
    assert page.locator("#others").count() == 0
    assert page.locator("#viewer").count() == 0
    assert "No pictures were made" in page.inner_text(".gallery")
    assert page.locator(".line circle").count() == 1
    assert watched.complaints == []
    page.close()


def test_nobody_measured_makes_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    file = write_cohort(tmp_path, Plan((a_job("a"),)), [An("a", "refused", "NO_CT", "no CT image")])
    watched = open_cohort(browser.new_page(), file)
    assert "0 patients measured on 0 scans; 1 refused." in watched.page.inner_text(".summary")
    assert watched.page.locator(".others tbody tr").count() == 1
    assert watched.complaints == []
    watched.page.close()


def test_the_same_results_give_the_same_page(cohort: Cohort, written: Path, tmp_path: Path) -> None:
    first = write_cohort(written, cohort.plan, cohort.attempts).read_bytes()
    assert write_cohort(written, cohort.plan, cohort.attempts[1:]).read_bytes() == first


def a_patient(key: str, *burdens_mm3: float, **row: Any) -> PatientEntry:
    """A patient of whom no more is known than burdens, and what the last row says."""
    volumes = {
        f"{name}_volume_mm3": value for name, value in zip(("first", "last"), burdens_mm3, strict=False)
    }
    limits = {f"{name}_volume_{end}_mm3": None for name in ("first", "last") for end in ("lower", "upper")}
    usual = {"patient_key": key, "response": "stable", "beyond_error": True, "days": 100} | limits
    scans = tuple(
        ScanEntry(key, n, 100 * n, volume, "", "", None, None) for n, volume in enumerate(burdens_mm3)
    )
    return PatientEntry(usual | volumes | row, int(key), scans, None)


def changed(key: str, before: float, after: float, half: float) -> PatientEntry:
    change = after - before
    percent = 100 * change / before if before else None
    limits = {"limit_lower_mm3": -half, "limit_upper_mm3": half}
    amounts = {"change_mm3": change, "change_percent": percent, "beyond_error": abs(change) > half}
    return a_patient(key, before, after, **amounts, **limits)


def percent_at(y: float, bars: list[Bar], known: dict[str, float]) -> float:
    """What a height stands for, by two bars whose change is known."""
    (one, a), (other, b) = [(bar.top + bar.height, known[bar.key]) for bar in bars if bar.key in known][:2]
    return a + (y - one) / (other - one) * (b - a)


def test_bars_are_as_high_as_the_change_and_their_lines_as_long_as_its_limits() -> None:
    patients = [changed("1", 1000, 500, 100), changed("2", 1000, 200, 100), changed("3", 1000, 1600, 200)]
    drawn = list(draw_waterfall(patients).bars)
    assert [bar.key for bar in drawn] == ["3", "1", "2"]
    known = {"1": -50.0, "2": -80.0}
    assert percent_at(drawn[0].top, drawn, known) == pytest.approx(60, abs=0.5)
    whisker = drawn[0].whisker
    assert whisker is not None
    assert [percent_at(y, drawn, known) for y in whisker] == pytest.approx([80, 40], abs=0.5)
    assert [bar.style for bar in drawn] == ["up", "down", "down"]


def test_what_is_not_a_share_has_no_bar_of_one() -> None:
    unknown = a_patient("2", 10, 20, change_mm3=None, change_percent=None, beyond_error=None)
    drawn = draw_waterfall(
        [
            changed("0", 0, 50, 5),
            changed("1", 0, 0, 5),
            unknown,
            changed("3", 100, 1000, 5),
            changed("4", 100, 103, 5),
            a_patient("5", 100.0, response=None),
        ]
    )
    assert [(bar.key, bar.style) for bar in drawn.bars] == [("2", "unknown"), ("3", "up"), ("4", "within")]
    assert [one.key for one in drawn.from_none] == ["0"]
    assert drawn.none_at_all == 1
    assert drawn.bars[1].above == "+900 %"
    assert max(TOPS_PERCENT) < 900


def test_lines_over_time_are_in_decades_and_none_lies_apart() -> None:
    drawn = draw_spaghetti([a_patient("0", 1000.0, 100.0), a_patient("1", 10.0, 0.0)])
    first, second = (line.points for line in drawn.lines)
    thousand, hundred, ten, none = first[0][1], first[1][1], second[0][1], second[1][1]
    assert thousand - hundred == pytest.approx(hundred - ten, abs=0.2)
    assert none == drawn.bottom > ten
    assert first[0][0] == drawn.left
    assert drawn.volumes[0] == (drawn.bottom, "none")


def test_pictures_of_hundreds_of_scans_fit_into_the_page(tmp_path: Path) -> None:
    assert [width_for(scans) for scans in (2, 200, 600, 5000)] == [1000, 760, 520, 380]
    assert small_picture(tmp_path / "none.png", 380) is None
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert small_picture(tmp_path / "bad.png", 380) is None
    Image.effect_noise((1400, 800), 40).save(tmp_path / "noise.png")
    url = small_picture(tmp_path / "noise.png", 520)
    assert url is not None
    assert len(json.dumps(url)) < 100_000
