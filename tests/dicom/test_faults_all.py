"""Every row of the fault list has a test that names its number."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROWS = {*(f"{n:02d}" for n in range(1, 47)), "38a"}
"""Numbers of the rows; 38a came later."""


def rows_of(test_id: str) -> set[str]:
    """Numbers in a test's id: ``test_fault_37_…``, ``test_fault_03_and_37_…`` or ``test_fault_…[17_…]``."""
    name = test_id.split("::")[-1]
    head = re.match(r"test_fault_(\d\da?)(?:_and_(\d\da?))?_", name)
    case = re.match(r"test_fault_is_refused\[(\d\da?)_", name)
    return {row for match in (head, case) if match for row in match.groups() if row}


def test_every_row_of_the_fault_list_has_a_test() -> None:
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", HERE],
        capture_output=True, text=True, check=True, cwd=HERE.parents[1],
    )  # fmt: skip
    covered = set().union(*(rows_of(line) for line in collected.stdout.splitlines()))
    assert covered == ROWS
