"""A file that is there whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pipeline.errors import OutputError


def write_picture(file: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then give it its own.

    Raises
    ------
    OutputError
        If it cannot be written; nothing is left under the final name.
    """
    temporary = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(f"picture {file.name} could not be written: {error.strerror}") from error
    return file
