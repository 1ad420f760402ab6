"""Scores as text: a line on the console, and the note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Float3
from tests.accuracy.case import Score
from tests.accuracy.explain import DEFINITIONS, HEAD
from tests.accuracy.lesions import FalseLesion
from tests.accuracy.sets import ALL, THICK_MM
from tests.accuracy.summary import (
    FINE_SIZES_MM3,
    NOT_KNOWN,
    SIZES_MM3,
    Share,
    count_indeterminate,
    goals,
    kinds_right,
    of_source,
    sensitivity,
    with_truth,
)

SHORT = dict(zip(BONES, ("hipR", "hipL", "femR", "femL", "sac", "lum", "coc", "other"), strict=True))


def line_of(score: Score) -> str:
    """One set on one line."""
    if score.error:
        return f"{score.name}: BROKEN {score.error}"
    parts = [f"{score.name}:"]
    if score.points:
        parts.append(f"points {_points(score)}")
    if score.hits:
        unsure = sum(hit.found == "indeterminate" for hit in score.hits)
        parts.append(f"found {_found(score)}" + (f" ({unsure} i)" if unsure else ""))
        dices = [f"{hit.outline.dice:.2f}" for hit in score.hits if hit.outline]
        parts.append("dice " + ",".join(dices) if dices else "")
    definite = sum(one.status == "definite" for one in score.wrong)
    word = {"real": "further", "example": "lesions"}.get(score.source, "false")
    parts.append(f"{word} d{definite} i{len(score.wrong) - definite}")
    if score.mimics:
        parts.append(f"kinds {kinds_right(score.mimics)}")
    parts.append(_bones(score))
    parts.append(f"{score.seconds:.1f} s")
    return " ".join(part for part in parts if part)


def _points(score: Score) -> str:
    judged = [point for point in score.points if point.right is not None]
    return f"{sum(bool(point.right) for point in judged)}/{len(judged)}"


def _found(score: Score) -> str:
    return f"{sum(hit.found is not None for hit in score.hits)}/{len(score.hits)}"


def _bones(score: Score) -> str:
    if score.skeleton is None:
        return ""
    named = [f"{SHORT[n]} {d:.2f}" for n, d in score.skeleton.by_bone.items() if d is not None]
    swapped = ["SIDES SWAPPED"] if score.skeleton.sides_swapped else []
    return " ".join([f"bone {score.skeleton.all_bone:.3f}", *named, *swapped])


def markdown(scores: Sequence[Score]) -> str:
    """The whole note."""
    parts = [
        f"{HEAD} Measured here: {len(scores)} of {len(ALL)} sets.",
        table(["", "figure", "measured", "goal"], [[g.mark, g.name, g.value, g.goal] for g in goals(scores)]),
        DEFINITIONS,
        "## Every set",
        _sets(scores),
        "## Lesions found, by size",
        _by_size(scores),
        "Slices further apart than 3 mm, in finer classes: where the detection limit lies.",
        _limits(scores),
        "## Outlines of lesions of 500 mm³ and more",
        _outlines(scores),
        "## Mimics",
        _mimics(scores),
        "## Skeleton, Dice of every bone",
        _skeleton(scores),
        "## Real scans",
        _real(scores),
        "## What is still wrong",
        still_wrong(scores),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in lines)


def _sets(scores: Sequence[Score]) -> str:
    head = (
        "set",
        "case",
        "slice",
        "found",
        "Dice",
        "false d",
        "false i",
        "kinds right",
        "bone",
        "flags",
        "s",
    )
    rows = []
    for one in scores:
        found = _points(one) if one.points else _found(one)
        definite = sum(wrong.status == "definite" for wrong in one.wrong)
        dices = ", ".join(f"{hit.outline.dice:.2f}" for hit in one.hits if hit.outline)
        bone = f"{one.skeleton.all_bone:.3f}" if one.skeleton else NOT_KNOWN
        kinds = str(kinds_right(one.mimics))
        flags = ", ".join(one.flags).lower() or NOT_KNOWN
        rows.append(
            [one.name, one.case, f"{one.slice_mm:g}", found, dices or NOT_KNOWN, definite,
             len(one.wrong) - definite, kinds, bone, flags, f"{one.seconds:.1f}"]
        )  # fmt: skip
    return table(head, rows)


def _by_size(scores: Sequence[Score]) -> str:
    rows = []
    for source in ("semi-synthetic", "phantom"):
        own = of_source(scores, source)
        for low, high in SIZES_MM3:
            cells: list[object] = [source, _range(low, high)]
            for thick in (False, True):
                share = sensitivity(own, low, high, thick=thick)
                cells += [
                    share,
                    count_indeterminate(own, low, high, thick=thick) if share.whole else NOT_KNOWN,
                ]
            rows.append(cells)
    columns = [f"slices {sign} 3 mm" for sign in "≤>"]
    return table(["scans", "mm³", columns[0], "of them i", columns[1], "of them i"], rows)


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}" if high < float("inf") else f"{low:g} and more"


def _limits(scores: Sequence[Score]) -> str:
    known = with_truth(scores)
    bounds = list(pairwise(FINE_SIZES_MM3))
    thick = [one for one in known if one.slice_mm > THICK_MM]
    said = ", ".join(f"{one.name} {one.detection_limit_mm3:.0f}" for one in thick if one.detection_limit_mm3)
    rows = [[_range(low, high), sensitivity(known, low, high, thick=True)] for low, high in bounds]
    return (
        table(["mm³", "found"], rows)
        + f"\n\nDetection limit that the analysis itself gives, mm³: {said or NOT_KNOWN}."
    )


def _outlines(scores: Sequence[Score]) -> str:
    rows = [
        [one.name, hit.name, f"{hit.volume_mm3:.0f}", f"{own.dice:.3f}", f"{own.dice_label_map:.3f}",
         f"{own.volume_error_percent:+.0f} %", f"{own.lost_to_bone_percent:.0f} %",
         f"{own.spilt_into_bone_percent:.0f} %"]
        for one in scores
        for hit in one.hits
        if (own := hit.outline)
    ]  # fmt: skip
    head = ["set", "lesion", "mm³", "Dice", "Dice, map as written", "volume error"]
    return table([*head, "of it called bone", "bone called it"], rows)


def _mimics(scores: Sequence[Score]) -> str:
    rows = []
    for source in ("semi-synthetic", "phantom"):
        fates = [fate for one in of_source(scores, source) for fate in one.mimics]
        for kind in sorted({fate.kind for fate in fates}):
            own = [fate for fate in fates if fate.kind == kind]
            taken = Counter(fate.taken_for for fate in own if fate.outcome not in ("right", "faint"))
            words = ", ".join(f"{what} {count}" for what, count in sorted(taken.items()))
            faint = sum(fate.outcome == "faint" for fate in own)
            rows.append([source, kind, kinds_right(own), faint, words or NOT_KNOWN])
    return table(["scans", "kind", "right kind", "too faint to be seen", "taken for instead"], rows)


def _skeleton(scores: Sequence[Score]) -> str:
    names = BONES[:-1]
    rows = [
        [one.name, f"{one.skeleton.all_bone:.3f}", *(_dice_of(one, name) for name in names),
         ", ".join(one.skeleton.sides_swapped) or NOT_KNOWN]
        for one in scores
        if one.skeleton
    ]  # fmt: skip
    return table(["set", "all bone", *(name.replace("_", " ") for name in names), "sides swapped"], rows)


def _dice_of(score: Score, name: str) -> str:
    value = score.skeleton.by_bone.get(name) if score.skeleton else None
    return NOT_KNOWN if value is None else f"{value:.3f}"


def _real(scores: Sequence[Score]) -> str:
    points = [(one.name, point) for one in of_source(scores, "real") for point in one.points]
    rows = [
        [name, point.kind, place(point.place_lps_mm), point.taken_for,
         {True: "right", False: "WRONG", None: NOT_KNOWN}[point.right]]
        for name, point in points
    ]  # fmt: skip
    kinds = sorted({point.kind for _, point in points})
    counts = []
    for kind in kinds:
        own = [point for _, point in points if point.kind == kind and point.right is not None]
        as_kind = Share(sum(point.taken_for == kind for point in own), len(own))
        counts.append([kind, Share(sum(bool(p.right) for p in own), len(own)), as_kind])
    return (
        table(["finding", "right", "of them under its own name"], counts)
        + "\n\n"
        + table(["scan", "finding", "x, y, z mm", "nearest within 3 mm", ""], rows)
    )


def still_wrong(scores: Sequence[Score]) -> str:
    """Every missed and every false lesion, and every finding judged wrongly."""
    lines = []
    for one in scores:
        own = [
            f"missed: {hit.name}, {hit.volume_mm3:.0f} mm³ at {place(hit.place_lps_mm)}, "
            f"up to {hit.peak_hu:.0f} HU, taken for {hit.taken_for}"
            for hit in one.hits
            if hit.found is None
        ]
        word = {"real": "further", "example": "lesion"}.get(one.source, "false")
        own += [f"{word}: {_wrong(wrong)}" for wrong in one.wrong]
        own += [
            f"finding: {point.kind} at {place(point.place_lps_mm)} is {point.taken_for}"
            for point in one.points
            if point.right is False
        ]
        own += [
            f"mimic: {fate.name} ({fate.kind}) at {place(fate.place_lps_mm)} is {fate.taken_for}"
            for fate in one.mimics
            if fate.outcome not in ("right", "faint")
        ]
        if own:
            lines += [f"- **{one.name}**", *(f"  - {line}" for line in own)]
    return "\n".join(lines) or "Nothing."


def _wrong(wrong: FalseLesion) -> str:
    words = f"{wrong.status}, {wrong.volume_mm3:.0f} mm³ at {place(wrong.place_lps_mm)}"
    words += f", up to {wrong.peak_hu:.0f} HU"
    words += f", on {wrong.on_mimic}" if wrong.on_mimic else ""
    return words + (f" ({wrong.why})" if wrong.why else "")


def place(point: Float3) -> str:
    """A point in LPS mm."""
    return ", ".join(f"{value:.0f}" for value in point)
