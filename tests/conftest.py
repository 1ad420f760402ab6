from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("repeatable")

DATA = Path(__file__).parents[1].parent / "shared" / "data"
"""Real scans and published phantoms; they lie beside the project, not in it."""


@pytest.fixture(autouse=True)
def no_config_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The salt and settings of whoever runs the tests stay untouched."""
    monkeypatch.setenv("CALCINOSIS_CONFIG_DIR", str(tmp_path_factory.getbasetemp() / "config"))


@pytest.fixture(scope="session")
def ibsi_phantom() -> Path:
    folder = DATA / "ibsi_digital_phantom"
    if not folder.is_dir():
        pytest.skip(f"the IBSI digital phantom is not in {folder}")
    return folder


@pytest.fixture(scope="session")
def real_scans() -> Path:
    folder = DATA / "real_ct"
    if not folder.is_dir():
        pytest.skip(f"the real scans are not in {folder}")
    return folder
