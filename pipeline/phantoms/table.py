"""The couch: a thin curved shell filled with foam, in the scanner's coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.phantoms.anatomy import Layer
from pipeline.phantoms.materials import Soft
from pipeline.phantoms.plates import Outline, Plate, Sheet
from pipeline.phantoms.shapes import Bounds

SHELL = Soft(-900.0, rind_mm=1.8, rind_hu=170.0)
HALF_WIDTH_MM = 205.0
HALF_THICKNESS_MM = 11.0


@dataclass(frozen=True, slots=True)
class Table:
    """Where the couch lies under the patient."""

    gap_mm: float = 7.0  #: between the skin and the couch at the lowest point; 0 touches
    curvature_radius_mm: float = 650.0


def table_layer(table: Table, *, lowest_skin_y_mm: float, centre_x_mm: float, z_mm: tuple[float, float]) -> Layer:
    """The couch as a layer.

    Parameters
    ----------
    lowest_skin_y_mm : float
        y of the patient's lowest point.
    z_mm : tuple of float
        Range of z it must fill.
    """
    middle_z = 0.5 * (z_mm[0] + z_mm[1])
    reach_z = 0.5 * abs(z_mm[1] - z_mm[0]) + 60.0
    bend = -(50.0**2) / (2.0 * table.curvature_radius_mm)
    origin = (centre_x_mm, lowest_skin_y_mm + table.gap_mm + HALF_THICKNESS_MM, middle_z)
    sheet = Sheet(
        origin, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0, bend, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    )
    corners = ((-HALF_WIDTH_MM, -reach_z), (HALF_WIDTH_MM, -reach_z), (HALF_WIDTH_MM, reach_z), (-HALF_WIDTH_MM, reach_z))
    lift = HALF_WIDTH_MM**2 / (2.0 * table.curvature_radius_mm)
    x, y, z = origin
    bounds = Bounds(
        (x - HALF_WIDTH_MM - 30, y - lift - HALF_THICKNESS_MM - 5, z - reach_z - 60),
        (x + HALF_WIDTH_MM + 30, y + HALF_THICKNESS_MM + 5, z + reach_z + 60),
    )
    plate = Plate(sheet, Outline(corners), bounds, HALF_THICKNESS_MM, edge_radius_mm=HALF_THICKNESS_MM - 0.5)
    return Layer("table", plate, SHELL)
