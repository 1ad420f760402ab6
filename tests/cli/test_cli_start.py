"""What the command says of itself before it does anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.config.load import preset_names
from tests.cli.conftest import Run

MODULES = ("numpy", "scipy", "skimage", "SimpleITK", "cc3d", "edt", "pydicom")
LIBRARIES = ("numpy", "scipy", "scikit-image", "SimpleITK", "connected-components-3d", "edt", "pydicom")


def test_version_names_every_library_that_decides_a_number(run: Run) -> None:
    first, python, *libraries = run("--version").out.splitlines()
    assert first.split()[0] == "calcinosis-ct"
    assert python == f"python {sys.version.split()[0]}"
    assert libraries == [f"{name} {version(name)}" for name in LIBRARIES]


@pytest.mark.parametrize("command", [None, "measure", "compare", "batch", "check", "phantom", "receive"])
def test_help_cuts_no_word_on_a_usual_terminal(command: str | None) -> None:
    shown = _calcinosis(*filter(None, [command]), "--help", COLUMNS="80")
    cut = [line for line in shown.splitlines() if re.search(r"…|\w\.\.\.$", line) or len(line) > 80]
    assert cut == []


def test_help_names_every_preset() -> None:
    shown = _calcinosis("measure", "--help", COLUMNS="80")
    assert [name for name in preset_names() if name not in shown] == []


def test_version_loads_none_of_them() -> None:
    code = (
        "import sys\nfrom pipeline.cli import main\nsys.argv = ['calcinosis', '--version']\n"
        f"try:\n    main()\nexcept SystemExit:\n    print([one for one in {MODULES} if one in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_for_each_shell(shell: str) -> None:
    """Which shell calls is found by its process, of which there is none here: it is named."""
    shown = _calcinosis("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert f"_CALCINOSIS_COMPLETE=complete_{shell}" in shown
    assert _calcinosis(_CALCINOSIS_COMPLETE=f"source_{shell}").split() == shown.split()


def test_the_shell_completes_commands_and_options() -> None:
    assert _completed("calcinosis mea", 1) == ["measure"]
    assert "--overwrite" in _completed("calcinosis measure --ov", 2)


def _completed(line: str, word: int) -> list[str]:
    return _calcinosis(
        _CALCINOSIS_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(word)
    ).splitlines()


def _calcinosis(*arguments: str, **environment: str) -> str:
    program = Path(sys.executable).parent / "calcinosis"
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
