"""The report in a browser: it shows what was measured, does what it offers, and asks nobody for anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from pipeline.domain.change import Comparison
from pipeline.report.html.page import write_comparison_report, write_report
from pipeline.results.files import write_analysis, write_comparison
from tests.report.pages import (
    FAINT_LPS_MM,
    HOSTILE,
    LEFT_OUT_LPS_MM,
    RIGHT_LPS_MM,
    SHIFT_MM,
    Watched,
    first_scan,
    open_browser,
    open_report,
    pixels,
    resolved,
    three_dates,
)

VOXEL_MM = 4.0
"""The longest side of the voxels: the viewer's cross stands on one."""


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return resolved()


@pytest.fixture(scope="module")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both reports with the numbers beside them."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "t0").mkdir()
    write_analysis(comparison.analyses[0], folder / "t0", version="1")
    write_comparison(comparison, folder, version="1")
    write_report(comparison.analyses[0], folder / "t0", version="1")
    write_comparison_report(comparison, folder, version="1")
    return folder


class WatchedReport(Watched):
    """A report, whose viewer has crosses."""

    def at(self, pane: int) -> NDArray[np.float64]:
        """Where the cross stands, LPS mm."""
        return np.array(self.page.evaluate(f"calcinosisViewer.panes[{pane}].at"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(folder: Path, browser: Browser) -> WatchedReport:
    watched = WatchedReport(browser.new_page(viewport={"width": 1400, "height": 900}))
    open_report(watched.page, folder / "report.html")
    return watched


@pytest.fixture
def report(opened: WatchedReport) -> WatchedReport:
    """The page as it stands when it is opened."""
    page = opened.page
    for layer, shown in (("lesions", True), ("excluded", False), ("skeleton", True)):
        page.locator(f"#show-{layer}").set_checked(shown)
    page.locator("#linked").set_checked(True)
    page.locator("[data-window=bone]").click()
    page.locator("[data-spots]").first.click()
    return opened


@pytest.fixture(scope="module")
def markup(folder: Path) -> str:
    """The page without the insides of its scripts and styles."""
    text = (folder / "report.html").read_text("utf-8")
    return re.sub(r"(<(script|style)\b[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)


def amber(picture: NDArray[np.int16]) -> int:
    """Pixels in the colour of lesions."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return int(((red - blue > 60) & (green - blue > 25) & (red > 110)).sum())


def pink(picture: NDArray[np.int16]) -> int:
    """Pixels in the colour of what is not counted."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return int(((red - green > 40) & (blue - green > 30)).sum())


def test_nothing_is_asked_for_and_nothing_is_complained_of(report: WatchedReport, folder: Path) -> None:
    page = report.page
    page.locator("#show-excluded").check()
    page.locator("[data-window=wide]").click()
    page.locator("canvas.planes").first.hover()
    page.mouse.wheel(0, 120)
    page.locator("canvas.solid").first.click()
    page.locator("summary").last.click()
    page.locator("[data-spots]").last.click()
    page.locator("summary").last.click()
    outside = [url for url in report.asked if not url.startswith(("data:", "blob:"))]
    assert set(outside) == {(folder / "report.html").as_uri()}
    assert [one for one in report.complaints if not one.startswith("debug")] == []


def test_every_canvas_shows_a_picture(report: WatchedReport) -> None:
    for canvas in report.page.locator("canvas").all():
        picture = pixels(canvas)
        assert picture.std() > 5
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 8


def shown_mm3(text: str) -> tuple[float, float]:
    """The volume at the head of a cell and half of its last digit, in mm³."""
    found = re.match(r"([\d.]+)(?: \([\d.]+ to [\d.]+\))? ?(mL|mm³)|([\d.]+) (mL|mm³)", text)
    assert found is not None, text
    number, unit = found.group(1) or found.group(3), found.group(2) or found.group(4)
    digit = 10.0 ** -len(number.partition(".")[2]) / 2
    factor = 1000.0 if unit == "mL" else 1.0
    return float(number) * factor, digit * factor


def rows_of(page: Page, heading: str) -> list[list[str]]:
    """Texts of the cells of the table under a heading, their units parted by plain spaces."""
    rows = page.locator(f"section[aria-labelledby={heading}] tbody tr")
    return [
        [cell.inner_text().strip().replace("\N{NO-BREAK SPACE}", " ") for cell in row.locator("th, td").all()]
        for row in rows.all()
    ]


def test_volumes_of_the_tracks_are_those_of_the_json(report: WatchedReport, folder: Path) -> None:
    content = json.loads((folder / "comparison.json").read_text("utf-8"))
    rows = rows_of(report.page, "tracks")
    assert [int(row[0]) for row in rows] == [track["track_id"] for track in content["tracks"]]
    for row, track in zip(rows, content["tracks"], strict=True):
        value, digit = shown_mm3(row[2])
        assert value == pytest.approx(track["volume_mm3"][0]["value"], abs=digit * 1.001)
        assert row[4] == track["kind"].replace("_", " ")
    assert rows[0][3] == "nothing seen"
    assert rows[1][3].splitlines() == ["not evaluable", "now part of the bone"]


def test_answer_is_the_one_of_the_json(report: WatchedReport, folder: Path) -> None:
    content = json.loads((folder / "comparison.json").read_text("utf-8"))
    (row,) = rows_of(report.page, "response")
    category = content["response"][-1]["category"].replace("_", " ")
    assert row[1].splitlines()[0].lower() == category
    for reason in content["response"][-1]["reasons"]:
        assert reason in row[3]
    assert report.page.locator(".answer").inner_text().lower().startswith(category)


def test_comparison_says_that_the_thresholds_were_not_the_same(report: WatchedReport) -> None:
    assert (
        "contrast medium on one date" in report.page.locator("section[aria-labelledby=response]").inner_text()
    )


def test_click_on_a_row_moves_both_crosses_to_the_lesion(report: WatchedReport) -> None:
    buttons = report.page.locator("section[aria-labelledby=tracks] [data-spots]")
    for button, place in zip(buttons.all(), (RIGHT_LPS_MM, FAINT_LPS_MM), strict=True):
        button.click()
        assert np.abs(report.at(0) - place).max() <= VOXEL_MM / 2 + 0.1
        assert np.abs(report.at(1) - np.add(place, SHIFT_MM)).max() <= VOXEL_MM / 2 + 0.1
        assert "chosen" in (button.locator("xpath=ancestor::tr").get_attribute("class") or "")
    assert report.page.locator("tr.chosen").count() == 1


def test_click_on_what_was_left_out_shows_it(report: WatchedReport) -> None:
    page = report.page
    summary = page.locator("section[aria-labelledby=left-out] summary").first
    summary.click()
    page.locator("section[aria-labelledby=left-out] [data-spots]").first.click()
    assert page.locator("#show-excluded").is_checked()
    assert np.abs(report.at(0) - LEFT_OUT_LPS_MM).max() <= VOXEL_MM / 2 + 0.1
    assert np.abs(report.at(1) - np.add(LEFT_OUT_LPS_MM, SHIFT_MM)).max() <= VOXEL_MM / 2 + 0.1
    assert pink(pixels(page.locator("canvas.planes").first)) > 20
    summary.click()


@pytest.mark.parametrize("canvas", ["planes", "solid"])
def test_lesions_are_seen_until_they_are_switched_off(canvas: str, report: WatchedReport) -> None:
    place = report.page.locator(f"canvas.{canvas}").first
    with_them = amber(pixels(place))
    report.page.locator("#show-lesions").uncheck()
    assert with_them > 100
    assert amber(pixels(place)) < with_them / 20
    report.page.locator("#show-lesions").check()
    assert amber(pixels(place)) == with_them


@pytest.mark.parametrize("canvas", ["planes", "solid"])
def test_switching_the_skeleton_off_changes_the_picture(canvas: str, report: WatchedReport) -> None:
    place = report.page.locator(f"canvas.{canvas}").first
    with_it = pixels(place)
    report.page.locator("#show-skeleton").uncheck()
    assert (np.abs(pixels(place) - with_it).max(axis=-1) > 20).sum() > 50


def test_window_presets_and_free_window_change_the_grey(report: WatchedReport) -> None:
    page, place = report.page, report.page.locator("canvas.planes").first
    page.locator("#show-skeleton").uncheck()
    bone = pixels(place).mean()
    page.locator("[data-window='soft tissue']").click()
    assert [page.locator(name).input_value() for name in ("#level", "#width")] == ["40", "400"]
    soft = pixels(place).mean()
    assert soft > bone + 10  # muscle of 60 HU is dark in the bone window and grey in the other
    page.locator("#level").fill("3000")
    assert pixels(place).mean() < bone
    assert page.locator("[data-window][aria-pressed=true]").count() == 0


def test_right_drag_widens_the_window_and_brightens(report: WatchedReport) -> None:
    page, place = report.page, report.page.locator("canvas.planes").first
    before = pixels(place).mean()
    box = place.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 120)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 80, box["y"] + 20, steps=4)
    page.mouse.up(button="right")
    page.mouse.move(box["x"] + 200, box["y"] + 20)
    level, width = (float(page.locator(name).input_value()) for name in ("#level", "#width"))
    assert width > 1500
    assert level < 450
    assert pixels(place).mean() > before


def test_zoom_enlarges_what_is_under_the_cross(report: WatchedReport) -> None:
    page, place = report.page, report.page.locator("canvas.planes").first
    small = amber(pixels(place))
    at = report.at(0)
    page.locator("#zoom").fill("2")
    try:
        assert amber(pixels(place)) == pytest.approx(4 * small, rel=0.3)  # the cross hides a part
        assert np.array_equal(report.at(0), at)
    finally:
        page.locator("#zoom").fill("1")


def test_wheel_goes_through_the_slices(report: WatchedReport) -> None:
    page, place = report.page, report.page.locator("canvas.planes").first
    before = report.at(0)
    place.scroll_into_view_if_needed()
    place.hover(position={"x": 60, "y": 60})
    page.mouse.wheel(0, 120)
    assert np.abs(report.at(0) - before).max() > 1.0


@pytest.mark.parametrize("key", ["v", "c", "m", "h"])
def test_keys_of_the_library_change_nothing(key: str, report: WatchedReport) -> None:
    page, place = report.page, report.page.locator("canvas.planes").first
    place.focus()
    before, at = pixels(place), report.at(0)
    page.keyboard.press(key)
    assert np.array_equal(pixels(place), before)
    assert np.array_equal(report.at(0), at)


def test_dates_move_together_to_where_the_registration_says(
    report: WatchedReport, comparison: Comparison
) -> None:
    page, transform = report.page, comparison.registrations[0].transform
    page.locator(".pane").first.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "PageUp"):
        page.keyboard.press(key)
    assert np.abs(report.at(1) - transform.apply(report.at(0))).max() < 0.2  # the cross stands between voxels
    page.locator(".pane").last.focus()
    page.keyboard.press("ArrowRight")
    assert np.abs(report.at(0) - transform.inverse().apply(report.at(1))).max() < 0.2


