"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import InputRefused, UsageError
from pipeline.running.inputs import Dates

if TYPE_CHECKING:
    from pipeline.config import Settings

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")]
Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        help="A YAML file, or a preset: default, paediatric_low_dose, contrast_enhanced, thick_slice, "
        "bone_kernel.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="section.key=value",
        help="Change one setting; repeatable. configs/default.yaml has all.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run.")]
Figures = Annotated[
    bool | None,
    typer.Option(
        "--figures/--no-figures",
        help="Make pictures and the report; as the settings say if not given.",
        show_default=False,
    ),
]
AnatomyFile = Annotated[
    Path | None,
    typer.Option(
        "--anatomy", metavar="FILE", help="Your label map of bones and organs: NIfTI, or DICOM SEG."
    ),
]
NamesFile = Annotated[
    Path | None,
    typer.Option("--names", metavar="FILE", help="Names of the labels in --anatomy: JSON, YAML or CSV."),
]
AnatomyFiles = Annotated[
    list[str] | None,
    typer.Option("--anatomy", metavar="t0=FILE", help="Your label map of a date: NIfTI, or DICOM SEG."),
]
NamesFiles = Annotated[
    list[str] | None,
    typer.Option("--names", metavar="t0=FILE", help="Names of the labels of a date: JSON, YAML or CSV."),
]
LesionsFile = Annotated[
    Path | None,
    typer.Option(
        "--lesions", metavar="FILE", help="Lesions as you outlined them: DICOM SEG, or NIfTI label map."
    ),
]
LesionsFiles = Annotated[
    list[str] | None,
    typer.Option("--lesions", metavar="t0=FILE", help="Outlined lesions of a date: DICOM SEG, or NIfTI."),
]
ResampleLesions = Annotated[
    bool,
    typer.Option(
        "--resample-lesions", help="Take --lesions drawn on another grid too, by the nearest voxels."
    ),
]
DatesOption = Annotated[
    Dates,
    typer.Option(
        "--dates", help="Dates in the results: as they are, moved by a patient's own offset, or none."
    ),
]
CasePath = Annotated[
    Path | None,
    typer.Option(
        "--case",
        metavar="CASE.yaml",
        help="Treatments, examinations, scores and laboratory values by date (docs/case.md).",
    ),
]
PatientKey = Annotated[
    str | None,
    typer.Option(
        "--patient-key",
        metavar="TEXT",
        help="What the results call the patient, in place of a key made from the headers.",
    ),
]
NoDicom = Annotated[bool, typer.Option("--no-dicom", help="Write neither DICOM SEG nor SR.")]
Deidentify = Annotated[
    bool,
    typer.Option(
        "--deidentify",
        help="Take the patient's identity out of SEG and SR (Basic Profile of DICOM PS3.15), and the UIDs of "
        "the source out of every result; --dates shift and drop do so too.",
    ),
]


def parse_date(text: str) -> dt.date:
    """A date as YYYY-MM-DD.

    Raises
    ------
    InputRefused
        BAD_DATE.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise InputRefused("BAD_DATE", f"expected a date as YYYY-MM-DD, found {text[:32]!r}") from error


def run_settings(config: str | None, overrides: Sequence[str] | None, *, figures: bool | None) -> Settings:
    """The settings of a run: preset or file, single values over it, and pictures if the user said so.

    Raises
    ------
    UsageError
        Naming the setting that is wrong.
    """
    from pipeline.config import load_settings

    settings = load_settings(config, overrides or ())
    return settings if figures is None else settings.with_(figures={"enabled": figures})


def by_time_point(texts: Sequence[str], option: str, count: int) -> dict[int, str]:
    """Values given as ``t0=…``, by time point.

    Raises
    ------
    UsageError
        For another form, or a time point that there is no scan for.
    """
    values = {}
    for text in texts:
        name, separator, value = text.partition("=")
        number = name[1:]
        if not (separator and name[:1] == "t" and number.isdecimal() and int(number) < count and value):
            raise UsageError(f"{option} wants t0=… to t{count - 1}=…, found {text!r}")
        values[int(number)] = value
    return values
