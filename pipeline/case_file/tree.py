"""A YAML file as a tree of texts with their lines, and nothing beyond it.

Values are not made into Python objects: what a text means is decided where its key is known, so that
`no`, `1:30` and `2019-02-30` cannot turn into something else on the way. Anchors, tags and second documents
are refused, and with them every file that is larger in memory than on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from pipeline.errors import InputRefused

LARGEST_BYTES = 256 * 1024
DEEPEST = 6
"""Levels of nesting; a case needs four."""
MOST_NODES = 20_000
LONGEST_KEY = 32


@dataclass(frozen=True, slots=True)
class Text:
    """One value, as it was written."""

    text: str
    plain: bool  #: without quotes
    line: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Values in order."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Values by key, each key once."""

    items: dict[str, Node]
    key_lines: dict[str, int]
    line: int


Node = Text | Listing | Mapping


def refuse(line: int | None, where: str, reason: str, *, code: str = "BAD_CASE") -> InputRefused:
    """The refusal that names a line and a key of the case file."""
    place = "" if line is None else f", line {line}"
    return InputRefused(code, f"case file{place}{f', {where}' if where else ''}: {reason}")


def read_tree(file: Path) -> Node | None:
    """The one document of a file; None for an empty one.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, RESOURCE_LIMIT, or BAD_CASE with line and key.
    """
    text = _read_text(file)
    try:
        reader = _Reader(iter(yaml.parse(text, Loader=yaml.SafeLoader)))
        return reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refuse(mark.line + 1 if mark else None, "", "this is no YAML") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refuse(line, "", "it holds a control character, so it is no YAML") from error


def _read_text(file: Path) -> str:
    if not file.exists():
        raise InputRefused("NOT_FOUND", "there is no such case file")
    if not file.is_file():
        raise InputRefused("UNREADABLE", "the case file is no file")
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputRefused("UNREADABLE", "the case file cannot be opened") from error
    if len(content) > LARGEST_BYTES:
        raise InputRefused("RESOURCE_LIMIT", f"expected a case file of at most {LARGEST_BYTES // 1024} kB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refuse(line, "", "expected UTF-8, found other bytes") from error


class _Reader:
    """Events of the parser, one by one; it counts what it has seen."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._nodes = 0

    def document(self) -> Node | None:
        """The first document, if it is the only one."""
        next(self._events)  # the stream begins
        begin = next(self._events)
        if isinstance(begin, yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 1)
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise refuse(_line(after), "", "expected one document, found a second")
        return root

    def _node(self, event: Event, depth: int) -> Node:
        self._check(event, depth)
        line = _line(event)
        if isinstance(event, ScalarEvent):
            return Text(event.value, event.style is None, line)
        if isinstance(event, SequenceStartEvent):
            return Listing(tuple(self._items(depth)), line)
        return self._mapping(line, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, line: int, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Text):
                raise refuse(key.line, "", "expected a word as key")
            if key.text in items:
                raise refuse(key.line, shown_key(key.text), f"it stands in line {lines[key.text]} already")
            items[key.text] = self._node(next(self._events), depth + 1)
            lines[key.text] = key.line
        return Mapping(items, lines, line)

    def _check(self, event: Event, depth: int) -> None:
        self._nodes += 1
        line = _line(event)
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise refuse(
                line, "", "anchors and aliases are not read: write values out", code="RESOURCE_LIMIT"
            )
        if depth > DEEPEST or self._nodes > MOST_NODES:
            raise refuse(line, "", "nested too deeply or too much in it", code="RESOURCE_LIMIT")
        tag = getattr(event, "tag", None)
        if isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent)) and tag is not None:
            raise refuse(line, "", "tags are not read")


def _line(event: Event) -> int:
    """Counted from 1."""
    mark = event.start_mark
    return 1 if mark is None else mark.line + 1


def shown_key(key: str) -> str:
    """A key as a message may name it: short, of letters, digits, blanks and underscores."""
    kept = "".join(c if c.isalnum() or c in "_ -" else "?" for c in key[:LONGEST_KEY])
    return kept if len(key) <= LONGEST_KEY else f"{kept}…"
