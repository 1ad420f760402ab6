"""How often the region and the side of a place are right: muscles of two anatomies, lesions of painted scans.

Points are drawn from every muscle of an anatomy drawn by hand and asked for their region, with the anatomy's
own bones as the skeleton, and with the built-in skeleton on scans painted from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pipeline.config import Settings
from pipeline.dicom.read import read_scan
from pipeline.domain.geometry import Geometry
from pipeline.domain.lesion import Lesion
from pipeline.finding import find
from pipeline.stages import silent
from pipeline.steps.body import segment_body
from pipeline.steps.naming.fit import AtlasFit, fit_atlas
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.muscles import region_of_structure
from pipeline.steps.sites.regions import territory_of
from pipeline.steps.sites.territories import TERRITORIES
from tests.accuracy.lesions import assign_lesions
from tests.accuracy.semi import SUBSLICE_MM
from tests.accuracy.sets import DATA, SEMI, SemiSet
from tests.accuracy.truth import Truth

Labels = NDArray[np.uint8]
Points = NDArray[np.float64]

MUSCLES = {
    5: "gluteus maximus", 6: "gluteus medius", 7: "gluteus minimus", 8: "iliacus", 9: "obturator externus",
    10: "obturator internus", 11: "pectineus", 12: "piriformis", 13: "psoas", 14: "adductors",
    15: "biceps femoris", 16: "gracilis", 17: "rectus femoris", 18: "sartorius", 19: "semimembranosus",
    20: "semitendinosus", 21: "tensor fasciae latae", 22: "vastus lateralis and intermedius",
    23: "vastus medialis", 24: "erector spinae", 25: "quadratus lumborum", 26: "rectus abdominis",
    27: "latissimus dorsi", 28: "obliques",
}  # fmt: skip
"""Values of the anatomies, as their README has them."""
BONE_VALUES = (1, 2, 3, 4)
HIP_BONES = 1
POINTS = 1000
"""Drawn from each muscle, or all that it has."""
MIDDLE_MM = 8.0
"""Nearer to the middle of the hip bones the labels, which have no sides, do not tell the side."""
ANATOMIES = ("002", "005")
SCANS = ("seed2a", "seed5a", "clean2a", "con5b")
"""Sets of which the built-in skeleton is asked."""

BELOW_MM, ABOVE_MM, MARGIN = 70, 20, 18
"""What the generator keeps of an anatomy: so far below and above the hip bones, so many voxels beside."""

WANTED = {
    "ischiofemoral": "ischiofemoral_space",
    "obturator": "obturator_internus",
    "adductor": "adductor_compartment",
}
"""Region of a painted lesion by a word of its name."""


@dataclass(frozen=True)
class PointsScore:
    """How many of the points of each muscle were right."""

    name: str
    region_right: dict[str, float]  #: share by muscle
    side_right: float  #: share of all points that have a side

    @property
    def by_region(self) -> dict[str, float]:
        """Mean over the muscles of each region."""
        regions: dict[str, list[float]] = {}
        for muscle, share in self.region_right.items():
            regions.setdefault(region_of_structure(muscle) or "", []).append(share)
        return {region: fmean(shares) for region, shares in sorted(regions.items())}

    @property
    def mean(self) -> float:
        """Mean over the regions."""
        return fmean(self.by_region.values())


@dataclass(frozen=True)
class SiteFate:
    """Where a painted lesion was said to lie."""

    name: str
    side: str  #: the true one
    region: str
    found_side: str | None
    found_region: str | None

    @property
    def is_right(self) -> bool:
        """Both side and region."""
        return (self.side, self.region) == (self.found_side, self.found_region)


def read_labels(anatomy: str) -> tuple[Labels, Geometry]:
    """The label map of an anatomy, with axes to the head, the back and the left."""
    return _read(anatomy, "label")


def _read(anatomy: str, name: str) -> tuple[Labels, Geometry]:
    path = DATA / "anatomy" / f"Pelvic-Ref-{anatomy}" / f"{name}.mhd"
    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    values = np.asarray(sitk.GetArrayFromImage(image), dtype=np.uint8)
    x, y, z = image.GetSpacing()
    return values, Geometry.from_spacing(values.shape, spacing_mm=(z, y, x), origin_lps_mm=image.GetOrigin())


def score_labels(anatomy: str) -> PointsScore:
    """With the anatomy's own bones as the skeleton."""
    labels, geometry = read_labels(anatomy)
    fit = fit_atlas(np.isin(labels, BONE_VALUES), geometry)
    if fit is None:
        raise ValueError(f"no pelvis was recognised in anatomy {anatomy}")
    return score_points(f"{anatomy}, its own bones", labels, geometry, fit)


def score_scan(name: str, cache: Path) -> PointsScore:
    """With the built-in skeleton on a painted scan."""
    one = next(semi for semi in SEMI if semi.name == name)
    scan = read_scan(cache / one.folder / "dicom")
    settings = Settings()
    body = segment_body(scan.volume, settings.body)
    with ThreadPoolExecutor(max_workers=1) as beside:
        found = find(scan, body, settings, anatomy=None, beside=beside, on_stage=silent)
    if found.fit is None:
        raise ValueError(f"no pelvis was recognised in {name}")
    labels = painted_labels(one, scan.volume.geometry.shape)
    return score_points(f"{one.anatomy}, scan {name}", labels, scan.volume.geometry, found.fit)


