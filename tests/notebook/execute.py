"""Run the notebooks from top to bottom, a kernel for each; with ``--write`` keep their small outputs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parents[2] / "notebooks"
LARGEST_OUTPUT = 250_000
"""Characters of one output that are kept; a picture of more is not for a repository."""
SECONDS_PER_CELL = 600
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks() -> list[Path]:
    """All of them, by number."""
    return sorted(FOLDER.glob("*.ipynb"))


def execute(file: Path) -> Any:
    """Run a notebook where it lies.

    Raises
    ------
    CellExecutionError
        With the cell that failed.
    """
    content: Any = nbformat.read(file, as_version=4)
    NotebookClient(content, timeout=SECONDS_PER_CELL, resources={"metadata": {"path": str(FOLDER)}}).execute()
    return content


def tidied(content: Any) -> Any:
    """The notebook without what changes from run to run and what is large."""
    content.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in content.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [one for one in (_tidy(output) for output in cell.outputs) if one is not None]
    return content


def _tidy(output: Any) -> Any:
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)
    if output.output_type == "stream" and output.name == "stderr":
        return None
    return output if len(nbformat.writes(_alone(output))) <= LARGEST_OUTPUT else None


def _alone(output: Any) -> Any:
    cell: Any = nbformat.v4.new_code_cell(outputs=[output])  # type: ignore[no-untyped-call]
    return nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]


def main() -> None:
    """Run all, or those whose names hold the given words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only notebooks whose name holds one of these")
    parser.add_argument("--write", action="store_true", help="keep the outputs in the files")
    arguments = parser.parse_args()
    failed = False
    for file in notebooks():
        if arguments.words and not any(word in file.name for word in arguments.words):
            continue
        start = time.perf_counter()
        try:
            content = execute(file)
        except CellExecutionError as error:
            print(f"{file.name} failed:\n{error}")
            failed = True
            continue
        print(f"{file.name} ran in {time.perf_counter() - start:.0f} s")
        if arguments.write:
            nbformat.write(tidied(content), file)
    sys.exit(failed)


if __name__ == "__main__":
    main()
