"""All that is known of one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.elsewhere import in_notebook
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.lesion import Excluded, Interval, Lesion, Pattern
from pipeline.domain.outlines import Edit
from pipeline.domain.scan import QualityFlag, Scan

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Threshold:
    """The HU above which tissue counts as calcified, and why."""

    seed_hu: float  #: a component needs a voxel this bright
    edge_hu: float  #: and reaches as far as this
    reason: str
    faint_hu: tuple[float, float] | None = None
    """Seed and edge for what is fainter but far out of the noise; None where that is not looked for."""
    faint_below_mm: float | None = None  #: LPS z, below which that is looked for; None: everywhere
    enhanced: bool = False  #: contrast medium is declared, or seen in vessels on both sides

    @property
    def faint_everywhere(self) -> bool:
        """Whether what is faint is looked for in all of the scan."""
        return self.faint_hu is not None and self.faint_below_mm is None

    @property
    def least_seed_hu(self) -> float:
        """A component that is nowhere brighter is not looked for."""
        return self.seed_hu if self.faint_hu is None else min(self.faint_hu[0], self.seed_hu)

    @property
    def lowest_hu(self) -> float:
        """What is darker is no part of any lesion."""
        return self.edge_hu if self.faint_hu is None else min(self.faint_hu[1], self.edge_hu)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the scan shows."""

    z_range_mm: tuple[float, float]
    bones_complete: tuple[str, ...]
    bones_cut: tuple[str, ...]
    in_plane_truncated: bool  #: the body runs out of the picture sideways


@dataclass(frozen=True, slots=True)
class Burden:
    """All definite lesions of a scan together."""

    lesion_count: int
    volume_mm3: Interval
    voxel_volume_mm3: float
    indeterminate_volume_mm3: float
    detection_limit_mm3: float | None
    calcium_mass_mg: float | None = None  #: an estimate; None where the tube voltage is unknown
    agatston_score: float | None = None
    surface_mm2: float = 0.0  #: what a shift of every border by 1 mm would add, per mm
    by_region: Mapping[str, float] = field(default_factory=dict)  #: volume in mm³ by region
    by_depth: Mapping[str, float] = field(default_factory=dict)  #: volume in mm³ by layer
    pattern: Pattern | None = None  #: None without a definite lesion


@dataclass(frozen=True, eq=False, slots=True)
class Analysis:
    """One scan, measured."""

    scan: Scan  #: what was measured
    settings_sha256: str  #: hash of all settings that decide its numbers
    flags: tuple[QualityFlag, ...]  #: those of the scan, and what was raised since
    noise_hu: float | None  #: standard deviation in soft tissue; None where there is too little of it
    coverage: Coverage  #: what the scan shows, and which bones it cuts
    threshold: Threshold  #: the HU that were used, and why
    skeleton: LabelMap  #: value = bone, by the names in it; on the scan's grid
    lesions: tuple[Lesion, ...]  #: definite and indeterminate ones, by falling volume
    excluded: tuple[Excluded, ...]  #: whatever else is bright outside bone
    burden: Burden  #: all definite lesions together
    landmarks_mm: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """For each bone (n, 3), LPS mm: points that mean the same place on every scan, in one order; empty where
    no pelvis was recognised."""

    edits: tuple[Edit, ...] = ()
    """What a human's outlines changed; empty where none were handed in, or none differs."""

    @property
    def geometry(self) -> Geometry:
        """The grid of the scan and of all masks."""
        return self.scan.volume.geometry

    def lesion_labels(self) -> LabelMap:
        """Label map of the lesions: value = lesion id."""
        names = {lesion.id: f"lesion {lesion.id}" for lesion in self.lesions}
        return paint_labels([(one.id, one.mask) for one in self.lesions], self.geometry, names)

    def excluded_labels(self) -> LabelMap:
        """Label map of what was not counted: value = excluded id."""
        names = {one.id: one.kind for one in self.excluded}
        return paint_labels([(one.id, one.mask) for one in self.excluded], self.geometry, names)

    def to_frame(self) -> DataFrame:
        """One row for each lesion, with the columns and figures of ``lesions.csv``; unknown is `pandas.NA`.

        Raises
        ------
        UsageError
            Where pandas is not installed.
        """
        return in_notebook("frames").lesions_frame(self)  # type: ignore[no-any-return]

    def excluded_frame(self) -> DataFrame:
        """One row for each bright thing that was left out, with its reason, as in the workbook.

        Raises
        ------
        UsageError
            Where pandas is not installed.
        """
        return in_notebook("frames").excluded_frame(self)  # type: ignore[no-any-return]

    def lesions_sitk(self) -> Any:
        """`SimpleITK.Image` of the lesions on the scan's grid: value = lesion id."""
        return in_notebook("images").label_image(self.lesion_labels())

    def excluded_sitk(self) -> Any:
        """`SimpleITK.Image` of what was left out, on the scan's grid: value = excluded id."""
        return in_notebook("images").label_image(self.excluded_labels())

    def skeleton_sitk(self) -> Any:
        """`SimpleITK.Image` of the bones on the scan's grid; their names are in `skeleton.names`."""
        return in_notebook("images").label_image(self.skeleton)

    def _repr_html_(self) -> str:
        return str(in_notebook("pages").analysis_html(self))


def paint_labels(
    numbered: Sequence[tuple[int, BoxedMask]], geometry: Geometry, names: Mapping[int, str]
) -> LabelMap:
    """Label map from numbered masks; where two overlap the later one stands."""
    most = max((number for number, _ in numbered), default=0)
    values = np.zeros(geometry.shape, dtype=np.uint8 if most < 256 else np.uint16)
    for number, mask in numbered:
        values[mask.box][mask.voxels] = number
    values.setflags(write=False)
    return LabelMap(values, geometry, names)
