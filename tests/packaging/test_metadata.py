"""What the project says of itself in several places is the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from pipeline import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_every_place_names_one_version_title_and_licence() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == PROJECT["version"] == __version__
    assert cited["title"].startswith(PROJECT["name"])
    assert cited["license"] == PROJECT["license"]


def test_the_extra_all_holds_every_other() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    named = everything.removeprefix(f"{PROJECT['name']}[").removesuffix("]").split(",")
    assert sorted(named) == sorted(set(extras) - {"all"})
    assert {"batch", "docs", "notebook", "pacs", "test"} <= set(named)


def test_every_extra_is_told_in_the_docs() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    for extra in PROJECT["optional-dependencies"]:
        assert f"| `{extra}` |" in page
