"""One page that opens offline: text, tables, pictures and a viewer, with nothing to be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.report.figures import write_picture
from pipeline.report.html import course, narrative
from pipeline.report.html.pictures import picture_url
from pipeline.report.html.policy import content_policy, json_text
from pipeline.report.html.resources import resource
from pipeline.report.html.rows import lesion_rows, track_rows
from pipeline.report.html.sections import date_section
from pipeline.report.html.unbroken import unbroken
from pipeline.report.html.viewer import Viewer
from pipeline.report.wording import date_text

REPORT = "report.html"
NO_COURSE: dict[str, Any] = {"tracks": [], "responses": [], "timeline": None, "threshold": None}
"""What the page of one scan has none of."""


def write_report(analysis: Analysis, folder: Path, *, version: str, viewer: Viewer | None = None) -> Path:
    """Write the report of one scan; pictures already in ``figures/`` are taken into it.

    Parameters
    ----------
    viewer : Viewer, optional
        Made beforehand, of the same scan.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    viewer = viewer or Viewer.of(analysis)
    title = viewer.titles[0]
    content = NO_COURSE | {
        "heading": "Soft-tissue calcification on CT",
        "compared_with": "none",
        "subtitle": title,
        "impression": narrative.impression(analysis),
        "dates": [date_section(analysis, title, folder / "figures")],
        "lesions": lesion_rows(analysis),
    }
    return _write(content, folder, [analysis], viewer, version=version)


def write_comparison_report(
    comparison: Comparison, folder: Path, *, version: str, viewer: Viewer | None = None
) -> Path:
    """Write the report of a comparison; pictures already drawn for it and its dates are taken into it.

    Parameters
    ----------
    viewer : Viewer, optional
        Made beforehand, of the same comparison.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    analyses = comparison.analyses
    viewer = viewer or Viewer.of_comparison(comparison)
    content = {
        "heading": "Soft-tissue calcification on CT, compared",
        "compared_with": course.comparison_text(comparison),
        "subtitle": " and ".join(date_text(point) for point in comparison.time_points),
        "impression": course.course_impression(comparison),
        "dates": [
            date_section(one, viewer.titles[n], folder / f"t{n}" / "figures", index=n, dates=len(analyses))
            for n, one in enumerate(analyses)
        ],
        "lesions": [],
        "tracks": track_rows(comparison),
        "responses": course.response_rows(comparison),
        "timeline": picture_url(folder / "figures" / "timeline.png", "PNG"),
        "threshold": None if comparison.threshold.same else comparison.threshold.reason,
    }
    return _write(content, folder, analyses, viewer, version=version)


def _write(
    content: dict[str, Any], folder: Path, analyses: Sequence[Analysis], viewer: Viewer, *, version: str
) -> Path:
    style, parts = resource("base.css") + resource("style.css"), viewer.parts
    page = content | {
        "names": viewer.titles,
        "viewer_missing": viewer.missing,
        "style": Markup(style),
        "script": Markup(viewer.script),
        "policy": content_policy(style, viewer.script, "'wasm-unsafe-eval'"),
        "scene": Markup(json_text(parts.scene)) if parts else None,
        "blobs": parts.blobs if parts else {},
        "panes": min(2, len(analyses)),
        "guest": any(flag.code == "ANATOMY_GIVEN" for one in analyses for flag in one.flags),
        "version": version,
        "settings": analyses[0].settings_sha256,
        "inputs": [one.scan.acquisition.input_sha256 for one in analyses],
    }
    text = _environment().get_template("report.html.j2").render(page)
    return write_picture(folder / REPORT, text.encode("utf-8"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.report", "templates"),
        autoescape=True,
        finalize=unbroken,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
