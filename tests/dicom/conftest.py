from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.cli.conftest import run  # noqa: F401  (a fixture)
from tests.series import Read, Refuse, write_series


@pytest.fixture(autouse=True)
def own_config_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("CALCINOSIS_CONFIG_DIR", str(folder))
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a series and read it back."""
    return lambda datasets: read_scan(write_series(datasets, tmp_path / "series"))


@pytest.fixture
def refuse(read: Read) -> Refuse:
    """Write a series, read it, and give the code of the refusal."""

    def code(datasets: Sequence[Dataset]) -> str:
        with pytest.raises(InputRefused) as caught:
            read(datasets)
        assert "\n" not in str(caught.value)
        for patient_text in ("Paula", "P-1", "20070305"):
            assert patient_text not in str(caught.value)
        return caught.value.code

    return code
