"""``calcinosis compare``: two or more scans of one patient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.memory import loading_modules
from pipeline.cli.objects import Deidentify, NoDicom, way_of_writing
from pipeline.cli.options import (
    AnatomyFiles,
    CasePath,
    Config,
    Dates,
    DatesOption,
    Figures,
    LesionsFiles,
    NamesFiles,
    Out,
    Overwrite,
    PatientKey,
    ResampleLesions,
    Set,
    by_time_point,
    parse_date,
    run_settings,
)


def compare(
    baseline: Annotated[Path, typer.Argument(help="Scan of the first date.")],
    followup: Annotated[list[Path], typer.Argument(help="Scans of the later dates, in order.")],
    out: Out,
    case: CasePath = None,
    series: Annotated[
        list[str] | None, typer.Option("--series", metavar="t0=UID", help="Series of a date.")
    ] = None,
    config: Config = None,
    set_: Set = None,
    anatomy: AnatomyFiles = None,
    names: NamesFiles = None,
    lesions: LesionsFiles = None,
    resample_lesions: ResampleLesions = False,
    date: Annotated[
        list[str] | None, typer.Option("--date", metavar="t0=YYYY-MM-DD", help="Date of a scan.")
    ] = None,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="The scans are of one patient, whatever their headers say.")
    ] = False,
    dates: DatesOption = Dates.KEEP,
    patient_key: PatientKey = None,
    overwrite: Overwrite = False,
    figures: Figures = None,
    no_dicom: NoDicom = False,
    deidentify: Deidentify = False,
) -> None:
    """Follow every lesion from the first scan to the last and say what changed beyond error."""
    from pipeline.cli.case import case_beside, open_case, with_case_dates
    from pipeline.cli.progress import stage_progress
    from pipeline.cli.scans import (
        drop_dates,
        load_anatomy,
        load_outlines,
        load_scan,
        under_key,
        with_dates_moved,
        with_flagged_changes,
    )
    from pipeline.cli.summary import print_comparison
    from pipeline.results.staging import staged_folder
    from pipeline.stages import COMPARE_STAGES, STAGES
    from pipeline.steps.succession import check_succession

    settings = run_settings(config, set_, figures=figures)
    writing = way_of_writing(no_dicom=no_dicom, deidentify=deidentify, dates=dates)
    paths = [baseline, *followup]
    days = {n: parse_date(text) for n, text in by_time_point(date or (), "--date", len(paths)).items()}
    chosen = by_time_point(series or (), "--series", len(paths))
    maps = by_time_point(anatomy or (), "--anatomy", len(paths))
    called = by_time_point(names or (), "--names", len(paths))
    outlined = by_time_point(lesions or (), "--lesions", len(paths))
    told = open_case(case, dates=dates)
    with staged_folder(out, overwrite=overwrite) as stage:
        stages = len(paths) * (1 + len(STAGES)) + len(COMPARE_STAGES) + 1
        with stage_progress("compare", stages) as begin:
            scans = []
            for n, path in enumerate(paths):
                begin(f"reading t{n}")
                kernel = settings.series.kernel
                scans.append(load_scan(path, series_uid=chosen.get(n), date=days.get(n), kernel=kernel))
            scans = with_case_dates(scans, told)
            check_succession([one.acquisition for one in scans], same_patient=same_patient)
            scans = with_flagged_changes(under_key(scans, patient_key))
            as_made = scans
            if dates is Dates.SHIFT:
                scans = with_dates_moved(scans)
            guests = [load_anatomy(maps.get(n), called.get(n), one) for n, one in enumerate(scans)]
            drawn = [
                load_outlines(outlined.get(n), one, resample=resample_lesions) for n, one in enumerate(scans)
            ]
            with loading_modules():
                from pipeline.cli.outputs import write_all_compared
                from pipeline.workflow import analyse
                from pipeline.workflow import compare as compare_analyses

            analyses = [
                analyse(one, settings, anatomy=guest, outlines=own, on_stage=begin)
                for one, guest, own in zip(scans, guests, drawn, strict=True)
            ]
            comparison = compare_analyses(analyses, settings, on_stage=begin)
            comparison = replace(comparison, case=case_beside(told, as_made, scans))
            if dates is Dates.DROP:
                comparison = drop_dates(comparison)
            begin("writing")
            write_all_compared(comparison, stage, settings.figures, writing)
    print_comparison(comparison, out)
