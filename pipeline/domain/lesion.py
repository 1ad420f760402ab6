"""One soft-tissue calcification, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.domain.description import describe
from pipeline.domain.elsewhere import in_notebook
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask

Side = Literal["left", "right", "midline"]
Depth = Literal["skin", "subcutaneous", "fascial", "muscular", "periarticular", "intrapelvic"]
BonePart = Literal["ilium", "ischium", "pubis"]
Pattern = Literal["superficial", "tumoral", "fascial", "exoskeleton", "mixed"]
Status = Literal["definite", "indeterminate"]
MULTIPLE = "multiple"
"""The region of what runs through several."""
Morphology = Literal["punctate", "nodular", "bulky", "ovoid", "linear", "sheet", "shell", "reticular"]
ExcludedKind = Literal[
    "phlebolith",
    "vascular",
    "bowel_contrast",
    "bladder_contrast",
    "contrast_vessel",
    "growth_centre",
    "bone_fragment",
    "bone_island",
    "metal",
    "streak",
    "noise",
    "table",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its lower and upper 95 % limits; limits are None while unknown."""

    value: float
    lower: float | None = None
    upper: float | None = None


UNRESOLVED = "no voxel is pure calcium: size and density cannot be told apart, only their product is sure"


@dataclass(frozen=True, slots=True)
class VolumeEstimate:
    """A volume corrected for partial volume, and what its limits are made of."""

    volume_mm3: Interval
    over_share: float  #: standard deviation of its logarithm by which it may be too large, by noise and shape
    under_share: float  #: and too small; both are independent of other lesions
    common_share: float  #: and by the blur, common to all lesions of a scan
    unresolved: bool  #: no voxel is pure: density and size cannot be told apart, only their product
    contrast_hu: float | None = None  #: of the pure material above the tissue around


@dataclass(frozen=True, slots=True)
class PlanarAxes:
    """The longest diameter in one plane and the longest one perpendicular to it (RECIST 1.1)."""

    long_axis_mm: float
    short_axis_mm: float
    long_axis_points_lps_mm: tuple[Float3, Float3]
    short_axis_points_lps_mm: tuple[Float3, Float3]
    position_mm: float  #: of the plane: z of an axial, y of a coronal, x of a sagittal one


@dataclass(frozen=True, slots=True)
class Size:
    """How big a lesion is."""

    volume_mm3: Interval  #: corrected for partial volume
    voxel_volume_mm3: float  #: IBSI YEKZ
    mesh_volume_mm3: float | None  #: IBSI RNU0
    axial: PlanarAxes
    coronal: PlanarAxes
    sagittal: PlanarAxes
    diameter_3d_mm: float  #: IBSI L0JK
    extent_mm: Float3  #: along x, y, z
    centroid_lps_mm: Float3
    estimate: VolumeEstimate | None = None  #: what `volume_mm3` comes from; None where voxels were counted

    @property
    def volume_note(self) -> str | None:
        """What to know of the volume; None if nothing."""
        return UNRESOLVED if self.estimate is not None and self.estimate.unresolved else None


@dataclass(frozen=True, slots=True)
class Density:
    """HU over all voxels of a lesion."""

    mean_hu: float
    sd_hu: float
    p95_hu: float
    max_hu: float
    core: Density | None = None  #: over the voxels that blur does not reach; None if there are none


@dataclass(frozen=True, slots=True)
class Site:
    """Where a lesion lies. Unknown is None."""

    side: Side | None = None
    region: str | None = None  #: holds half of it or most; "multiple" for a sheet that crosses
    also_involves: tuple[str, ...] = ()  #: regions that hold a part of it, the largest first
    structure: str | None = None  #: by the user's label map, else by its course between the bones
    nearest_bone: str | None = None
    bone_part: BonePart | None = None  #: of a hip bone, where landmarks tell
    bone_distance_mm: float | None = None  #: from surface to surface; None beyond 40 mm
    skin_depth_mm: float | None = None  #: shortest way to the skin
    depth: Depth | None = None
    code: str | None = None  #: such as "SCT 68367000"; of the structure if it has one, else of the region


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A bright component that is not bone, before and after it is told what it is."""

    mask: BoxedMask
    edge_hu: float  #: threshold that bounds it
    fragment_count: int
    peak_hu: float
    kind: ExcludedKind | Literal["lesion"] = "lesion"
    status: Status = "definite"
    reason: str = ""  #: why it is excluded or indeterminate, in words

    def on_grid(self, mask: BoxedMask) -> Candidate:
        """The same candidate with its mask carried to another grid."""
        return replace(self, mask=mask)


@dataclass(frozen=True, eq=False, slots=True)
class Lesion:
    """A soft-tissue calcification that is counted."""

    id: int  #: 1, 2, … by falling volume; the value in the lesion label map
    tracking_uid: str  #: DICOM UID, as in SEG and SR
    mask: BoxedMask  #: its voxels, within its box of the scan's grid
    status: Status  #: definite, or indeterminate: listed and summed apart
    why_indeterminate: str | None  #: None for a definite one
    fragment_count: int  #: pieces of the mask, at most 2 mm apart
    edge_hu: float  #: threshold that bounds the mask
    size: Size  #: volumes in mm³, axes and extent in mm
    density: Density  #: HU
    site: Site  #: where it lies
    bone_contact: bool  #: whether its voxels touch a bone
    touches_edge: bool  #: whether the scan cuts it: the volume is a lower bound
    source: Literal["automatic", "edited"] = "automatic"  #: who outlined it
    morphology: Morphology | None = None  #: form in a word, as docs/measurements.md defines it
    recist_measurable: bool | None = None  #: whether it can be a target of RECIST 1.1
    possibly_ossified: bool = False  #: a dense rim closes in what may be marrow
    calcium_mass_mg: float | None = None  #: hydroxyapatite, an estimate; None where the voltage is unknown
    agatston_score: float | None = None  #: None where it is not defined for the scan

    @property
    def description(self) -> str:
        """All of this in one sentence."""
        return describe(self)

    def _repr_html_(self) -> str:
        return str(in_notebook("pages").lesion_html(self))


@dataclass(frozen=True, eq=False, slots=True)
class Excluded:
    """Something bright that is not counted, with the reason."""

    id: int  #: its value in the label map of what was left out
    mask: BoxedMask  #: its voxels, within its box of the scan's grid
    kind: ExcludedKind  #: what it was taken for
    reason: str  #: why, in words
    volume_mm3: float  #: voxels times their volume
    centroid_lps_mm: Float3  #: x, y, z
    peak_hu: float  #: of its brightest voxel