def test_dates_that_are_not_linked_move_alone(report: WatchedReport) -> None:
    page = report.page
    page.locator("#linked").uncheck()
    before = report.at(1)
    page.locator(".pane").first.focus()
    page.keyboard.press("ArrowLeft")
    assert np.array_equal(report.at(1), before)


@pytest.mark.parametrize(
    ("key", "step_mm"),
    [
        ("ArrowLeft", (-1.5, 0, 0)),
        ("ArrowRight", (1.5, 0, 0)),
        ("ArrowUp", (0, -1.5, 0)),
        ("ArrowDown", (0, 1.5, 0)),
        ("PageUp", (0, 0, 4.0)),
        ("PageDown", (0, 0, -4.0)),
    ],
)
def test_keys_move_the_cross_by_a_voxel_as_the_axial_picture_lies(
    key: str, step_mm: tuple[float, float, float], report: WatchedReport
) -> None:
    report.page.locator(".pane").first.focus()
    report.page.keyboard.press(key)  # from between voxels onto one
    before = report.at(0)
    report.page.keyboard.press(key)
    assert report.at(0) - before == pytest.approx(np.array(step_mm), abs=0.01)


def test_row_can_be_chosen_by_keyboard_alone(report: WatchedReport) -> None:
    page = report.page
    page.locator("section[aria-labelledby=tracks] [data-spots]").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert np.abs(report.at(0) - FAINT_LPS_MM).max() <= VOXEL_MM / 2 + 0.1


