"""Every block of code in README.md and docs/ does what the page says, or says why it cannot be tried."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import write_scan
from tests.docs.blocks import Block, blocks, run

ALL = blocks()
CODE = [block for block in ALL if block.is_code]
NOT_RUN = {
    ("README.md", "sets up .venv; .ci/run does both"),
    ("docs/batch.md", "needs a SLURM cluster"),
    ("docs/install.md", "needs an environment of its own"),
    ("docs/install.md", "tests/packaging does it in an environment of its own"),
    ("docs/install.md", "tests/packaging does it with the wheel"),
    ("docs/receive.md", "a server, which runs until it is stopped"),
    ("docs/receive.md", "needs Orthanc"),
    ("docs/receive.md", "needs systemd"),
}
"""All blocks that are not tried, with the reason that the page gives."""
SCANS_OF = {"README.md": "sample_data"}
"""Where a page has baseline and followup, if not at hand: small ones here."""
BATCH_PAGES = {"docs/batch.md", "docs/cohort.md"}
"""Pages about the results of a batch, which is run for them."""
PAGES = sorted({block.page for block in CODE if block.no_run is None})


def test_every_block_says_what_it_is() -> None:
    assert [str(block) for block in ALL if not block.language] == []


def test_blocks_that_are_not_run_are_these_and_no_others() -> None:
    found = [(block.page, block.no_run) for block in CODE if block.no_run is not None]
    assert sorted(found) == sorted(NOT_RUN)


@pytest.fixture(scope="session")
def two_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small scans of one patient."""
    folder = tmp_path_factory.mktemp("scans")
    write_scan(folder / "baseline", date=dt.date(2019, 4, 11), seed=1)
    write_scan(folder / "followup", date=dt.date(2020, 3, 10), seed=2, small=True)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(
    page: str, two_scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(two_scans, tmp_path / SCANS_OF.get(page, ""), dirs_exist_ok=True)
    if page in BATCH_PAGES:
        run(Block(page, 0, "bash", "", "calcinosis batch . -o ../results --no-figures"), tmp_path, {})
        shutil.move(tmp_path.parent / "results", tmp_path / "results")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in CODE:
        if block.page == page and block.no_run is None:
            run(block, tmp_path, names)
