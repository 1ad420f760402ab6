from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pipeline as cc

STUB = Path(cc.__file__).with_suffix(".pyi")
IMPORT_SECONDS, HELP_SECONDS = 0.5, 0.7
HEAVY = ("numpy", "scipy", "pydantic", "SimpleITK", "matplotlib", "pandas", "ipywidgets", "pydicom")


@pytest.mark.parametrize("name", cc.__all__)
def test_every_public_name_can_be_had_and_is_listed(name: str) -> None:
    assert getattr(cc, name) is not None
    assert name in dir(cc)


def test_the_names_for_type_checkers_are_the_public_ones() -> None:
    text = STUB.read_text("utf-8")
    told = set(re.findall(r"import (\w+) as \1$", text, re.MULTILINE)) | {"__version__"}
    assert told == set(cc.__all__)


def test_another_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="no attribute 'read_mri'"):
        _ = cc.read_mri  # type: ignore[attr-defined]


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, pipeline; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "most_seconds"),
    [(["-c", "import pipeline"], IMPORT_SECONDS), (["-m", "pipeline", "--help"], HELP_SECONDS)],
)
def test_import_and_help_are_quick(arguments: list[str], most_seconds: float) -> None:
    """The quickest of several: what else the machine does is not the point."""
    assert min(_seconds([sys.executable, *arguments]) for _ in range(5)) <= most_seconds


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start
