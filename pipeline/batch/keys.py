"""Keys of patients that are safe as names of folders, in tables and in pages, and never the same twice."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable

KEY_BYTES = 100
"""Of 255 that a name may have on most file systems; a staged folder's name is some 20 longer."""

TAIL_HEX_DIGITS = 8
FORBIDDEN = frozenset("/\\:*?\"<>|`'&%#;,$!{}[]()^~")
"""Parts of paths, of patterns, of markup and of addresses, and what a shell would obey."""

LEADING = "=+-@._ "
"""What a spreadsheet takes for a formula, a shell for an option and a system for a hidden file."""

RESERVED = frozenset(
    ("con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10)))
)
"""Names of devices on Windows, also with an ending."""


def keys_of(labels: Iterable[str]) -> dict[str, str]:
    """A key for each label, the same in every run.

    A label that is safe as it stands is its own key. Any other gets what is left of it and a tail made of the
    label, and so do labels that differ by upper and lower case alone: some file systems take them for one.

    Returns
    -------
    dict
        Label → key, in the order of the labels.
    """
    different = list(dict.fromkeys(labels))
    cleaned = {label: clean_label(label) for label in different}
    safe = Counter(fold(one) for label, one in cleaned.items() if one and one == label)
    taken = set(safe)
    keys: dict[str, str] = {}
    for label, clean in cleaned.items():
        if clean and clean == label and safe[fold(clean)] == 1:
            keys[label] = clean
        else:
            keys[label] = _with_tail(clean, label, taken)
            taken.add(fold(keys[label]))
    return keys


def clean_label(label: str) -> str:
    """What is left of a label as the name of a folder; may be empty."""
    shown = unicodedata.normalize("NFC", label)
    kept = "".join(" " if c.isspace() else c for c in shown if _is_harmless(c))
    clean = "_".join(kept.split()).lstrip(LEADING)
    clean = clean.encode()[:KEY_BYTES].decode(errors="ignore").rstrip("._ ")
    return f"key_{clean}" if clean.split(".")[0].casefold() in RESERVED else clean


def fold(key: str) -> str:
    """A key as a file system sees it that ignores case and the form of letters."""
    return unicodedata.normalize("NFKC", key).casefold()


def _is_harmless(character: str) -> bool:
    return character not in FORBIDDEN and (
        character.isspace() or unicodedata.category(character)[0] not in ("C", "Z")
    )


def _with_tail(clean: str, label: str, taken: set[str]) -> str:
    digest = hashlib.sha256(label.encode(errors="surrogatepass")).hexdigest()
    for digits in range(TAIL_HEX_DIGITS, len(digest)):
        key = f"{clean or 'patient'}-{digest[:digits]}"
        if fold(key) not in taken:
            break
    return key