def score_points(name: str, labels: Labels, geometry: Geometry, fit: AtlasFit) -> PointsScore:
    """Draw points from every muscle and ask for their region and side."""
    random = np.random.default_rng(0)
    frame = ReferenceFrame(fit)
    columns = np.flatnonzero((labels == HIP_BONES).any(axis=(0, 1)))
    middle_x = float(geometry.to_lps_mm([0, 0, columns[[0, -1]].mean()])[0])
    shares: dict[str, float] = {}
    sides: list[NDArray[np.bool_]] = []
    for value, muscle in MUSCLES.items():
        index = np.argwhere(labels == value)
        if len(index):
            points = geometry.to_lps_mm(random.permutation(index)[:POINTS])
            reference = frame.to_reference(points)
            shares[muscle] = _share_right(reference, region_of_structure(muscle))
            beside = points[:, 0] - middle_x
            told = np.abs(beside) > MIDDLE_MM
            sides.append(((beside > 0) == (reference[:, 0] > 0))[told])
    return PointsScore(name, shares, float(np.concatenate(sides).mean()))


def _share_right(reference: Points, region: str | None) -> float:
    found = territory_of(reference)
    return float(np.mean([n >= 0 and TERRITORIES[n].region == region for n in found]))


def painted_labels(one: SemiSet, shape: tuple[int, ...]) -> Labels:
    """The muscles on the grid of a painted scan, cut out and laid there as the generator does."""
    labels, geometry = read_labels(one.anatomy)
    body = _read(one.anatomy, "mask")[0] > 0
    own_mm = np.array(geometry.spacing_mm) * one.scale
    slices = np.flatnonzero((labels == HIP_BONES).any(axis=(1, 2)))
    low = max(0, int(slices[0]) - int(BELOW_MM / own_mm[0]))
    high = min(len(labels), int(slices[-1]) + int(ABOVE_MM / own_mm[0]))
    rows, columns = (np.flatnonzero(body[low:high].any(axis=axes)) for axes in ((0, 2), (0, 1)))
    part = labels[low:high, _around(rows), :][:, :, _around(columns)]
    dz, dx = one.spacing
    parts = max(2, int(np.ceil(dz / SUBSLICE_MM)))
    size = np.rint(np.array(part.shape) * own_mm / [dz / parts, dx, dx]).astype(int)
    k, j, i = (np.rint(np.linspace(0, n - 1, m)).astype(int) for n, m in zip(part.shape, size, strict=True))
    fine = part[np.ix_(k[: len(k) // parts * parts : parts], j, i)]
    values = np.zeros(shape, dtype=np.uint8)
    top, left = ((whole - mine) // 2 for whole, mine in zip(shape[1:], fine.shape[1:], strict=True))
    values[:, top : top + fine.shape[1], left : left + fine.shape[2]] = fine
    return values


def _around(places: NDArray[np.intp]) -> slice:
    return slice(max(0, int(places[0]) - MARGIN), int(places[-1]) + MARGIN)


def judge_sites(truth: Truth, lesions: Sequence[Lesion]) -> tuple[SiteFate, ...]:
    """Side and region of each painted lesion that was found, by the largest lesion that shows it."""
    owners = assign_lesions(truth, lesions)
    fates = []
    for one in truth.lesions:
        own = [lesion for lesion, owner in zip(lesions, owners, strict=True) if owner == one.id]
        region = next((region for word, region in WANTED.items() if word in one.name), None)
        side = _side_of(one.name)
        if own and region is not None and side is not None:
            site = max(own, key=lambda lesion: lesion.size.voxel_volume_mm3).site
            fates.append(SiteFate(one.name, side, region, site.side, site.region))
    return tuple(fates)


def _side_of(name: str) -> str | None:
    first = name.split()[0]
    return {"R": "right", "L": "left"}.get(first, first if first in ("left", "right") else None)


def note(scores: Sequence[PointsScore], fates: Iterable[tuple[str, Sequence[SiteFate]]]) -> str:
    """The note on sites as markdown."""
    regions = sorted({region for score in scores for region in score.by_region})
    lines = [HEAD, _row(["region", *(score.name for score in scores)]), _row(["---"] * (len(scores) + 1))]
    for region in regions:
        lines.append(_row([region, *(_percent(score.by_region.get(region)) for score in scores)]))
    lines.append(_row(["**mean over regions**", *(_percent(score.mean) for score in scores)]))
    lines.append(_row(["side", *(_percent(score.side_right, digits=2) for score in scores)]))
    lines += ["", "## Each muscle", "", _row(["muscle", "region", *(score.name for score in scores)])]
    lines.append(_row(["---"] * (len(scores) + 2)))
    for muscle in MUSCLES.values():
        shares = [_percent(score.region_right.get(muscle)) for score in scores]
        lines.append(_row([muscle, region_of_structure(muscle) or "", *shares]))
    return "\n".join([*lines, *_lesions(fates), ""])


def _lesions(fates: Iterable[tuple[str, Sequence[SiteFate]]]) -> list[str]:
    lines = [
        "",
        "## Lesions of painted scans and phantoms",
        "",
        _row(["set", "side and region right", "wrong"]),
    ]
    lines.append(_row(["---"] * 3))
    for name, own in fates:
        if own:
            wrong = [
                f"{one.name}: {one.found_side or 'no side'} {one.found_region or 'no region'}"
                for one in own
                if not one.is_right
            ]
            right = len(own) - len(wrong)
            lines.append(_row([name, f"{right}/{len(own)}", "; ".join(wrong)]))
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None, *, digits: int = 0) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


HEAD = """# Accuracy of sites

Written by `make accuracy`; do not edit. Up to 1000 points are drawn at random from every muscle of two
anatomies drawn by hand (1 x 1 x 3 mm) and asked for their region, first with the anatomy's own bones as the
skeleton, then with the built-in skeleton on scans painted from it, of other sizes, slices and noise. The mean
of a region is taken over its muscles. The side is asked of all points further than 8 mm from the middle of
the hip bones. The territories were worked out with anatomy 002 in view; what was tuned on which anatomy
stands in `docs/design.md`.
"""
