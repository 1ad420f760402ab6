"""``calcinosis check``: what is in a folder, what would be measured, and whether it can be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Config, Set, run_settings
from pipeline.domain.wording import counted
from pipeline.errors import InputRefused

if TYPE_CHECKING:
    from pipeline.dicom.survey import SeriesReport, Survey

SCHEMA_VERSION = 1


def check(
    scan: Annotated[Path, typer.Argument(help="Folder, zip, enhanced multi-frame file, or NIfTI in HU.")],
    series: Annotated[str | None, typer.Option("--series", help="Series Instance UID to judge.")] = None,
    config: Config = None,
    set_: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Say what is in a folder and which series would be measured.

    Also whether it can be trusted.
    """
    from pipeline.dicom.survey import survey
    from pipeline.running.scans import is_nifti

    kernel = run_settings(config, set_, figures=None).series.kernel
    found = _survey_nifti(scan) if is_nifti(scan) else survey(scan, series_uid=series, kernel=kernel)
    if as_json:
        typer.echo(json.dumps(as_record(found), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _print(found)
    if found.refusal is not None:
        raise found.refusal


def as_record(found: Survey) -> dict[str, Any]:
    """The survey as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "not_a_medical_device": True,
        "measured": next((one.series_instance_uid for one in found.series if one.chosen), None)
        if found.refusal is None
        else None,
        "why": found.why or None,
        "refusal": _refusal(found.refusal),
        "series": [_series(one) for one in found.series],
        "skipped": [{"reason": reason, "count": count} for reason, count in found.skipped],
    }


def _refusal(refusal: InputRefused | None) -> dict[str, str] | None:
    return None if refusal is None else {"code": refusal.code, "reason": refusal.reason}


def _series(one: SeriesReport) -> dict[str, Any]:
    return {
        "series_instance_uid": one.series_instance_uid,
        "series_number": one.series_number,
        "slice_count": one.slice_count,
        "matrix": one.matrix,
        "spacing_mm": one.spacing_mm,
        "slice_thickness_mm": one.slice_thickness_mm,
        "extent_mm": one.extent_mm,
        "kernel": one.kernel,
        "kernel_kind": one.kernel_kind,
        "kvp": one.kvp,
        "contrast_agent": one.contrast_agent,
        "original": one.original,
        "chosen": one.chosen,
        "examined": one.examined,
        "refusal": _refusal(one.refusal),
        "flags": [{"code": f.code, "severity": f.severity, "message": f.message} for f in one.flags],
    }


def _survey_nifti(path: Path) -> Survey:
    """A NIfTI file is one series, or it is refused as a whole."""
    from pipeline.dicom.survey import SeriesReport, Survey
    from pipeline.nifti import read_volume

    scan = read_volume(path)
    slices, rows, columns = scan.volume.geometry.shape
    only = SeriesReport(
        series_instance_uid=None,
        series_number=None,
        slice_count=slices,
        matrix=(rows, columns),
        spacing_mm=scan.volume.geometry.spacing_mm,
        slice_thickness_mm=None,
        extent_mm=slices * scan.volume.geometry.spacing_mm[0],
        kernel=None,
        kernel_kind="unknown",
        kvp=None,
        contrast_agent=False,
        original=True,
        chosen=True,
        examined="pixels",
        refusal=None,
        flags=scan.flags,
    )
    return Survey((only,), (), "the only volume in the file", None)


def _print(found: Survey) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True, markup=False)
    table = Table("", "series", "slices", "spacing, mm", "length, mm", "kernel", "kVp", "contrast")
    table.add_column("verdict", overflow="fold")
    for one in found.series:
        table.add_row(*_cells(one))
    if found.series:
        console.print(table)
    for one in found.series:
        if one.refusal is not None:
            name = one.series_instance_uid or "a series without UID"
            console.print(f"Refused: {name}: {one.refusal}")
        elif one.chosen:
            console.print(f"Would be measured: {one.series_instance_uid or 'the volume'} ({found.why}).")
            for flag in one.flags:
                console.print(f"{flag.severity}: {flag.message} ({flag.code})")
    for reason, count in found.skipped:
        console.print(f"Left aside: {counted(count, 'file')}, {reason}.")


def _cells(one: SeriesReport) -> tuple[str, ...]:
    spacing = "?" if one.spacing_mm is None else " × ".join(f"{mm:.4g}" for mm in one.spacing_mm)
    flags = ", ".join(flag.code for flag in one.flags) or "no flags"
    return (
        "→" if one.chosen else "",
        "?" if one.series_number is None else str(one.series_number),
        str(one.slice_count),
        spacing,
        f"{one.extent_mm:.0f}" if one.extent_mm else "?",
        one.kernel or "?",
        "?" if one.kvp is None else f"{one.kvp:g}",
        "yes" if one.contrast_agent else "not named",
        f"{flags}{'' if one.chosen else ' (headers only)'}" if one.refusal is None else one.refusal.code,
    )
