"""The notebooks of the repository run from top to bottom, and carry small outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebook.execute import FOLDER, notebooks

MOST_BYTES = 400_000


@pytest.mark.slow
@pytest.mark.parametrize("file", notebooks(), ids=lambda file: file.stem)
def test_a_notebook_runs(file: Path) -> None:
    command = [sys.executable, "-m", "tests.notebook.execute", file.name]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("file", notebooks(), ids=lambda file: file.stem)
def test_a_notebook_carries_the_outputs_of_a_whole_run_and_they_are_small(file: Path) -> None:
    content: Any = nbformat.read(file, as_version=4)
    cells = [cell for cell in content.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error"]
    assert len(outputs) >= len(cells) // 2
    assert file.stat().st_size <= MOST_BYTES
