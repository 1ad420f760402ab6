"""The viewer of a page: what takes long to make and needs no pictures, so that it may be made beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.report.html import course
from pipeline.report.html.library import LibraryMissing, viewer_library
from pipeline.report.html.resources import resource
from pipeline.report.html.scene3d import Parts, links_between, viewer_parts


@dataclass(frozen=True, slots=True)
class Viewer:
    """Script and content of the viewer, with the titles that its dates go by."""

    titles: tuple[str, ...]
    script: str
    parts: Parts | None
    missing: str | None  #: why there is none

    @classmethod
    def of(cls, analysis: Analysis) -> Viewer:
        """Of one scan."""
        return cls._made([analysis], [_title(analysis)], [])

    @classmethod
    def of_comparison(cls, comparison: Comparison) -> Viewer:
        """Of all dates, linked by the bones."""
        titles = [course.date_title(comparison, n) for n in range(len(comparison.analyses))]
        return cls._made(comparison.analyses, titles, links_between(comparison))

    @classmethod
    def _made(cls, analyses: Sequence[Analysis], titles: list[str], links: list[dict[str, Any]]) -> Viewer:
        try:
            script = viewer_library() + resource("viewer.js")
        except LibraryMissing as reason:
            return cls(tuple(titles), "", None, str(reason))
        return cls(tuple(titles), script, viewer_parts(analyses, titles, links), None)


def _title(analysis: Analysis) -> str:
    when = analysis.scan.acquisition.study_date
    return when.isoformat() if when else "date unknown"
