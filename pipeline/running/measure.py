"""One scan, measured into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.running.inputs import Dates, RunOptions, ScanInput
from pipeline.running.memory import load_beside, loading_modules
from pipeline.running.scans import (
    load_anatomy,
    load_outlines,
    load_scan,
    under_key,
    with_dates_moved,
    without_dates,
)
from pipeline.stages import STAGES, OnStage

if TYPE_CHECKING:
    from pipeline.domain.analysis import Analysis
    from pipeline.domain.scan import Scan

MEASURE_STAGES = 2 + len(STAGES)
"""Stages that a run of `measure_into` tells of: reading, those of the analysis, writing."""


def measure_into(stage: Path, scan: ScanInput, options: RunOptions, begin: OnStage) -> Analysis:
    """Find and measure every soft-tissue calcification of one scan.

    Parameters
    ----------
    stage : Path
        An empty folder, for the results.
    begin : callable
        Told the name of each stage as it begins.

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted.
    UsageError
        Where inputs and options do not go together.
    OSError
        If a result cannot be written.
    """
    begin("reading")
    (known,) = under_key([load_scan(scan, kernel=options.settings.series.kernel)], options.patient_key)
    one = _as_shown(known, options.dates)
    guest = load_anatomy(scan.anatomy, scan.names, one)
    outlines = load_outlines(scan.lesions, one, resample=options.resample_lesions)
    with loading_modules():
        from pipeline.running.outputs import write_all, writers
        from pipeline.workflow import analyse

    def told(stage: str) -> None:
        begin(stage)
        if stage == STAGES[1]:
            load_beside(writers(options.settings.figures, options.writing))

    analysis = analyse(one, options.settings, anatomy=guest, outlines=outlines, on_stage=told)
    begin("writing")
    write_all(analysis, stage, options.settings.figures, options.writing, hides_source=options.hides_source)
    return analysis


def _as_shown(scan: Scan, dates: Dates) -> Scan:
    """The scan under the date that the results may tell."""
    if dates is Dates.SHIFT:
        (moved,) = with_dates_moved([scan])
        return moved
    return without_dates(scan) if dates is Dates.DROP else scan
