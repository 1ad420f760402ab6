"""``calcinosis compare``: two or more scans of one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    AnatomyFiles,
    CasePath,
    Config,
    DatesOption,
    Deidentify,
    Figures,
    LesionsFiles,
    NamesFiles,
    NoDicom,
    Out,
    Overwrite,
    PatientKey,
    ResampleLesions,
    Set,
    by_time_point,
    parse_date,
    run_settings,
)
from pipeline.running.inputs import Dates, ScanInput
from pipeline.running.objects import way_of_writing


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
    """Follow every lesion and say what changed beyond error.

    From the first scan to the last of one patient.
    """
    from pipeline.cli.progress import stage_progress
    from pipeline.cli.summary import print_comparison
    from pipeline.results.staging import staged_folder
    from pipeline.running.compare import compare_into, compare_stages
    from pipeline.running.inputs import RunOptions

    settings = run_settings(config, set_, figures=figures)
    writing = way_of_writing(no_dicom=no_dicom, deidentify=deidentify, dates=dates)
    own = {"series": series, "date": date, "anatomy": anatomy, "names": names, "lesions": lesions}
    scans = _inputs([baseline, *followup], own)
    options = RunOptions(settings, writing, dates, patient_key, same_patient, resample_lesions, deidentify)
    progress = stage_progress("compare", compare_stages(len(scans)))
    with staged_folder(out, overwrite=overwrite) as stage, progress as begin:
        comparison = compare_into(stage, scans, options, case, begin)
    print_comparison(comparison, out)


def _inputs(paths: Sequence[Path], own: Mapping[str, Sequence[str] | None]) -> list[ScanInput]:
    """The scans in order, each with what was given for it as ``t0=…``, by the name of the option."""
    by_option = {name: by_time_point(texts or (), f"--{name}", len(paths)) for name, texts in own.items()}

    def given(name: str, n: int) -> str | None:
        return by_option[name].get(n)

    def file(name: str, n: int) -> Path | None:
        text = given(name, n)
        return None if text is None else Path(text)

    days = {n: parse_date(text) for n, text in by_option["date"].items()}
    return [
        ScanInput(
            path, given("series", n), days.get(n), file("anatomy", n), file("names", n), file("lesions", n)
        )
        for n, path in enumerate(paths)
    ]
