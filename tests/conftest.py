from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.workflow import analyse, compare
from tests.builders import a_scan, pelvis_of_two_shafts

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("repeatable")

DATA = Path(__file__).parents[1].parent / "shared" / "data"
"""Real scans and published phantoms; they lie beside the project, not in it."""


@pytest.fixture(autouse=True, scope="session")
def no_config_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The salt of whoever runs the tests stays untouched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALCINOSIS_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        yield


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


FRONT, BACK, CUT = (0.0, -26.0, 2.0), (0.0, 20.0, -4.0), (5.0, 22.0, 23.0)
"""Centres of the balls of calcium in `baseline`; the last is cut by the upper end of the scan."""


@pytest.fixture(scope="session")
def baseline() -> Analysis:
    """Two definite lesions and one that the scan cuts."""
    hu, geometry = pelvis_of_two_shafts({FRONT: 5.0, BACK: 7.0, CUT: 4.0}, seed=1)
    return analyse(a_scan(hu, geometry, date=dt.date(2019, 4, 11)))


@pytest.fixture(scope="session")
def comparison(baseline: Analysis) -> Comparison:
    """One lesion gone, one smaller; at last a scan that shows the lower part alone."""
    hu, geometry = pelvis_of_two_shafts({BACK: 4.0}, seed=2)
    followup = analyse(a_scan(hu, geometry, date=dt.date(2020, 3, 10)))
    box = (slice(0, 14), slice(None), slice(None))
    part = geometry.crop((slice(0, 14), slice(0, geometry.shape[1]), slice(0, geometry.shape[2])))
    last = analyse(a_scan(hu[box], part, date=dt.date(2021, 3, 10)))
    return compare([baseline, followup, last])
