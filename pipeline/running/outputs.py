"""Everything that is written about one analysis or comparison."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.nifti import write_label_map
from pipeline.results.files import write_analysis, write_comparison
from pipeline.running.objects import of_time_point
from pipeline.running.stripping import compared_without_source_uids, without_source_uids

if TYPE_CHECKING:
    from pipeline.dicom.writing import Writing
    from pipeline.report.html.viewer import Viewer


def writers(figures: FigureSettings, writing: Writing | None) -> list[str]:
    """The modules that writing needs beside those loaded here."""
    wanted = ["pipeline.results.workbook"]
    if writing is not None:
        wanted.append("pipeline.dicom.write")
    if figures.enabled:
        wanted.append("pipeline.report.figures")
    if figures.enabled and figures.report:
        wanted.append("pipeline.report.html.page")
    return wanted


def write_all(
    as_read: Analysis,
    folder: Path,
    figures: FigureSettings,
    writing: Writing | None,
    *,
    hides_source: bool = False,
) -> None:
    """Tables, masks and, if wanted, pictures and the report of one scan, and objects for the archive.

    Parameters
    ----------
    hides_source : bool
        No file holds a UID of the source; objects by what `writing` says.
    """
    analysis = without_source_uids(as_read) if hides_source else as_read
    write_analysis(analysis, folder, version=__version__)
    with ThreadPoolExecutor(max_workers=2) as threads:
        beside = [
            threads.submit(write_label_map, labels, folder / f"{name}.nii.gz")
            for name, labels in (
                ("skeleton", analysis.skeleton),
                ("lesions", analysis.lesion_labels()),
                ("excluded", analysis.excluded_labels()),
            )
        ]
        viewer = _viewer(threads, figures, analysis)
        from pipeline.results.workbook import write_lesions_workbook

        write_lesions_workbook(analysis, folder / "lesions.xlsx")
        if writing is not None and as_read.scan.source is not None:
            from pipeline.dicom.write import write_objects

            write_objects(as_read, folder, writing)
        if figures.enabled:
            from pipeline.report.figures import write_figures

            write_figures(analysis, folder / "figures", figures)
        if viewer is not None:
            from pipeline.report.html.page import write_report

            write_report(analysis, folder, version=__version__, viewer=viewer.result())
        for one in beside:
            one.result()


def write_all_compared(
    as_read: Comparison,
    folder: Path,
    figures: FigureSettings,
    writing: Writing | None,
    *,
    hides_source: bool = False,
) -> None:
    """One folder for each date, and the comparison's own tables, pictures and report."""
    comparison = compared_without_source_uids(as_read) if hides_source else as_read
    with ThreadPoolExecutor(max_workers=1) as threads:
        for n, analysis in enumerate(as_read.analyses):
            own = folder / f"t{n}"
            own.mkdir()
            few = figures.model_copy(update={"paper": 0})
            write_all(analysis, own, few, of_time_point(writing, as_read, n), hides_source=hides_source)
        viewer = _viewer(threads, figures, comparison)
        write_comparison(comparison, folder, version=__version__)
        from pipeline.results.workbook import write_tracks_workbook

        write_tracks_workbook(comparison, folder / "tracks.xlsx")
        if figures.enabled:
            from pipeline.report.figures import write_comparison_figures

            write_comparison_figures(comparison, folder / "figures", figures)
        if viewer is not None:
            from pipeline.report.html.page import write_comparison_report

            write_comparison_report(comparison, folder, version=__version__, viewer=viewer.result())


def _viewer(
    threads: Executor, figures: FigureSettings, shown: Analysis | Comparison
) -> Future[Viewer] | None:
    """The report's viewer, made beside the pictures; None where no report is wanted."""
    if not (figures.enabled and figures.report):
        return None
    from pipeline.report.html.viewer import Viewer

    if isinstance(shown, Comparison):
        return threads.submit(Viewer.of_comparison, shown)
    return threads.submit(Viewer.of, shown)
