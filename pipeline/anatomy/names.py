"""What the values of a label map are called: from a names file, or from a NIfTI header."""

from __future__ import annotations

import gzip
import json
import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from pipeline.errors import InputRefused

HEADER_BYTES = {348: (108, "f"), 540: (168, "q")}
"""Length of the header → where it says that the values begin, and as what type (nifti1.h, nifti2.h)."""
LARGEST_EXTENSION = 4 * 2**20
LABEL = re.compile(
    rb'<Label\s[^>]*?Key="(\d{1,5})"[^>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</Label>', re.DOTALL
)
"""One entry of the label table in a Caret extension, as TotalSegmentator writes it."""
COLOURS = re.compile(r"(?:[\s,;]+[-+0-9.]+){3,7}$")
"""Colours and visibility after a name (3D Slicer)."""


def names_in_header(path: Path) -> dict[int, str]:
    """Names from the label table in a NIfTI header's extension; empty where there is none.

    Raises
    ------
    InputRefused
        UNREADABLE.
    """
    try:
        with _open(path) as file:
            extension = _extension(file)
    except (OSError, EOFError, zlib.error) as error:
        raise InputRefused("UNREADABLE", "the anatomy cannot be read as NIfTI") from error
    found = {
        int(key): (cdata or plain).decode("utf-8", "replace")
        for key, cdata, plain in LABEL.findall(extension)
    }
    return {value: name.strip() for value, name in found.items() if value > 0 and name.strip()}


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _extension(file: BinaryIO) -> bytes:
    """The bytes between a header and its values, at most `LARGEST_EXTENSION`."""
    header = file.read(348)
    for order in "<>":
        (size,) = struct.unpack(f"{order}i", header[:4]) if len(header) == 348 else (0,)
        if size in HEADER_BYTES:
            place, kind = HEADER_BYTES[size]
            header += file.read(size - 348)
            if len(header) < size:
                return b""
            (start,) = struct.unpack_from(order + kind, header, place)
            if not size < start < size + LARGEST_EXTENSION:
                return b""
            return file.read(int(start) - size)
    return b""


def read_names(path: Path) -> dict[int, str]:
    """Names by value from JSON, YAML, or a text with one "value name" a line (commas, tabs or blanks).

    Label files of ITK-SNAP and colour tables of 3D Slicer are read too.

    Raises
    ------
    InputRefused
        ANATOMY_NAMES where the file cannot be read or has no value with a name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused("ANATOMY_NAMES", "the names file cannot be read") from error
    suffix = path.suffix.lower()
    found = (
        _from_mapping(_parsed(text, suffix)) if suffix in (".json", ".yaml", ".yml") else _from_lines(text)
    )
    if not found:
        raise InputRefused("ANATOMY_NAMES", "expected values with names in the names file, found none")
    return found


def _parsed(text: str, suffix: str) -> Any:
    try:
        return json.loads(text) if suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputRefused("ANATOMY_NAMES", f"the names file is no {suffix[1:].upper()}") from error


def _from_mapping(content: Any) -> dict[int, str]:
    """Either way round, and under "labels" too."""
    if isinstance(content, Mapping) and isinstance(content.get("labels"), Mapping):
        content = content["labels"]
    if not isinstance(content, Mapping):
        return {}
    found = {}
    for key, item in content.items():
        value, name = (key, item) if isinstance(item, str) and not item.isdecimal() else (item, key)
        if str(value).isdecimal() and 0 < int(value) < 2**16 and isinstance(name, str) and name.strip():
            found[int(value)] = name.strip()
    return found


def _from_lines(text: str) -> dict[int, str]:
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*(\d{1,5})[\s,;:=]+(.+?)\s*$", line)
        if match and 0 < int(match[1]) < 2**16:
            quoted = re.search(r'"([^"]+)"', match[2])
            name = quoted[1] if quoted else COLOURS.sub("", match[2])
            if re.search("[A-Za-z]", name):
                found[int(match[1])] = name.strip()
    return found
