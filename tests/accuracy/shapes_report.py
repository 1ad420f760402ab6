"""How right axes and words for forms are: ``python -m tests.accuracy.shapes_report --write``.

Writes the tables of ``docs/accuracy_shapes.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from tests.accuracy.forms import MAKERS, SLICES_MM
from tests.accuracy.report import table
from tests.accuracy.shapes import PLANES, Axis, MeasuredAxes, Named, measure_axes, name_solid

NOTE = Path(__file__).parents[2] / "docs" / "accuracy_shapes.md"
GROUPS_MM = ((0.0, 1.5), (1.5, 3.0), (3.0, 5.0))
HEAD = """# Accuracy of axes and forms

Written by `make accuracy`; do not edit. Solids of known shape in any pose, in a round body with skin, in air,
found and measured by the steps of the analysis; slices of 0.6 to 5 mm, blur of 0.4 to 0.9 mm, noise of 5 to
30 HU, pixels of 0.5 to 0.95 mm. How it is done: `measurements.md`.
"""
AXES = """Spheres, ellipsoids, rods and sheets of 20 to 20 000 mm³, those of `accuracy_volumes.md`. Truth: the
same axes on a fine grid of the solid (a sixtieth of its radius), in all its slices. *Right* is within the
largest of 1 mm, 3 % and half of the spacing along the axis. For each axis: how many are right, the median of
the error, and the 90th percentile of its size.
"""
WORDS = """The word that is right follows from how a solid was made (a net is reticular, a hollow ellipsoid a
shell) and from its true length, width and thickness by the limits of `measurements.md`; within a tenth of a
limit either word is right. A broken rod has gaps of 0.8 to 1.8 mm; bent rods and sheets are parts of a ring
and of a hollow ball.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axes", type=int, default=240, help="random inserts")
    parser.add_argument("--words", type=int, default=396, help="random solids")
    parser.add_argument("--first", type=int, default=165_000, help="seed of the first of both")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, nargs="?", const=NOTE, help="write the note")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs) as pool:
        axes = list(pool.map(measure_axes, range(given.first, given.first + given.axes), chunksize=4))
        words = list(pool.map(name_solid, range(given.first, given.first + given.words), chunksize=4))
    text = "\n".join([
        HEAD, f"## Axes of {given.axes} random inserts\n", AXES, axes_table(axes),
        f"\n\n## Words for {given.words} random solids\n", WORDS, words_table(words), "",
        confusions(words), "",
    ])  # fmt: skip
    sys.stdout.write(text)
    if given.write:
        given.write.write_text(text, "utf-8")


def axes_table(measured: Sequence[MeasuredAxes]) -> str:
    """Share of right axes and their error, by slices and by kind, for each plane."""
    groups: dict[str, Callable[[MeasuredAxes], bool]] = {
        f"slices up to {high:g} mm": lambda one, low=low, high=high: low < one.slice_mm <= high  # type: ignore[misc]
        for low, high in GROUPS_MM
    }
    for kind in sorted({one.kind for one in measured}):
        groups[kind] = lambda one, kind=kind: one.kind == kind  # type: ignore[misc]
    groups["all"] = lambda _: True
    rows = [_axes_row(name, [one for one in measured if chosen(one)]) for name, chosen in groups.items()]
    columns = [f"{plane} {name}" for plane in PLANES for name in ("long", "short")]
    return table(["group", "number", "not found as one", "right", *columns], rows)


def _axes_row(name: str, own: Sequence[MeasuredAxes]) -> list[object]:
    axes = [axis for one in own for axis in one.axes]
    cells = [
        _errors([axis for axis in axes if (axis.plane, axis.name) == (plane, which)])
        for plane in PLANES
        for which in ("long", "short")
    ]
    return [name, len(own), sum(not one.axes for one in own), _percent([axis.right for axis in axes]), *cells]


def _errors(axes: Sequence[Axis]) -> str:
    errors = [axis.error_mm for axis in axes]
    right = _percent([axis.right for axis in axes])
    return f"{right}, {np.median(errors):+.1f}, {np.percentile(np.abs(errors), 90):.1f} mm"


def _percent(answers: Sequence[bool]) -> str:
    return f"{100 * float(np.mean(answers)):.0f} %"


def words_table(named: Sequence[Named]) -> str:
    """Share of right words by what was made and by slices."""
    rows: list[list[object]] = []
    for made_as in MAKERS:
        own = [one for one in named if one.made_as == made_as]
        true = sorted({one.true_word for one in own})
        rows.append([made_as, ", ".join(true), len(own), *_shares(own)])
    for slice_mm in SLICES_MM:
        own = [one for one in named if one.slice_mm == slice_mm]
        rows.append([f"slices of {slice_mm:g} mm", "", len(own), *_shares(own)])
    rows.append(["all", "", len(named), *_shares(named)])
    return table(["made as", "to be called", "number", "not found", "right", "without the tenth"], rows)


def _shares(own: Sequence[Named]) -> list[object]:
    found = [one for one in own if one.word is not None]
    exact = _percent([one.word == one.true_word for one in found])
    return [len(own) - len(found), _percent([one.right for one in found]), exact]


def confusions(named: Sequence[Named]) -> str:
    """Every wrong word."""
    rows = [
        [one.made_as, f"{one.slice_mm:g} mm", one.true_word, one.word,
         f"{one.size_mm[0]:.0f} x {one.size_mm[1]:.0f} x {one.size_mm[2]:.1f} mm"]
        for one in named if one.word is not None and not one.right
    ]  # fmt: skip
    return table(["wrong: made as", "slices", "to be called", "was called", "true size"], rows)


if __name__ == "__main__":
    main()
