"""Settings: defaults, presets, what is refused, and the hash of what decides numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline.config import Settings, load_settings, preset_folder, preset_names, settings_from
from pipeline.errors import UsageError

PRESETS = preset_names()


def refusal(*overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(None, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_shipped_defaults_are_those_of_the_code() -> None:
    assert load_settings("default") == Settings()
    assert load_settings(None) == Settings()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads(name: str) -> None:
    assert isinstance(load_settings(name), Settings)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "default"])
def test_a_preset_holds_only_what_differs(name: str) -> None:
    defaults = Settings().model_dump(mode="json")
    content = yaml.safe_load((preset_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
    assert content
    for section, values in content.items():
        for key, value in values.items():
            assert value != defaults[section][key], f"{section}.{key}"


def test_the_default_preset_shows_every_setting() -> None:
    content = yaml.safe_load((preset_folder() / "default.yaml").read_text(encoding="utf-8"))
    assert content == Settings().model_dump(mode="json")


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("candidates.seed_hu=5000", "candidates.seed_hu"),
        ("candidates.seed_hu=.nan", "candidates.seed_hu"),
        ("candidates.seed_hu=.inf", "candidates.seed_hu"),
        ("candidates.seed_hu=bright", "candidates.seed_hu"),
        ("candidates.seed_hu='220'", "candidates.seed_hu"),
        ("candidates.seed_hu=", "candidates.seed_hu"),
        ("candidates.seed_hu=2020-01-01", "candidates.seed_hu"),
        ("candidates.brightness=3", "candidates.brightness"),
        ("sizes.seed_hu=3", "sizes"),
        ("figures.enabled=3", "figures.enabled"),
        ("figures.dots_per_inch=110.5", "figures.dots_per_inch"),
        ("respond.change_fraction=1", "respond.change_fraction"),
        ("parting.lump_hu=[250]", "parting"),
        ("parting.lump_radius_mm=[0,1,2,3]", "parting.lump_radius_mm"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(override: str, named: str) -> None:
    assert named in refusal(override)


@pytest.mark.parametrize(
    "text", ["seed_hu=3", "candidates.seed_hu", "=3", ".=3", "candidates.=3", "candidates.seed_hu=[1"]
)
def test_an_override_of_another_form_is_refused(text: str) -> None:
    refusal(text)


def test_a_seed_below_the_edge_is_refused() -> None:
    assert "seed_hu" in refusal("candidates.seed_hu=150")
    assert "seed_hu" in refusal("candidates.edge_hu=230")


def test_overrides_are_laid_over_the_file_and_the_last_one_stands(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("candidates: {seed_hu: 300, edge_hu: 200}\n")
    settings = load_settings(str(file), ["candidates.seed_hu=400", "candidates.seed_hu=410"])
    assert (settings.candidates.seed_hu, settings.candidates.edge_hu) == (410, 200)
    assert settings.skeleton == Settings().skeleton


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_settings(str(tmp_path / "empty.yaml")) == Settings()


@pytest.mark.parametrize(
    "text",
    [
        b"[1, 2]",
        b"candidates: 3",
        b"candidates:\n",
        b"a: b: c",
        b"\xff\xfe\x00",
        b"1: {2: 3}",
        b"candidates: &a {seed_hu: *a}",
    ],
)
def test_a_file_that_does_not_map_sections_to_settings_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(text)
    with pytest.raises(UsageError):
        load_settings(str(tmp_path / "bad.yaml"))


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="default"):
        load_settings("no_such_preset")


def test_settings_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().candidates.seed_hu = 100  # type: ignore[misc]


def numbers() -> list[tuple[str, str]]:
    return [
        (section, key)
        for section, values in Settings().model_dump().items()
        if section not in ("figures", "series", "receive")
        for key in values
    ]


def changed(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: one / 2 for key, one in value.model_dump().items()})
    if isinstance(value, tuple):
        return tuple(one * 1.01 for one in value)
    return value + 1 if isinstance(value, int) else value * 1.01 + 1e-3


@pytest.mark.parametrize(("section", "key"), numbers())
def test_the_hash_changes_with_every_number(section: str, key: str) -> None:
    settings = Settings()
    own: BaseModel = getattr(settings, section)
    other = settings.model_copy(update={section: own.model_copy(update={key: changed(getattr(own, key))})})
    assert other.sha256() != settings.sha256()


def test_the_hash_does_not_change_with_the_figures() -> None:
    assert Settings().with_(figures={"enabled": False, "dots_per_inch": 200}).sha256() == Settings().sha256()


def test_the_hash_does_not_change_with_the_node() -> None:
    assert Settings().with_(receive={"port": 104, "keep_days": 0}).sha256() == Settings().sha256()


def test_the_hash_is_that_of_the_values_not_of_how_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("candidates: {seed_hu: 220}\n")  # a whole number in the file
    assert load_settings(str(tmp_path / "own.yaml")).sha256() == Settings().sha256()


def test_limits_are_those_of_finite_numbers_only() -> None:
    with pytest.raises(UsageError):
        settings_from({"mimics": {"cut_bone_reach_mm": math.inf}})
    with pytest.raises(UsageError):
        settings_from({"mimics": {"cut_bone_reach_mm": math.nan}})
