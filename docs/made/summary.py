"""The table of accuracy in README.md, from the tables that `make accuracy` writes.

``python -m docs.made.summary --write`` puts it there; without ``--write`` it is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from docs.made.tables import table

DOCS = Path(__file__).parents[1]
README = DOCS.parent / "README.md"
BEGIN, END = "<!-- accuracy: written by make accuracy -->", "<!-- accuracy: end -->"
FOUND = {
    "lesions ≥ 100 mm³ found, slices ≤ 3 mm": "lesions of 100 mm³ and more found, slices to 3 mm",
    "lesions of 20 to 100 mm³ found, slices ≤ 3 mm": "lesions of 20 to 100 mm³ found, slices to 3 mm",
    "Dice of lesions ≥ 500 mm³, seed, mimics": "outlines of lesions of 500 mm³ and more, Dice",
    "definite false lesions a scan, all sets": "false lesions called definite, a scan",
    "lesions ≥ 10 mm³ in clean scans": "false lesions in scans without calcium",
    "false lesions ≥ 10 mm³ a scan with mimics": "false lesions in scans full of mimics",
    "mimics with the right kind, semi-synthetic": "mimics called by their right kind",
    "real scans: calcifications found": "real scans: calcifications found",
    "sides swapped": "bones given to the wrong side",
}
"""Figures of accuracy.md, and what they are called for a reader who knows no more than the README."""
FOLLOWED = {
    "F1 of the kinds": "what became of lesions, F1 over kinds",
    "hidden lesions called resolved": "lesions out of view called resolved",
    "tracks without change called changed": "unchanged lesions called changed",
}


Row = dict[str, str]


def summary() -> str:
    """What was measured, beside the goal set beforehand."""
    figures = {row["figure"]: row for row in rows("accuracy.md") if "figure" in row}
    fates = {row["what"]: row for row in rows("accuracy_following.md") if "found" in row}
    lines = [(words, figures[name]["measured"], figures[name]["goal"]) for name, words in FOUND.items()]
    lines += list(_volumes())
    shapes = next(row for row in rows("accuracy_shapes.md") if row.get("group") == "all")
    lines.append(("axes right within 1 mm, 3 % or half the spacing", shapes["right"], ""))
    lines += [(words, fates[name]["found"], fates[name]["goal"]) for name, words in FOLLOWED.items()]
    return table(("what", "measured", "goal"), lines)


def _volumes() -> Iterator[tuple[str, str, str]]:
    for row in rows("accuracy_volumes.md"):
        if row.get("volume") and row["slices"].startswith("1.6") and not row["volume"].startswith("20 "):
            scans = f"{row['volume']} in slices of {row['slices']}"
            yield (
                f"volume, {scans}: median error, within its 95 % limits",
                f"{row['median error']}, {row['held']}",
                "",
            )


def rows(name: str) -> Iterator[Row]:
    """The rows of all tables of a page, each by the heads of its columns."""
    head: list[str] = []
    for line in (DOCS / name).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells if line.strip("| ") else [""]
        elif set("".join(cells)) - set("-: "):
            yield dict(zip(head, cells, strict=True))


def filled(readme: str) -> str:
    """The text of README.md with the table in its place."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise ValueError(f"README.md has no place for the table between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{summary()}\n{END}{after}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(filled(README.read_text("utf-8")), "utf-8")
    else:
        print(summary())
