"""The wheel works where nothing else of the project is: an environment, a home and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Where the programs of an environment with the wheel lie, and what a shell of a new user knows."""
    folder = tmp_path_factory.mktemp("alone")
    _run(sys.executable, "-m", "venv", folder / "venv")
    programs = folder / "venv" / "bin"
    _run(programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    (folder / "home").mkdir()
    return programs, {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder / "home")}


def test_the_wheel_carries_all_that_is_read_and_nothing_of_the_tests(wheel: Path) -> None:
    """Whatever lies in the package without being Python, and the presets."""
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "pipeline").rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    }
    presets = {f"pipeline/configs/{file.name}" for file in (ROOT / "configs").glob("*.yaml")}
    assert data
    assert presets
    assert data | presets <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"pipeline"}


def test_in_an_empty_folder_it_makes_a_case_and_compares_it(
    alone: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    programs, environment = alone
    _run(programs / "calcinosis", "phantom", "x", cwd=tmp_path, env=environment)
    command = ["compare", "x/baseline", "x/followup", "-o", "y", "--config", "default"]
    _run(programs / "calcinosis", *command, cwd=tmp_path, env=environment)
    answer = json.loads((tmp_path / "y" / "comparison.json").read_text("utf-8"))["response"][-1]
    assert answer["category"] == "complete_resolution"
    assert (tmp_path / "y" / "report.html").stat().st_size > 100_000
    assert sorted(one.name for one in tmp_path.iterdir()) == ["x", "y"]


def test_without_its_extras_a_command_names_the_extra(
    alone: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    programs, environment = alone
    for command, extra in (("batch", "batch"), ("receive", "pacs")):
        arguments = [programs / "calcinosis", command, *(["x"] if extra == "batch" else []), "-o", "y"]
        done = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert f"calcinosis-ct[{extra}]" in done.stderr


def test_the_schemas_are_found_from_the_installed_package(
    alone: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    programs, environment = alone
    code = (
        "from importlib.resources import files\n"
        "from pipeline.config import preset_names\n"
        "print(len(list((files('pipeline.results') / 'schemas').iterdir())), *preset_names())"
    )
    printed = _run(programs / "python", "-c", code, cwd=tmp_path, env=environment)
    presets = sorted(file.stem for file in (ROOT / "configs").glob("*.yaml"))
    schemas = len(list((ROOT / "pipeline" / "results" / "schemas").iterdir()))
    assert printed.split() == [str(schemas), *presets]


def _run(*command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    if env is None:  # pip: of this project only what the wheel holds
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(one) for one in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
