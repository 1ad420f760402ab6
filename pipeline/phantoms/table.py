"""The couch: a thin curved shell filled with foam, in the scanner's coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.phantoms.anatomy import Layer
from pipeline.phantoms.materials import Soft
from pipeline.phantoms.plates import Outline, Plate, Sheet
from pipeline.phantoms.shapes import Bounds, Floats

SHELL = Soft(-900.0, rind_mm=1.8, rind_hu=170.0)
HALF_WIDTH_MM = 205.0
HALF_THICKNESS_MM = 11.0


@dataclass(frozen=True, slots=True)
class Table:
    """Where the couch lies under the patient."""

    gap_mm: float = 7.0  #: between the skin and the couch at the lowest point; 0 touches
    curvature_radius_mm: float = 650.0

    def rise_mm(self, x_mm: Floats) -> Floats:
        """How much higher than its middle the couch is at a distance to the side."""
        return x_mm**2 / (2.0 * self.curvature_radius_mm)


def table_layer(table: Table, *, top_y_mm: float, middle_x_mm: float, z_mm: tuple[float, float]) -> Layer:
    """Make the couch, with its upper face at `top_y_mm` in its middle, filling a range of z."""
    half_z = 0.5 * abs(z_mm[1] - z_mm[0]) + 60.0
    x, y, z = middle_x_mm, top_y_mm + HALF_THICKNESS_MM, 0.5 * (z_mm[0] + z_mm[1])
    bend = -(50.0**2) / (2.0 * table.curvature_radius_mm)  # of u² with u in units of 50 mm
    flat = (0.0, 0.0, 0.0)
    sheet = Sheet((x, y, z), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (*flat, bend, *flat, *flat))
    wide, deep = HALF_WIDTH_MM, HALF_THICKNESS_MM
    outline = Outline(((-wide, -half_z), (wide, -half_z), (wide, half_z), (-wide, half_z)))
    lift = wide**2 / (2.0 * table.curvature_radius_mm)
    bounds = Bounds(
        (x - wide - 30.0, y - lift - deep - 5.0, z - half_z - 60.0),
        (x + wide + 30.0, y + deep + 5.0, z + half_z + 60.0),
    )
    return Layer("table", Plate(sheet, outline, bounds, deep, edge_radius_mm=deep - 0.5), SHELL)
