"""What the pages take from the code is there, whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.made import MADE
from docs.made.sections import fields
from docs.made.summary import README, filled
from pipeline.cli import app
from pipeline.config import Settings
from tests.docs.blocks import PAGES, ROOT

MARK = re.compile(r"<!-- made: (.+?) -->")


def test_every_part_that_is_made_is_asked_for_once_and_no_other_is() -> None:
    asked = [name for page in PAGES for name in MARK.findall(page.read_text("utf-8"))]
    assert sorted(asked) == sorted(MADE)


def test_every_command_and_every_setting_is_told() -> None:
    commands, settings = MADE["commands"](), MADE["settings"]()
    for command in app.registered_commands:
        assert f"## calcinosis {command.callback.__name__}" in commands  # type: ignore[union-attr]
    for section, field in Settings.model_fields.items():
        for name, *_ in fields(type(field.default)):
            assert f"`{section}.{name}`" in settings


def test_the_readme_shows_the_figures_that_were_measured_last() -> None:
    """``python -m docs.made.summary --write`` puts them there; `make accuracy` does so at its end."""
    text = README.read_text("utf-8")
    assert filled(text) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_and_pictures_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|```\{image\} (\S+)", page.read_text("utf-8"))
    paths = [page.parent / (one or other) for one, other in links if "://" not in (one or other)]
    assert [path for path in paths if not path.exists()] == []


def test_no_picture_is_large() -> None:
    sizes_kb = {file.name: file.stat().st_size / 1000 for file in (ROOT / "docs" / "images").iterdir()}
    assert {name: size for name, size in sizes_kb.items() if size > 300} == {}
