"""The pictures of these pages, from the results of `make demo`: ``make pictures``."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
FIGURES = {
    "overview": "t0/figures/overview.png",
    "lesion": "t0/figures/lesion_001.png",
    "track": "figures/track_001.png",
}
LARGEST, QUALITY = 1100, 82
BROWSER_FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""WebGL without a graphics card."""
PAGE = {"width": 1000, "height": 900}
PARTS = ("header", "section.impression", "#viewer", "section[aria-labelledby=tracks]")
"""What of the report is shown, from top to bottom; the last only begins."""
LAST_HEIGHT = 330
NOTEBOOK = "01_first_look_at_a_scan.ipynb"
READY_MS = 120_000


def draw(results: Path) -> None:
    """Figures as WebP, and the head of the report as PNG."""
    for name, path in FIGURES.items():
        with Image.open(results / path) as figure:
            small = figure.convert("RGB")
        small.thumbnail((LARGEST, LARGEST))
        small.save(IMAGES / f"{name}.webp", quality=QUALITY)
    draw_report(results / "report.html", IMAGES / "report.png")


def draw_report(report: Path, out: Path) -> None:
    """The parts of a report that tell most, one below the other, once its viewer has drawn."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_browser(), args=BROWSER_FLAGS)
        page = browser.new_page(viewport=PAGE)  # type: ignore[arg-type]
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("#viewer[data-ready=yes]", timeout=READY_MS)
        shots = [Image.open(io.BytesIO(page.locator(part).first.screenshot())) for part in PARTS]
        browser.close()
    shots[-1] = shots[-1].crop((0, 0, shots[-1].width, LAST_HEIGHT))
    whole = Image.new("RGB", (max(one.width for one in shots), sum(one.height for one in shots)), "white")
    top = 0
    for one in shots:
        whole.paste(one, ((whole.width - one.width) // 2, top))
        top += one.height
    whole.quantize(256).save(out, optimize=True)


def draw_viewer(out: Path) -> None:
    """What `cc.show` draws in JupyterLab."""
    from playwright.sync_api import sync_playwright

    from tests.notebook.lab import folder_with, lab, open_notebook

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=_browser(), args=BROWSER_FLAGS)
        with (
            lab(folder_with(NOTEBOOK, Path(folder))) as address,
            open_notebook(browser, address, NOTEBOOK) as opened,
        ):
            opened.run_all()
            shown = opened.page.locator(".jp-OutputArea-output:has(img.widget-image)").first
            shot = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
        browser.close()
    shot.thumbnail((LARGEST, LARGEST))
    shot.save(out, quality=QUALITY)


def _browser() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
    draw_viewer(IMAGES / "viewer.webp")
