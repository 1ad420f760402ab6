"""A results folder appears whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from pipeline.errors import InputRefused, OutputError
from pipeline.results.staging import RESULT_NAMES, staged_folder


def run(
    final: Path,
    names: tuple[str, ...] = ("measurements.json",),
    *,
    overwrite: bool = False,
    text: str = "new",
) -> None:
    with staged_folder(final, overwrite=overwrite) as stage:
        for name in names:
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            (stage / name).write_text(text)


def die_halfway(final: Path, error: BaseException) -> None:
    with staged_folder(final, overwrite=True) as stage:
        (stage / "measurements.json").write_text("half")
        raise error


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_what_was_staged_is_there_afterwards_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path / "a" / "out", ("measurements.json", "figures/1.png"))
    assert content(tmp_path / "a") == {"out/measurements.json": "new", "out/figures/1.png": "new"}


@pytest.mark.parametrize("error", [InputRefused("EMPTY_SCAN", "x"), RuntimeError("x"), KeyboardInterrupt()])
def test_nothing_is_left_when_the_block_raises(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)):
        die_halfway(tmp_path / "out", error)
    assert list(tmp_path.iterdir()) == []


def test_earlier_results_survive_when_the_block_raises(tmp_path: Path) -> None:
    run(tmp_path / "out", text="old")
    with pytest.raises(RuntimeError):
        die_halfway(tmp_path / "out", RuntimeError())
    assert content(tmp_path) == {"out/measurements.json": "old"}


@pytest.mark.parametrize("name", RESULT_NAMES)
def test_results_are_not_replaced_unless_asked(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("old")
    with pytest.raises(OutputError, match="--overwrite") as caught:
        run(tmp_path / "out")
    assert caught.value.exit_code == 5
    assert content(tmp_path) == {f"out/{name}": "old"}


def test_overwriting_removes_all_old_results_and_leaves_foreign_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(
        out,
        ("measurements.json", "lesions.seg.dcm", "figures/7.png", "t0/measurements.json", "t1/lesions.csv"),
    )
    for foreign in ("notes.txt", "t0 my own/x.txt", "t9/letter.txt", "scans/1.dcm"):
        (out / foreign).parent.mkdir(exist_ok=True)
        (out / foreign).write_text("mine")
    run(out, ("measurements.json", "report.html"), overwrite=True, text="second")
    assert content(out) == {
        "measurements.json": "second",
        "report.html": "second",
        "notes.txt": "mine",
        "t0 my own/x.txt": "mine",
        "t9/letter.txt": "mine",
        "scans/1.dcm": "mine",
    }


def test_an_empty_folder_or_one_of_foreign_files_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    run(tmp_path / "out")
    assert content(tmp_path / "out") == {"notes.txt": "mine", "measurements.json": "new"}


def test_a_foreign_folder_in_the_way_is_refused_before_anything_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, ("comparison.json",), text="old")
    (out / "t0").mkdir()
    (out / "t0" / "letter.txt").write_text("mine")
    with pytest.raises(OutputError):
        run(out, ("comparison.json", "t0/measurements.json"), overwrite=True)
    assert content(out) == {"comparison.json": "old", "t0/letter.txt": "mine"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="not a folder"):
        run(tmp_path / "out", overwrite=True)
    assert content(tmp_path) == {"out": "mine"}


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        run(tmp_path / "file" / "out")


def test_a_place_that_refuses_new_folders_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        run(tmp_path / "out")


def test_the_current_folder_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(Path())
    assert content(tmp_path) == {"measurements.json": "new"}


def test_the_folder_is_as_open_as_the_user_makes_folders(tmp_path: Path) -> None:
    run(tmp_path / "out")
    (tmp_path / "own").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "own").stat().st_mode
