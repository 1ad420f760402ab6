"""Words and bars in rows and along lines, so that none lies on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP_INCHES = 0.08


@dataclass(frozen=True, slots=True)
class Span:
    """From left to right, in inches."""

    left: float
    right: float

    def meets(self, other: Span, gap: float = GAP_INCHES) -> bool:
        """Whether two lie nearer than a gap to each other."""
        return self.left < other.right + gap and other.left < self.right + gap

    def joined(self, other: Span) -> Span:
        """The span over both."""
        return Span(min(self.left, other.left), max(self.right, other.right))


def pack_rows(spans: Sequence[Span]) -> list[int]:
    """The row of each span, the first in which it meets none before it."""
    rows: list[list[Span]] = []
    found = []
    for span in spans:
        row = next((n for n, taken in enumerate(rows) if not any(span.meets(one) for one in taken)), None)
        if row is None:
            row = len(rows)
            rows.append([])
        rows[row].append(span)
        found.append(row)
    return found


def beside(mark: Span, width: float, room: float) -> Span:
    """Where words of a width stand beside a mark: right of it, or left where there is more room.

    Parameters
    ----------
    room : float
        Inches from 0 that may be written on.
    """
    right = Span(mark.right + GAP_INCHES, mark.right + GAP_INCHES + width)
    if right.right <= room:
        return right
    left = Span(mark.left - GAP_INCHES - width, mark.left - GAP_INCHES)
    if left.left >= 0 or mark.left > room - mark.right:
        return left
    return right


def spread(middles: Sequence[float], width: float, room: float) -> list[float] | None:
    """Middles of boxes of one width, moved apart in their order as little as it takes.

    Parameters
    ----------
    middles : sequence of float
        Where the boxes would like to be, rising.

    Returns
    -------
    list of float or None
        None where they do not fit into the room.
    """
    if width * len(middles) > room:
        return None
    placed: list[float] = []
    for wish in middles:
        least = placed[-1] + width if placed else width / 2
        placed.append(max(wish, least))
    latest = room - width / 2
    for n in range(len(placed) - 1, -1, -1):
        placed[n] = min(placed[n], latest)
        latest = placed[n] - width
    return placed


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in inches."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top
