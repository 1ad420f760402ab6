"""Figures over all sets, and the goals they are held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.domain.anatomy import BONES
from tests.accuracy.case import Score
from tests.accuracy.example import METAL
from tests.accuracy.fate import MimicFate
from tests.accuracy.lesions import FalseLesion, Hit
from tests.accuracy.sets import THICK_MM

SIZES_MM3 = ((0.0, 20.0), (20.0, 100.0), (100.0, 500.0), (500.0, float("inf")))
FINE_SIZES_MM3 = (0.0, 20.0, 35.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, float("inf"))
"""Size classes of the detection limit."""
NOT_KNOWN = "–"


@dataclass(frozen=True)
class Goal:
    """A figure and what it should be."""

    name: str
    value: str
    goal: str
    met: bool | None  #: None where nothing was measured

    @property
    def mark(self) -> str:
        """For people."""
        return {True: "ok", False: "MISS", None: NOT_KNOWN}[self.met]


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        """100 where there is nothing to be had."""
        return 100.0 * self.part / self.whole if self.whole else 100.0

    def __str__(self) -> str:
        return f"{self.percent:.0f} % ({self.part}/{self.whole})" if self.whole else NOT_KNOWN


def of_source(scores: Iterable[Score], source: str) -> list[Score]:
    """Scores of semi-synthetic scans, phantoms, real scans or the example."""
    return [one for one in scores if one.source == source]


def with_truth(scores: Iterable[Score]) -> list[Score]:
    """Scores of scans whose lesions are all known."""
    return [one for one in scores if one.source in ("semi-synthetic", "phantom")]


def sensitivity(scores: Iterable[Score], low_mm3: float, high_mm3: float, *, thick: bool) -> Share:
    """Share of true lesions of a size that were found, definite or indeterminate."""
    hits = [hit for hit in _hits(scores, thick=thick) if low_mm3 <= hit.volume_mm3 < high_mm3]
    return Share(sum(hit.found is not None for hit in hits), len(hits))


def count_indeterminate(scores: Iterable[Score], low_mm3: float, high_mm3: float, *, thick: bool) -> int:
    """True lesions of a size that were found as indeterminate."""
    hits = [hit for hit in _hits(scores, thick=thick) if low_mm3 <= hit.volume_mm3 < high_mm3]
    return sum(hit.found == "indeterminate" for hit in hits)


def _hits(scores: Iterable[Score], *, thick: bool) -> list[Hit]:
    return list(chain.from_iterable(one.hits for one in scores if (one.slice_mm > THICK_MM) == thick))


def wrong_lesions(scores: Iterable[Score], status: str) -> list[FalseLesion]:
    """False lesions of a status."""
    return [wrong for one in scores for wrong in one.wrong if wrong.status == status]


def kinds_right(fates: Iterable[MimicFate]) -> Share:
    """Share of the mimics bright enough to be seen that carry their kind."""
    seen = [one for one in fates if one.outcome != "faint"]
    return Share(sum(one.outcome == "right" for one in seen), len(seen))


def goals(scores: Sequence[Score]) -> list[Goal]:
    """Every figure of the head of the note."""
    semi, known = of_source(scores, "semi-synthetic"), with_truth(scores)
    broken = [one.name for one in scores if one.error]
    return [
        *([Goal("sets that could not be measured", ", ".join(broken), "none", False)] if broken else []),
        *_sensitivity_goals(semi),
        *_dice_goals(semi),
        *_false_goals(semi, known),
        *_mimic_goals(semi, known),
        *_skeleton_goals(scores, semi),
        *_real_goals(of_source(scores, "real")),
        *_example_goals(of_source(scores, "example")),
    ]


def _sensitivity_goals(semi: list[Score]) -> list[Goal]:
    large = sensitivity(semi, 100.0, float("inf"), thick=False)
    small = sensitivity(semi, 20.0, 100.0, thick=False)
    return [
        _share_goal("lesions ≥ 100 mm³ found, slices ≤ 3 mm", large, 100.0),
        _share_goal("lesions of 20 to 100 mm³ found, slices ≤ 3 mm", small, 95.0),
    ]


def _share_goal(name: str, share: Share, percent: float) -> Goal:
    return Goal(name, str(share), f"≥ {percent:g} %", share.percent >= percent if share.whole else None)


def _dice_goals(semi: list[Score]) -> list[Goal]:
    out = []
    for cases, name, least in ((("seed", "mimics"), "seed, mimics", 0.85), (("contact",), "contact", 0.80)):
        outlines = [
            hit.outline
            for one in semi
            if one.case in cases and one.slice_mm <= THICK_MM
            for hit in one.hits
            if hit.outline is not None
        ]
        out.append(_dice_goal(f"Dice of lesions ≥ 500 mm³, {name}", [o.dice for o in outlines], least))
        written = [o.dice_label_map for o in outlines]
        out.append(_dice_goal("the same against the map as written", written, least))
    return out


def _dice_goal(name: str, known: list[float], least: float) -> Goal:
    if not known:
        return Goal(name, NOT_KNOWN, f"each ≥ {least:.2f}", None)
    mean, lowest, below = sum(known) / len(known), min(known), sum(one < least for one in known)
    value = f"mean {mean:.3f}, lowest {lowest:.3f}, {below} of {len(known)} below"
    return Goal(name, value, f"each ≥ {least:.2f}", lowest >= least)


def _false_goals(semi: list[Score], known: list[Score]) -> list[Goal]:
    clean = [one for one in semi if one.case == "clean"]
    mimics = [one for one in semi if one.case == "mimics"]
    in_clean = [len(one.wrong) for one in clean]
    in_mimics = [len(one.wrong) for one in mimics]
    definite = len(wrong_lesions(known, "definite"))
    rate = definite / len(known) if known else 0.0
    return [
        Goal("lesions ≥ 10 mm³ in clean scans", _counts(in_clean), "0", not any(in_clean) if clean else None),
        Goal(
            "false lesions ≥ 10 mm³ a scan with mimics",
            _counts(in_mimics),
            "each ≤ 1",
            max(in_mimics) <= 1 if mimics else None,
        ),
        Goal(
            "definite false lesions a scan, all sets",
            f"{rate:.2f} ({definite} in {len(known)})" if known else NOT_KNOWN,
            "≤ 0.1",
            rate <= 0.1 if known else None,
        ),
    ]


def _counts(numbers: list[int]) -> str:
    return f"{sum(numbers)} in {len(numbers)} ({', '.join(map(str, numbers))})" if numbers else NOT_KNOWN


def _mimic_goals(semi: list[Score], known: list[Score]) -> list[Goal]:
    fates = [fate for one in semi for fate in one.mimics]
    marked = [fate for one in semi if one.case == "mimics" for fate in one.mimics]
    others = [fate for fate in fates if fate.kind != "growth_centre"]
    phantoms = [fate for one in known if one.source == "phantom" for fate in one.mimics]
    return [
        _share_goal("mimics with the right kind, semi-synthetic", kinds_right(fates), 85.0),
        _share_goal("the same, in scans with mimics", kinds_right(marked), 85.0),
        _share_goal("the same, without growth centres", kinds_right(others), 85.0),
        _share_goal("the same, phantoms", kinds_right(phantoms), 85.0),
    ]


def _skeleton_goals(scores: Sequence[Score], semi: list[Score]) -> list[Goal]:
    example = of_source(scores, "example")
    swapped = [name for one in scores if one.skeleton for name in one.skeleton.sides_swapped]
    named = any(one.skeleton and one.skeleton.mean is not None for one in scores)
    return [
        _skeleton_goal("skeleton, mean of hip bones, femora, sacrum: semi-synthetic", semi, 0.95),
        _skeleton_goal("skeleton: example away from the metal", example, 0.90),
        Goal("sides swapped", str(len(swapped)) if named else NOT_KNOWN, "0", not swapped if named else None),
    ]


def _skeleton_goal(name: str, scores: list[Score], least: float) -> Goal:
    whole = [one.skeleton.all_bone for one in scores if one.skeleton]
    means = [one.skeleton.mean for one in scores if one.skeleton]
    known = [mean for mean in means if mean is not None]
    if not whole:
        return Goal(name, NOT_KNOWN, f"≥ {least:.2f}", None)
    overall = f"all bone together {sum(whole) / len(whole):.3f}"
    if not known:
        return Goal(name, f"{NOT_KNOWN} ({overall})", f"≥ {least:.2f}", None)
    mean = sum(known) / len(known)
    return Goal(name, f"{mean:.3f}, lowest {min(known):.3f} ({overall})", f"≥ {least:.2f}", mean >= least)


def _real_goals(real: list[Score]) -> list[Goal]:
    points = [point for one in real for point in one.points]
    soft = [point for point in points if point.kind == "soft_tissue_calcification"]
    others = [point for point in points if point.right is not None and point not in soft]
    further = [len(one.wrong) for one in real]
    found = Share(sum(bool(point.right) for point in soft), len(soft))
    kept_out = Share(sum(bool(point.right) for point in others), len(others))
    return [
        _share_goal("real scans: calcifications found", found, 100.0),
        _share_goal("real scans: other points that are no lesion", kept_out, 100.0),
        Goal(
            "real scans: further lesions ≥ 15 mm³ a scan",
            _counts(further),
            "each ≤ 1",
            max(further) <= 1 if real else None,
        ),
    ]


def _example_goals(example: list[Score]) -> list[Goal]:
    if not example:
        return []
    lesions = [lesion for one in example for lesion in one.wrong]
    on_bone = sum(lesion.on_mimic in BONES for lesion in lesions)
    sure = sum(lesion.on_mimic == METAL and lesion.status == "definite" for lesion in lesions)
    flagged = all(any("METAL" in code for code in one.flags) for one in example)
    return [
        Goal("example: metal flagged", "yes" if flagged else "no", "yes", flagged),
        Goal("example: definite lesions within 30 mm of metal", str(sure), "0", sure == 0),
        Goal("example: lesions ≥ 15 mm³ on bone", str(on_bone), "0", on_bone == 0),
    ]
