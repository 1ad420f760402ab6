"""Small scans with lesions of known place and size, as an analysis gives them."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pipeline.domain.analysis import Analysis, Burden, Coverage, Threshold
from pipeline.domain.change import Comparison, Step, TimePoint, Track, TrackKind
from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Density, Excluded, Interval, Lesion, Site
from pipeline.domain.scan import Acquisition, Scan
from pipeline.steps.size import measure_size
from tests.builders import SAME_THRESHOLD

SHAPE = (30, 80, 90)
SPACING_MM = (4.0, 1.5, 1.5)
ORIGIN_LPS_MM = (-67.0, -60.0, -500.0)
CALCIUM_HU = 700
MUSCLE_HU = 60


def ball(geometry: Geometry, middle_lps_mm: Float3, radius_mm: float) -> BoxedMask:
    """All voxels whose centre lies in a ball; at least the one nearest to its middle."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    inside = np.linalg.norm(geometry.to_lps_mm(index) - middle_lps_mm, axis=-1) <= radius_mm
    k, j, i = np.rint(geometry.to_index(middle_lps_mm)).astype(int)
    inside[k, j, i] = True
    found = np.argwhere(inside)
    low, high = found.min(0), found.max(0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return BoxedMask(inside[box], box, geometry)  # type: ignore[arg-type]


def lesion_of(number: int, mask: BoxedMask) -> Lesion:
    return Lesion(
        id=number,
        tracking_uid=f"2.25.{number}",
        mask=mask,
        status="definite",
        why_indeterminate=None,
        fragment_count=1,
        edge_hu=200.0,
        size=measure_size(mask),
        density=Density(650.0, 40.0, 690.0, float(CALCIUM_HU)),
        site=Site(side="right"),
        bone_contact=False,
        touches_edge=mask.touches_edge,
    )


def excluded_of(number: int, mask: BoxedMask) -> Excluded:
    x, y, z = mask.points_lps_mm().mean(0)
    middle = (float(x), float(y), float(z))
    return Excluded(number, mask, "phlebolith", "round, beside a vein", mask.volume_mm3, middle, 400.0)


def analysis_of(
    *middles_and_radii: tuple[Float3, float],
    geometry: Geometry | None = None,
    excluded: tuple[Float3, ...] = (),
) -> Analysis:
    """A block of muscle in air with balls of calcium in it, all found."""
    grid = geometry or Geometry.from_spacing(SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=ORIGIN_LPS_MM)
    hu = np.full(grid.shape, -1000, dtype=np.int16)
    hu[:, 5:-5, 5:-5] = MUSCLE_HU
    skeleton = np.zeros(grid.shape, dtype=np.uint8)
    skeleton[:, 60:65, 40:50] = 1
    hu[skeleton > 0] = 400
    masks = [ball(grid, middle, radius) for middle, radius in middles_and_radii]
    left_out = [ball(grid, middle, 3.0) for middle in excluded]
    for mask in (*masks, *left_out):
        hu[mask.box][mask.voxels] = CALCIUM_HU
    lesions = tuple(lesion_of(n, mask) for n, mask in enumerate(masks, start=1))
    volume_mm3 = sum(one.size.voxel_volume_mm3 for one in lesions)
    low, high = grid.bounds_lps_mm()[:, 2]
    return Analysis(
        scan=Scan(CTVolume(hu, grid), Acquisition(patient_key="k", study_date=dt.date(2020, 1, 5))),
        settings_sha256="0",
        flags=(),
        noise_hu=10.0,
        coverage=Coverage((float(low), float(high)), (), (), False),
        threshold=Threshold(200.0, 150.0, "test"),
        skeleton=LabelMap(skeleton, grid, {1: "sacrum"}),
        lesions=lesions,
        excluded=tuple(excluded_of(n, mask) for n, mask in enumerate(left_out, start=1)),
        burden=Burden(len(lesions), Interval(volume_mm3), volume_mm3, 0.0, 5.0),
    )


def comparison_of(
    before: Analysis, after: Analysis, positions: tuple[Float3 | None, Float3 | None], kind: TrackKind
) -> Comparison:
    """One track through two scans: the first lesion of each, if there is one."""
    ids = tuple(tuple(one.id for one in scan.lesions[:1]) for scan in (before, after))
    volumes = tuple(scan.lesions[0].size.volume_mm3 if scan.lesions else None for scan in (before, after))
    covered = (positions[0] is not None, positions[1] is not None)
    step = Step(0, 1, "gone", kind, None, None, None, None, "a reason")
    track = Track(1, "2.25.1", ids, positions, covered, (5.0, 6.0), volumes, kind, (step,))
    points = (TimePoint(0, dt.date(2020, 1, 5), 0), TimePoint(1, None, None))
    return Comparison((before, after), points, (), (track,), (), (), SAME_THRESHOLD)


RIGHT_LPS_MM = (-35.0, 0.0, -440.0)
"""On the patient's right: x grows to the left."""
