"""Code blocks of the pages, and how each is run.

What stands after the language says more:

- ``bash``, ``python`` and ``sql of=FILE`` run, in order, in one folder for each page;
- ``yaml file=NAME`` is written to a file, for a later block;
- ``text`` is output or a synopsis, and what begins with ``{`` an instruction to Sphinx: neither is code;
- ``no-run: REASON`` is code that cannot run here.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<code>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    more: str
    code: str

    @property
    def is_code(self) -> bool:
        """False for output and for what Sphinx is told."""
        return self.language != "text" and not self.language.startswith("{")

    @property
    def no_run(self) -> str | None:
        """Why it cannot run."""
        return self.more.removeprefix("no-run:").strip() if self.more.startswith("no-run") else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> list[Block]:
    """All of README.md and docs/."""
    return [block for page in PAGES for block in _of(page)]


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in FENCE.finditer(text):
        language, _, more = found["info"].strip().partition(" ")
        line = text.count("\n", 0, found.start()) + 1
        yield Block(str(page.relative_to(ROOT)), line, language, more.strip(), found["code"])


def run(block: Block, folder: Path, names: dict[str, Any]) -> None:
    """Run a block in a folder; `names` are those that earlier blocks of Python made.

    Raises
    ------
    AssertionError
        If a command of it fails, with what it printed.
    """
    where, _, file = block.more.partition("=")
    if block.language == "bash":
        _run_bash(block, folder)
    elif block.language == "python":
        exec(compile(block.code, str(block), "exec"), names)
    elif block.language == "sql" and where == "of":
        with sqlite3.connect(f"file:{folder / file}?mode=ro", uri=True) as ledger:
            for query in filter(str.strip, block.code.split(";")):
                ledger.execute(query).fetchall()
    elif block.language == "yaml" and where == "file":
        (folder / file).write_text(block.code, "utf-8")
    else:
        raise AssertionError(f"{block}: nothing is known to run {block.language!r} {block.more!r}")


def _run_bash(block: Block, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
