"""Reports of small scans with known content, and a browser to open them."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import (
    Annotation,
    BurdenChange,
    Comparison,
    Criteria,
    Registration,
    Response,
    Step,
    TimePoint,
    Track,
)
from pipeline.domain.geometry import Geometry, RigidTransform
from pipeline.domain.lesion import Interval, Site
from pipeline.domain.scan import QualityFlag
from tests.builders import SAME_THRESHOLD
from tests.report.balls import ORIGIN_LPS_MM, RIGHT_LPS_MM, SHAPE, SPACING_MM, analysis_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""WebGL without a graphics card."""
READY = "#viewer[data-ready=yes]"
READY_MS = 60_000

FAINT_LPS_MM = (30.0, -20.0, -460.0)
LEFT_OUT_LPS_MM = (-20.0, 25.0, -436.0)
SHIFT_MM = np.array([8.0, -5.0, 12.0])
"""How the patient of the later scan lies."""
HOSTILE = (
    "</script><script>globalThis.hacked = 1</script><img src=x onerror='globalThis.hacked = 1'>{{ 7 * 7 }}\"'"
)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """The installed browser; skips where there is none."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, what it asked for, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


def open_report(page: Page, file: Path) -> None:
    """As by a double click, until the viewer stands."""
    page.goto(file.as_uri())
    page.wait_for_selector(READY, timeout=READY_MS)


def pixels(place: Locator) -> NDArray[np.int16]:
    """(rows, columns, 3) of what is seen there."""
    with Image.open(io.BytesIO(place.screenshot())) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def first_scan() -> Analysis:
    """A lesion of 9 mm, an indeterminate one, one thing left out, and every text hostile."""
    analysis = analysis_of((RIGHT_LPS_MM, 9.0), (FAINT_LPS_MM, 6.0), excluded=(LEFT_OUT_LPS_MM,))
    how = replace(analysis.scan.acquisition, kernel=HOSTILE, manufacturer=HOSTILE, kvp=120.0)
    definite, unsure = analysis.lesions
    left_out = analysis.excluded[0]
    return replace(
        analysis,
        scan=replace(analysis.scan, acquisition=how),
        lesions=(
            replace(definite, site=Site(side="right", region="ischiofemoral_space", depth="muscular")),
            replace(
                unsure, status="indeterminate", why_indeterminate=HOSTILE, site=Site("left", region=HOSTILE)
            ),
        ),
        excluded=(replace(left_out, reason=HOSTILE),),
        flags=(QualityFlag("NOISE_HIGH", "serious", f"noise {HOSTILE}"),),
        landmarks_mm={"sacrum": np.array([[0.0, 30.0, -440.0], [10.0, 30.0, -430.0]])},
    )


def later_scan() -> Analysis:
    """The same patient elsewhere in the scanner, without any lesion."""
    origin = tuple(float(one) for one in np.add(ORIGIN_LPS_MM, SHIFT_MM))
    geometry = Geometry.from_spacing(SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=origin)  # type: ignore[arg-type]
    return analysis_of(geometry=geometry)


def resolved() -> Comparison:
    """A definite lesion that has gone, and an indeterminate one whose place is bone later."""
    before, after = first_scan(), later_scan()
    transform = RigidTransform(np.eye(3), SHIFT_MM)
    return Comparison(
        analyses=(before, after),
        time_points=(
            TimePoint(0, dt.date(2019, 4, 11), 0),
            TimePoint(1, dt.date(2020, 3, 10), 334),
        ),
        registrations=(Registration(0, 1, "sacrum", transform, 0.3, True),),
        tracks=(_track(before, 1), _track(before, 2)),
        burden_changes=(BurdenChange(0, 1, -3000.0, -100.0, (-300.0, 300.0), True),),
        responses=(
            Response(
                1,
                "complete_resolution",
                Criteria("complete_resolution", None, "complete_resolution"),
                "baseline",
                ("every lesion of the baseline is gone", HOSTILE),
            ),
        ),
        threshold=replace(SAME_THRESHOLD, same=False, reason="contrast medium on one date"),
    )


def three_dates() -> Comparison:
    """The lesion comes back at its place on the third date, which lies as the first."""
    two = resolved()
    track = two.tracks[0]
    first = track.position_lps_mm[0]
    back = two.registrations[0].transform.inverse()
    again = replace(
        track,
        lesion_ids=((1,), (), (1,)),
        position_lps_mm=(first, track.position_lps_mm[1], first),
        evaluable=(True, True, True),
        detection_limit_mm3=(5.0, 5.0, 5.0),
        volume_mm3=(*track.volume_mm3, track.volume_mm3[0]),
    )
    return replace(
        two,
        analyses=(*two.analyses, two.analyses[0]),
        time_points=(*two.time_points, TimePoint(2, dt.date(2021, 3, 10), 699)),
        registrations=(
            two.registrations[0],
            Registration(1, 2, "sacrum", back, 0.3, True),
            Registration(0, 2, "sacrum", RigidTransform.identity(), 0.3, True),
        ),
        tracks=(again,),
    )


def _track(before: Analysis, number: int) -> Track:
    lesion = before.lesions[number - 1]
    place = lesion.size.centroid_lps_mm
    x, y, z = np.add(place, SHIFT_MM)
    gone = number == 1
    kind = "resolved" if gone else "not_evaluable"
    return Track(
        track_id=number,
        tracking_uid=f"2.25.{number}",
        lesion_ids=((number,), ()),
        position_lps_mm=(place, (float(x), float(y), float(z))),
        evaluable=(True, gone),
        detection_limit_mm3=(5.0, 5.0),
        volume_mm3=(lesion.size.volume_mm3, Interval(0.0, 0.0, 5.0) if gone else None),
        kind=kind,  # type: ignore[arg-type]
        steps=(Step(0, 1, "gone", kind, None, None, None, None, "a reason"),),  # type: ignore[arg-type]
        annotations=() if gone else (Annotation(1, "now_part_of_the_bone", "now part of the bone"),),
    )
