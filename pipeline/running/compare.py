"""Two or more scans of one patient, measured and followed into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.running.case import case_beside, open_case, with_case_dates
from pipeline.running.inputs import Dates, RunOptions, ScanInput, require_found
from pipeline.running.memory import loading_modules
from pipeline.running.scans import (
    drop_dates,
    load_anatomy,
    load_outlines,
    load_scan,
    under_key,
    with_dates_moved,
    with_flagged_changes,
)
from pipeline.stages import COMPARE_STAGES, STAGES, OnStage

if TYPE_CHECKING:
    from pipeline.case_file.read import CaseFile
    from pipeline.domain.analysis import Analysis
    from pipeline.domain.change import Comparison
    from pipeline.domain.scan import Scan


def compare_stages(scans: int) -> int:
    """How many stages a run of `compare_into` tells of, for a number of scans."""
    return scans * (1 + len(STAGES)) + len(COMPARE_STAGES) + 1


def compare_into(
    stage: Path, scans: Sequence[ScanInput], options: RunOptions, case: Path | None, begin: OnStage
) -> Comparison:
    """Measure every scan, follow every lesion from the first to the last.

    Parameters
    ----------
    stage : Path
        An empty folder, for the results.
    scans : sequence of ScanInput
        At least two, in order of date.
    case : Path or None
        The case file that goes with them.
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
    told = open_case(case, dates=options.dates)
    as_made = _read(scans, told, options, begin)
    shown = with_dates_moved(as_made) if options.dates is Dates.SHIFT else as_made
    analyses = _analyse(shown, scans, options, begin)
    from pipeline.running.outputs import write_all_compared
    from pipeline.workflow import compare

    comparison = compare(analyses, options.settings, on_stage=begin)
    comparison = replace(comparison, case=case_beside(told, as_made, shown))
    if options.dates is Dates.DROP:
        comparison = drop_dates(comparison)
    begin("writing")
    write_all_compared(
        comparison, stage, options.settings.figures, options.writing, hides_source=options.hides_source
    )
    return comparison


def _read(scans: Sequence[ScanInput], told: CaseFile, options: RunOptions, begin: OnStage) -> list[Scan]:
    """The scans with their true dates, of one patient, each told what changed since the first."""
    from pipeline.steps.succession import check_succession

    found = []
    for n, one in enumerate(scans):
        begin(f"reading t{n}")
        require_found(one.path, f"t{n}")
        require_found(one.anatomy, f"--anatomy of t{n}")
        require_found(one.lesions, f"--lesions of t{n}")
        found.append(load_scan(one, kernel=options.settings.series.kernel))
    found = with_case_dates(found, told)
    check_succession([one.acquisition for one in found], same_patient=options.same_patient)
    return with_flagged_changes(under_key(found, options.patient_key))


def _analyse(
    shown: Sequence[Scan], scans: Sequence[ScanInput], options: RunOptions, begin: OnStage
) -> list[Analysis]:
    both = list(zip(shown, scans, strict=True))
    guests = [load_anatomy(given.anatomy, given.names, one) for one, given in both]
    drawn = [load_outlines(given.lesions, one, resample=options.resample_lesions) for one, given in both]
    with loading_modules():
        from pipeline.workflow import analyse

    return [
        analyse(one, options.settings, anatomy=guest, outlines=own, on_stage=begin)
        for one, guest, own in zip(shown, guests, drawn, strict=True)
    ]
