"""Versions of the libraries that decide the numbers, told without loading them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

DECIDING = (
    "numpy",
    "scipy",
    "scikit-image",
    "SimpleITK",
    "connected-components-3d",
    "edt",
    "pydicom",
)
"""Libraries whose version may change a number, or how an image is read."""


def versions(libraries: Iterable[str] = DECIDING) -> Iterator[str]:
    """Python, then each library, with its version or ``unknown``."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    yield f"python {python_version()}"
    for library in libraries:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            yield f"{library} unknown"
