"""Where marks and words go, so that they hide nothing.

A panel is covered by a coarse raster. What is drawn is entered in it with a weight, and what comes
later looks for the nearest place where it covers least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.report.panels import Section

CELLS = 160
"""Cells along each side of the raster."""
SOLID = 100.0
"""Weight of what must not be covered."""
SOFT = 8.0
"""Weight of what had better not be covered."""
FAINT = 0.05
"""Weight of what may be covered if there is no better place."""
BORDER_SHARE = 0.02
"""Of a panel's side: nothing is written nearer to the border."""
COVERED_TO_ROOM = 10.0
"""How much more an arrow shuns what is taken than it seeks room."""
HEAD_SHARE = 0.2
"""Half width of an arrow's head as a share of its length."""
DIRECTIONS = 24
"""From which an arrow may come."""


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """What is taken in a panel. The one mutable thing of a picture: it fills up while it is drawn."""

    half_right_mm: float
    half_up_mm: float
    weight: NDArray[np.float64]  #: [row, column]; row 0 is the lower border

    @property
    def cell_mm(self) -> NDArray[np.float64]:
        """(right, up) size of a cell."""
        rows, columns = self.weight.shape
        return np.array([2 * self.half_right_mm / columns, 2 * self.half_up_mm / rows])

    def cells(self, points_mm: NDArray[np.float64]) -> NDArray[np.int64]:
        """(…, 2): (column, row) of points; may lie outside."""
        lower_left = np.array([-self.half_right_mm, -self.half_up_mm])
        index: NDArray[np.int64] = np.floor((points_mm - lower_left) / self.cell_mm).astype(np.int64)
        return index

    def centres_mm(self) -> NDArray[np.float64]:
        """(rows, columns, 2): middles of all cells."""
        rows, columns = self.weight.shape
        right, up = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
        return np.stack([right, up], axis=-1) * self.cell_mm - [self.half_right_mm, self.half_up_mm]

    def cover_points(self, points_mm: NDArray[np.float64], weight: float, *, margin_cells: int = 1) -> None:
        """Take the cells of points and their neighbours."""
        rows, columns = self.weight.shape
        taken = np.zeros((rows, columns), dtype=bool)
        column, row = self.cells(points_mm.reshape(-1, 2)).T
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        taken[row[inside], column[inside]] = True
        self.weight[_grown(taken, margin_cells)] += weight

    def cover_line(self, ends_mm: NDArray[np.float64], weight: float) -> None:
        """Take the cells along a line from one end to the other."""
        share = np.linspace(0.0, 1.0, 2 * CELLS)[:, None]
        self.cover_points(ends_mm[0] + share * (ends_mm[1] - ends_mm[0]), weight)

    def cover_section(self, section: Section, weight: float) -> None:
        """Take the cells of a mask in the slice."""
        taken = section.holds(self.centres_mm())
        self.weight[_grown(taken, 1)] += weight
        self.cover_points(section.points_mm(), weight)

    def cover_box(self, middle_mm: NDArray[np.float64], size_mm: NDArray[np.float64], weight: float) -> None:
        """Take the cells of an upright box."""
        low, high = self.cells(np.stack([middle_mm - size_mm / 2, middle_mm + size_mm / 2]))
        low, high = np.maximum(low, 0), np.maximum(high + 1, 0)
        self.weight[low[1] : high[1], low[0] : high[0]] += weight

    def weight_along(self, points_mm: NDArray[np.float64]) -> float:
        """Mean weight at points; very large if one lies outside."""
        column, row = self.cells(points_mm).T
        rows, columns = self.weight.shape
        if min(column.min(), row.min()) < 2 or column.max() >= columns - 2 or row.max() >= rows - 2:
            return 1e6
        return float(self.weight[row, column].mean())

    def place_box(
        self,
        size_mm: NDArray[np.float64],
        anchors_mm: NDArray[np.float64],
        *,
        far_from_mm: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Middle of the box that covers least, near to one of the anchors, and take its cells.

        Parameters
        ----------
        size_mm : (2,) array
            Width and height.
        anchors_mm : (n, 2) array
            The box belongs to these.
        far_from_mm : (m, 2) array
            And not to these: of two equal places the one further from them is taken. May be empty.
        """
        columns, rows = np.minimum(np.ceil(size_mm / self.cell_mm).astype(int), CELLS - 8)
        covered = _window_sums(self.weight, int(rows), int(columns))
        border = np.maximum(np.rint(np.array(self.weight.shape) * BORDER_SHARE).astype(int), 1)
        covered[: border[0]], covered[-border[0] :] = np.inf, np.inf
        covered[:, : border[1]], covered[:, -border[1] :] = np.inf, np.inf
        first = self.centres_mm()[: covered.shape[0], : covered.shape[1]]
        middles = first + (np.array([columns, rows]) - 1) / 2 * self.cell_mm
        cost = covered + _gap_mm(middles, size_mm, anchors_mm)
        if len(far_from_mm):
            cost -= 0.35 * _gap_mm(middles, size_mm, far_from_mm)
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        middle: NDArray[np.float64] = middles[row, column]
        self.cover_box(middle, size_mm, SOLID)
        return middle


def empty_ground(half_right_mm: float, half_up_mm: float) -> Ground:
    """A panel where nothing is drawn yet."""
    return Ground(half_right_mm, half_up_mm, np.zeros((CELLS, CELLS)))


def _grown(taken: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    for _ in range(cells):
        wide = np.pad(taken, 1)
        taken = wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return taken


def _window_sums(weight: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Sum of every box of rows × columns cells, by its lower left cell."""
    total = np.pad(weight, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    upper = total[rows:, columns:] - total[rows:, :-columns]
    lower = total[:-rows, columns:] - total[:-rows, :-columns]
    sums: NDArray[np.float64] = upper - lower
    return sums


def _gap_mm(
    middles_mm: NDArray[np.float64], size_mm: NDArray[np.float64], points_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance from the border of boxes to the nearest of some points."""
    away = np.abs(middles_mm[:, :, None, :] - points_mm) - size_mm / 2
    gap: NDArray[np.float64] = np.linalg.norm(np.maximum(away, 0.0), axis=-1).min(-1)
    return gap


@dataclass(frozen=True, eq=False, slots=True)
class Arrow:
    """An arrow that ends just short of what it shows."""

    tip_mm: NDArray[np.float64]
    tail_mm: NDArray[np.float64]


def place_arrow(ground: Ground, section: Section, *, length_mm: float, gap_mm: float) -> Arrow:
    """The arrow onto a section that comes from the side with most room, and take its cells.

    It ends outside the tangent to the section across its own direction, so it never lies on it.
    """
    points = section.corners_mm()
    best: tuple[float, Arrow] | None = None
    for turn in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS + 0.3:
        away = np.array([np.cos(turn), np.sin(turn)])
        edge = _outermost(points, away)
        arrow = Arrow(edge + gap_mm * away, edge + (gap_mm + length_mm) * away)
        covered = ground.weight_along(_body_points(arrow))
        cost = COVERED_TO_ROOM * covered - _room(ground, arrow.tip_mm, away)
        if best is None or cost < best[0]:
            best = (cost, arrow)
    if best is None:
        raise ValueError("no direction to choose from")
    ground.cover_points(_body_points(best[1]), SOLID, margin_cells=2)
    return best[1]


def _outermost(points: NDArray[np.float64], away: NDArray[np.float64]) -> NDArray[np.float64]:
    """The outermost point in a direction; the middle one of a flat side."""
    reach = points @ away
    rim = points[reach >= reach.max() - 0.5]
    sideways = rim @ np.array([-away[1], away[0]])
    nearest: NDArray[np.float64] = rim[int(np.argmin(np.abs(sideways - np.median(sideways))))]
    nearest = nearest + (reach.max() - nearest @ away) * away
    return nearest


def _body_points(arrow: Arrow) -> NDArray[np.float64]:
    """Its line, and one on either side as far away as its head is wide."""
    along = arrow.tail_mm - arrow.tip_mm
    across = np.array([-along[1], along[0]]) * HEAD_SHARE
    share = np.linspace(0.0, 1.0, 40)[:, None]
    middle = arrow.tip_mm + share * along
    behind = middle[share[:, 0] >= HEAD_SHARE]
    return np.concatenate([middle, behind - across, behind + across])


def _room(ground: Ground, point_mm: NDArray[np.float64], away: NDArray[np.float64]) -> float:
    """Distance to the border in a direction, as a share of the panel's half."""
    half = np.array([ground.half_right_mm, ground.half_up_mm])
    reach = (half - point_mm * np.sign(away)) / np.maximum(np.abs(away), 1e-6)
    return float(reach.min() / half.min())
