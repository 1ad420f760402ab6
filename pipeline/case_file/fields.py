"""What the texts of a case file mean: dates, numbers, short words."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from dataclasses import dataclass

from pipeline.case_file.tree import Listing, Mapping, Node, Text, refuse, shown_key

NAME_LENGTH = 40
FINDING_LENGTH = 80
UNIT_LENGTH = 20
FIRST_YEAR, LAST_YEAR = 1900, 2199
LARGEST_NUMBER = 1e9
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NOTHING = ("", "~", "null", "Null", "NULL")
"""Plain texts that stand for no value (YAML 1.1)."""
MARKUP = '<>|`"'
FORMULA_START = "=+-@"
"""What a browser, a shell or a spreadsheet would obey."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mapping of the file, and where it stands: as ``treatments[0]``."""

    mapping: Mapping
    where: str

    def line(self, key: str) -> int:
        """Of a key, or of the entry where the key is missing."""
        return self.mapping.key_lines.get(key, self.mapping.line)

    def path(self, key: str) -> str:
        """Of a key."""
        return f"{self.where}.{key}" if self.where else key

    def get(self, key: str) -> Node | None:
        """A value; None where it is missing or empty."""
        node = self.mapping.items.get(key)
        nothing = isinstance(node, Text) and node.plain and node.text in NOTHING
        return None if nothing else node

    def require(self, key: str) -> Node:
        """A value that must be there."""
        node = self.get(key)
        if node is None:
            raise refuse(self.line(key), self.path(key), "it is missing")
        return node


def entry(node: Node, where: str, known: tuple[str, ...]) -> Entry:
    """A mapping whose keys are all known."""
    if not isinstance(node, Mapping):
        raise refuse(node.line, where, f"expected {', '.join(known)} with their values")
    for key, line in node.key_lines.items():
        if key not in known:
            place = f"{where}.{shown_key(key)}" if where else shown_key(key)
            raise refuse(line, place, f"unknown key; there are {', '.join(known)}")
    return Entry(node, where)


def entries(parent: Entry, key: str, known: tuple[str, ...]) -> list[Entry]:
    """The mappings of a list; none where the list is missing."""
    node = parent.get(key)
    if node is None:
        return []
    if not isinstance(node, Listing):
        raise refuse(parent.line(key), key, "expected a list, each entry begun with a hyphen")
    return [entry(one, f"{key}[{n}]", known) for n, one in enumerate(node.items)]


def words(parent: Entry, key: str, longest: int = NAME_LENGTH) -> str:
    """A short line of text.

    Raises
    ------
    InputRefused
        BAD_CASE where it is missing, long, of several lines, or holds what a program would obey.
    """
    text = _text(parent, key, "a short text")
    if len(text) > longest:
        raise _refuse(parent, key, f"expected at most {longest} characters, found {len(text)}")
    if "\n" in text or any(unicodedata.category(c)[0] in "CZ" and c != " " for c in text):
        raise _refuse(parent, key, "expected one line without control characters")
    if not text.strip() or text != text.strip():
        raise _refuse(parent, key, "expected a text without blanks around it")
    if any(c in MARKUP for c in text) or text[0] in FORMULA_START:
        raise _refuse(parent, key, 'these are not read: < > | ` ", and = + - @ at the start; use words')
    return text


def some_words(parent: Entry, key: str, longest: int = NAME_LENGTH) -> str | None:
    """The same; None where it is missing."""
    return None if parent.get(key) is None else words(parent, key, longest)


def date(parent: Entry, key: str) -> dt.date:
    """A day as YYYY-MM-DD.

    Raises
    ------
    InputRefused
        BAD_DATE where it is none, BAD_CASE where it is missing.
    """
    text = _text(parent, key, "a date as YYYY-MM-DD")
    if not DATE.fullmatch(text):
        raise _refuse(parent, key, "expected a date as YYYY-MM-DD", code="BAD_DATE")
    try:
        found = dt.date.fromisoformat(text)
    except ValueError as error:
        raise _refuse(parent, key, "there is no such day", code="BAD_DATE") from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        reason = f"expected a year from {FIRST_YEAR} to {LAST_YEAR}"
        raise _refuse(parent, key, reason, code="BAD_DATE")
    return found


def number(parent: Entry, key: str) -> float:
    """A decimal number without quotes, finite."""
    return _number(parent.require(key), parent, key)


def bounds(parent: Entry, key: str) -> tuple[float, float] | None:
    """Two rising numbers; None where they are missing."""
    node = parent.get(key)
    if node is None:
        return None
    if not isinstance(node, Listing) or len(node.items) != 2:
        raise _refuse(parent, key, "expected [lowest, highest]")
    low, high = (_number(one, parent, key) for one in node.items)
    if not low < high:
        raise _refuse(parent, key, "expected [lowest, highest], found them the other way round")
    return low, high


def _number(node: Node, parent: Entry, key: str) -> float:
    if not isinstance(node, Text) or not node.plain or not NUMBER.fullmatch(node.text):
        raise _refuse(parent, key, "expected a decimal number without unit or quotes")
    value = float(node.text)
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        raise _refuse(parent, key, f"expected a number of at most {LARGEST_NUMBER:.0e}")
    return value + 0.0


def _text(parent: Entry, key: str, wanted: str) -> str:
    node = parent.require(key)
    if not isinstance(node, Text):
        raise _refuse(parent, key, f"expected {wanted}")
    return node.text


def _refuse(parent: Entry, key: str, reason: str, *, code: str = "BAD_CASE") -> Exception:
    return refuse(parent.line(key), parent.path(key), reason, code=code)
