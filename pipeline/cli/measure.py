"""``calcinosis measure``: one scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.memory import loading_modules
from pipeline.cli.objects import Deidentify, NoDicom, way_of_writing
from pipeline.cli.options import (
    AnatomyFile,
    Config,
    Dates,
    DatesOption,
    Figures,
    LesionsFile,
    NamesFile,
    Out,
    Overwrite,
    PatientKey,
    ResampleLesions,
    Set,
    parse_date,
    run_settings,
)


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
    from pipeline.cli.scans import (
        load_anatomy,
        load_outlines,
        load_scan,
        under_key,
        with_dates_moved,
        without_dates,
    )
    from pipeline.cli.summary import print_analysis
    from pipeline.results.staging import staged_folder
    from pipeline.stages import STAGES

    settings = run_settings(config, set_, figures=figures)
    writing = way_of_writing(no_dicom=no_dicom, deidentify=deidentify, dates=dates)
    day = parse_date(date) if date else None
    progress = stage_progress("measure", 2 + len(STAGES))
    with staged_folder(out, overwrite=overwrite) as stage, progress as begin:
        begin("reading")
        (one,) = under_key(
            [load_scan(scan, series_uid=series, date=day, kernel=settings.series.kernel)], patient_key
        )
        if dates is Dates.SHIFT:
            (one,) = with_dates_moved([one])
        elif dates is Dates.DROP:
            one = without_dates(one)
        guest = load_anatomy(anatomy, names, one)
        outlines = load_outlines(lesions, one, resample=resample_lesions)
        with loading_modules():
            from pipeline.cli.outputs import write_all
            from pipeline.workflow import analyse

        analysis = analyse(one, settings, anatomy=guest, outlines=outlines, on_stage=begin)
        begin("writing")
        write_all(analysis, stage, settings.figures, writing)
    print_analysis(analysis, out)