def test_hostile_texts_stay_text(report: WatchedReport) -> None:
    page = report.page
    assert page.evaluate("globalThis.hacked === undefined")
    assert page.locator("img[src=x]").count() == 0
    visible = page.locator("body").inner_text()
    assert visible.count("{{ 7 * 7 }}") >= 5
    assert HOSTILE in page.locator("section[aria-labelledby=technique]").inner_text()
    assert HOSTILE in page.locator("section[aria-labelledby=quality]").inner_text()


def test_markup_names_nothing_outside_itself(markup: str) -> None:
    assert "http-equiv" in markup
    assert not re.search(r"\bhttps?:|//[a-z]", markup)
    for address in re.findall(r"\b(?:src|href|action|data|poster|srcset)=\"([^\"]*)\"", markup):
        assert address.startswith(("data:image/", "#"))


def test_policy_allows_the_pages_own_script_and_style_only(markup: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', markup)
    allowed = dict(part.strip().partition(" ")[::2] for part in policy.replace("&#39;", "'").split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["connect-src"] == "data: blob:"
    for name in ("script-src", "style-src"):
        assert "sha256-" in allowed[name]
        assert "unsafe-inline" not in allowed[name]
        assert "'unsafe-eval'" not in allowed[name]


CONTRASTS = """() => {
  const light = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const sum = (r, g, b) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const luminance = (colour) => sum(...colour.slice(0, 3).map((value) => light(value / 255)));
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.matches("script, style, option")) continue;
    const [a, b] = [luminance(parts(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${element.tagName}.${element.className}`;
    found[name] = Math.min(found[name] ?? Infinity, ratio);
  }
  return found;
}"""


def test_all_text_stands_out_from_its_ground(report: WatchedReport) -> None:
    """WCAG 2.1, success criterion 1.4.3."""
    found: dict[str, Any] = report.page.evaluate(CONTRASTS)
    assert len(found) > 15
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


def test_print_leaves_the_viewer_out_and_opens_what_is_folded(report: WatchedReport) -> None:
    page = report.page
    page.emulate_media(media="print")
    try:
        assert not page.locator("#viewer").is_visible()
        assert page.locator("#findings").is_visible()
        assert page.locator("section[aria-labelledby=left-out] details table").first.is_visible()
        assert page.pdf().startswith(b"%PDF")
    finally:
        page.emulate_media(media="screen")


def test_report_of_one_scan_has_the_numbers_of_the_json(folder: Path, browser: Browser) -> None:
    content = json.loads((folder / "t0" / "measurements.json").read_text("utf-8"))
    with browser.new_page(viewport={"width": 900, "height": 900}) as page:
        open_report(page, folder / "t0" / "report.html")
        rows = rows_of(page, "lesions")
        burden = dict(row[:2] for row in rows_of(page, "burden"))
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        page.locator("section[aria-labelledby=lesions] [data-spots]").last.click()
        at = page.evaluate("calcinosisViewer.panes[0].at")
    assert [int(row[0]) for row in rows] == [one["id"] for one in content["lesions"]]
    for row, lesion in zip(rows, content["lesions"], strict=True):
        value, digit = shown_mm3(row[5])
        assert value == pytest.approx(lesion["volume_mm3"]["value"], abs=digit * 1.001)
        axes = lesion["axial"]
        assert row[6] == f"{axes['long_axis_mm']:.1f} × {axes['short_axis_mm']:.1f}"
        assert row[9] == f"{lesion['hu']['max']:.0f}"
    assert int(burden["Definite lesions"]) == content["burden"]["lesion_count"]
    assert np.abs(np.subtract(at, FAINT_LPS_MM)).max() <= VOXEL_MM / 2 + 0.1
    assert overflow <= 0


def test_any_of_three_dates_can_be_shown_and_is_found_by_its_rows(tmp_path: Path, browser: Browser) -> None:
    file = write_comparison_report(three_dates(), tmp_path, version="1")
    with browser.new_page() as page:
        open_report(page, file)
        titles = page.locator(".pane h3")
        assert titles.all_inner_texts() == ["t0 · 2019-04-11", "t2 · 2021-03-10, after 23 months"]
        page.locator("select.date").last.select_option("1")
        page.wait_for_selector(".pane:last-child h3:text('t1 · 2020-03-10')")
        page.locator("section[aria-labelledby=tracks] [data-spots]").click()
        crosses = [np.array(page.evaluate(f"calcinosisViewer.panes[{n}].at")) for n in (0, 1)]
        page.locator("section[aria-labelledby=left-out] summary").last.click()
        page.locator("section[aria-labelledby=left-out] [data-spots]").last.click()
        page.wait_for_selector(".pane:last-child h3:text('t2 · 2021-03-10')")
        page.wait_for_selector(".pane:last-child .readout:text('−20, 25, −436')")
    assert crosses[0] + SHIFT_MM == pytest.approx(crosses[1], abs=0.2)
    assert np.abs(crosses[0] - RIGHT_LPS_MM).max() <= VOXEL_MM / 2 + 0.1


def test_page_without_webgl_says_so_and_keeps_the_rest(folder: Path, browser: Browser) -> None:
    with browser.new_page() as page:
        page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        page.goto((folder / "report.html").as_uri())
        page.wait_for_selector("#viewer-note:text('It needs WebGL 2')")
        assert len(rows_of(page, "tracks")) == 2


def test_scan_of_two_hundred_lesions_opens(tmp_path: Path, browser: Browser) -> None:
    one = first_scan()
    many = replace(one, lesions=tuple(replace(one.lesions[0], id=n) for n in range(1, 201)))
    file = write_report(many, tmp_path, version="1")
    with browser.new_page() as page:
        open_report(page, file)
        assert page.locator("section[aria-labelledby=lesions] tbody tr").count() == 200
        assert page.locator("section[aria-labelledby=lesions] img").count() == 200
