"""The text files of a results folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.results.record import comparison, measurements
from pipeline.results.tables import lesions_csv, tracks_csv


def write_json(content: Any, file: Path) -> None:
    """Plain values as indented UTF-8 JSON; the same values give the same bytes.

    Raises
    ------
    ValueError
        For a number that is not finite: unknown is null.
    OSError
        If the file cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_analysis(analysis: Analysis, folder: Path, *, version: str) -> None:
    """``measurements.json``, ``lesions.csv`` and ``skeleton.json``."""
    write_json(measurements(analysis, version=version), folder / "measurements.json")
    (folder / "lesions.csv").write_text(lesions_csv(analysis), encoding="utf-8", newline="")
    names = {str(value): name for value, name in sorted(analysis.skeleton.names.items())}
    write_json(names, folder / "skeleton.json")


def write_comparison(value: Comparison, folder: Path, *, version: str) -> None:
    """``comparison.json`` and ``tracks.csv``."""
    write_json(comparison(value, version=version), folder / "comparison.json")
    (folder / "tracks.csv").write_text(tracks_csv(value), encoding="utf-8", newline="")
