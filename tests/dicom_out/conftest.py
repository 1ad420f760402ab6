from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.workflow import analyse
from tests.cli.conftest import run, write_scan  # noqa: F401  (run is a fixture)


@pytest.fixture(scope="session")
def scan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shafts and two balls of calcium as a CT series."""
    return write_scan(tmp_path_factory.mktemp("scan") / "ct", date=dt.date(2019, 4, 11), seed=1)


@pytest.fixture(scope="session")
def later_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the two, smaller, eleven months later."""
    return write_scan(tmp_path_factory.mktemp("later") / "ct", date=dt.date(2020, 3, 10), seed=2, small=True)


@pytest.fixture(scope="session")
def analysis(scan_folder: Path) -> Analysis:
    """Of the series, with its source."""
    return analyse(read_scan(scan_folder))
