"""The viewer in JupyterLab: widgets are drawn, sliders move pictures, nothing is asked of other machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from tests.notebook.lab import Opened, folder_with, lab, open_notebook
from tests.report.pages import open_browser

NOTEBOOK = "01_first_look_at_a_scan.ipynb"
PLANES = 3


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = folder_with(NOTEBOOK, tmp_path_factory.mktemp("lab"))
    with lab(folder) as address, open_notebook(browser, address, NOTEBOOK) as opened:
        opened.run_all()
        yield opened


def pictures(opened: Opened) -> Locator:
    return opened.page.locator("img.widget-image")


def source(opened: Opened, number: int) -> str:
    return pictures(opened).nth(number).get_attribute("src") or ""


def wait_for_another(opened: Opened, number: int, before: str) -> None:
    opened.page.wait_for_function(
        "([n, src]) => document.querySelectorAll('img.widget-image')[n].src !== src",
        arg=[number, before],
        timeout=60_000,
    )


def test_three_planes_are_drawn(opened: Opened) -> None:
    assert pictures(opened).count() == PLANES
    for number in range(PLANES):
        shown = pictures(opened).nth(number)
        assert shown.evaluate("one => one.complete && one.naturalWidth") > 100
    assert opened.page.locator(".widget-html-content", has_text="ischiofemoral").count() >= 1


@pytest.mark.parametrize("number", range(PLANES))
def test_a_slider_moves_its_picture(opened: Opened, number: int) -> None:
    before = source(opened, number)
    handle = opened.page.locator(".widget-slider .noUi-handle").nth(number)
    handle.focus()
    handle.press("ArrowRight")
    wait_for_another(opened, number, before)


def test_a_window_and_a_mask_change_the_picture(opened: Opened) -> None:
    before = source(opened, 0)
    opened.page.locator(".widget-dropdown select").nth(1).select_option(label="soft tissue")
    wait_for_another(opened, 0, before)
    before = source(opened, 0)
    opened.page.locator(".widget-checkbox input").first.uncheck()
    wait_for_another(opened, 0, before)


def test_choosing_a_lesion_leads_to_it(opened: Opened) -> None:
    before = source(opened, 0)
    picker = opened.page.locator(".widget-dropdown select").first
    picker.select_option(index=2)
    wait_for_another(opened, 0, before)
    opened.page.locator(".widget-html-content", has_text="Lesion 2.").wait_for(timeout=60_000)


def test_no_cell_failed_and_no_other_machine_was_asked(opened: Opened) -> None:
    assert (
        opened.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    )
    assert opened.elsewhere == []
