"""``calcinosis measure``: one scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    AnatomyFile,
    Config,
    DatesOption,
    Deidentify,
    Figures,
    LesionsFile,
    NamesFile,
    NoDicom,
    Out,
    Overwrite,
    PatientKey,
    ResampleLesions,
    Set,
    parse_date,
    run_settings,
)
from pipeline.running.inputs import Dates, ScanInput, require_found
from pipeline.running.objects import way_of_writing


def measure(
    scan: Annotated[Path, typer.Argument(help="Folder, zip, enhanced multi-frame file, or NIfTI in HU.")],
    out: Out,
    series: Annotated[str | None, typer.Option("--series", help="Series Instance UID to measure.")] = None,
    config: Config = None,
    set_: Set = None,
    anatomy: AnatomyFile = None,
    names: NamesFile = None,
    lesions: LesionsFile = None,
    resample_lesions: ResampleLesions = False,
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Date of the scan.")
    ] = None,
    dates: DatesOption = Dates.KEEP,
    patient_key: PatientKey = None,
    overwrite: Overwrite = False,
    figures: Figures = None,
    no_dicom: NoDicom = False,
    deidentify: Deidentify = False,
) -> None:
    """Find and measure every soft-tissue calcification of one scan."""
    from pipeline.cli.progress import stage_progress
    from pipeline.cli.summary import print_analysis
    from pipeline.results.staging import staged_folder
    from pipeline.running.inputs import RunOptions
    from pipeline.running.measure import MEASURE_STAGES, measure_into

    settings = run_settings(config, set_, figures=figures)
    writing = way_of_writing(no_dicom=no_dicom, deidentify=deidentify, dates=dates)
    given = ScanInput(scan, series, parse_date(date) if date else None, anatomy, names, lesions)
    require_found(anatomy, "--anatomy")
    require_found(lesions, "--lesions")
    options = RunOptions(
        settings, writing, dates, patient_key, resample_lesions=resample_lesions, deidentify=deidentify
    )
    progress = stage_progress("measure", MEASURE_STAGES)
    with staged_folder(out, overwrite=overwrite) as stage, progress as begin:
        analysis = measure_into(stage, given, options, begin)
    print_analysis(analysis, out)
