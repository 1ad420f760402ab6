"""``calcinosis phantom``: a case with known truth, as DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import OutputError


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder for the case: new, or empty.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same bytes.")] = 1,
) -> None:
    """Write the reference case, two scans 11 months apart.

    Their truth is in truth.json.
    """
    from pipeline.cli.phantom_files import write_case
    from pipeline.cli.progress import stage_progress
    from pipeline.phantoms import reference_case

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is not an empty folder")
    with stage_progress("phantom", 2) as begin:
        write_case(reference_case(seed), out, seed=seed, on_stage=begin)
    typer.echo(f"Baseline, follow-up and truth.json in {out}.")
