"""The tables of docs/dicom.md say what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.dicom import decode_child, decoders, elements, encapsulated, enhanced, parse, pixels, tree
from pipeline.dicom.codecs import COMPRESSED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "dicom.md").read_text(encoding="utf-8")
READER = [
    *(file for file in sorted((ROOT / "pipeline" / "dicom").glob("*.py")) if not file.stem.startswith("seg")),
    *sorted((ROOT / "pipeline").glob("nifti*.py")),
    ROOT / "pipeline" / "sitk_images.py",
    *sorted((ROOT / "pipeline" / "receive").glob("*.py")),
]
"""Of scans, and not of label maps; and the node, which takes them in."""
EVERYTHING = sorted((ROOT / "pipeline").rglob("*.py"))


def section(title: str) -> str:
    """The text under a heading, up to the next of the same depth."""
    return re.split(r"^## ", TEXT.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """First cells of the rows of its tables, without heads and rules."""
    return re.findall(r"^\| ([A-Z_]{4,}|[\d.]{10,}) \|", text, flags=re.MULTILINE)


def calls(files: list[Path], name: str) -> Iterator[ast.Call]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield node


def first_argument(call: ast.Call) -> str:
    return str(call.args[0].value) if call.args and isinstance(call.args[0], ast.Constant) else ""


def code_argument(call: ast.Call) -> str:
    given = [word.value for word in call.keywords if word.arg == "code"]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def refusals(files: list[Path]) -> set[str]:
    codes = {first_argument(call) for call in calls(files, "InputRefused")} - {""}
    codes |= {code_argument(call) for call in calls(files, "refuse")} - {""}
    return codes | ({"BAD_GEOMETRY"} if any(calls(files, "GeometryError")) else set())


def test_every_refusal_of_the_reader_is_in_the_table_and_no_other() -> None:
    at_reading, later = section("Refused").split("Raised later")
    assert set(first_cells(at_reading)) == refusals(READER)
    assert set(first_cells(later)) <= refusals(EVERYTHING)


def test_every_flag_of_the_reader_is_in_the_table_with_its_severity() -> None:
    found = {
        (first_argument(call), str(call.args[1].value))
        for call in calls(READER, "QualityFlag")
        if isinstance(call.args[1], ast.Constant)
    }
    table = section("Flagged").split("Raised later")[0]
    assert set(re.findall(r"^\| ([A-Z_]{4,}) \| (\w+) \|", table, flags=re.MULTILINE)) == found


def test_transfer_syntaxes_are_those_that_are_read() -> None:
    table = TEXT.split("### Transfer syntaxes")[1].split("Any other syntax")[0]
    assert sorted(first_cells(table)) == sorted([*pixels.NATIVE, *COMPRESSED])


def test_limits_are_those_of_the_code() -> None:
    table = section("Limits")
    grouped = f"{elements.MAX_ELEMENTS:,}".replace(",", " ")
    for what, limit in (
        ("elements in a header", grouped),
        ("nesting of sequences", elements.MAX_DEPTH),
        ("voxels in a volume", f"{pixels.MAX_VOXELS:,}".replace(",", " ")),
        ("inflated dataset", f"{parse.INFLATED_LIMIT_BYTES >> 20} MB"),
        ("compressed frame", f"{encapsulated.MAX_FRAME_BYTES >> 20} MB"),
        ("frames in one file", f"{enhanced.MAX_FRAMES:,}".replace(",", " ")),
        (
            "time for a compressed frame",
            f"{decoders.FRAME_LIMIT_S:g} s of processor time, "
            f"{decoders.PATIENCE * decoders.FRAME_LIMIT_S:g} s by the clock",
        ),
        ("memory of a decoding child", f"{decode_child.MEMORY_LIMIT_BYTES >> 20} MB"),
        (
            "zip, inflated",
            f"{tree.ZIP_LIMIT_BYTES >> 30} GB, {tree.MAX_MEMBERS:,} files".replace(",000", " 000"),
        ),
        (
            "file in a zip",
            f"{tree.MEMBER_LIMIT_BYTES >> 20} MB, and {tree.BOMB_RATIO} times its packed size above",
        ),
    ):
        assert f"| {what} | {limit}" in table, what
