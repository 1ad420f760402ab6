from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.dicom.ct_write import uids_from, write_ct_series
from tests.builders import ct, pelvis_of_two_shafts
from tests.series import paulas_header


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with arguments, within this process."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["calcinosis", *(str(one) for one in arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Ended(int(caught.value.code or 0), printed.out, printed.err)

    return call


def write_scan(folder: Path, *, date: dt.date, seed: int, patient: str = "P-1", small: bool = False) -> Path:
    """Two shafts and two balls of calcium, or one and a smaller one, as a CT series."""
    balls = {(0.0, 20.0, -4.0): 4.0} if small else {(0.0, -26.0, 2.0): 5.0, (0.0, 20.0, -4.0): 7.0}
    hu, geometry = pelvis_of_two_shafts(balls, seed=seed)
    header = paulas_header(date, patient_id=patient)
    write_ct_series(ct(hu, geometry), header, folder, make_uid=uids_from(f"{folder.name} {seed}"))
    return folder


@pytest.fixture(scope="session")
def baseline_dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("t0") / "ct", date=dt.date(2019, 4, 11), seed=1)


@pytest.fixture(scope="session")
def followup_dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("t1") / "ct", date=dt.date(2020, 3, 10), seed=2, small=True)


@pytest.fixture(scope="session")
def other_patient_dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("x") / "ct", date=dt.date(2020, 3, 10), seed=3, patient="P-2")
