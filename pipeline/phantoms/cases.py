"""Cases with known truth: a patient, lesions, a posture and a scanner, and the scan they give."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.domain.image import CTVolume, LabelMap
from pipeline.phantoms.anatomy import Anatomy, Layer, build_anatomy
from pipeline.phantoms.hip_bone import HEAD_CENTRE_MM
from pipeline.phantoms.lesions import PhantomLesion, mirrored_point
from pipeline.phantoms.materials import Calcified, calcium_ratio
from pipeline.phantoms.patient import Patient, Posture
from pipeline.phantoms.reference import reference_lesions
from pipeline.phantoms.sampling import Scene
from pipeline.phantoms.scanner import Scanner, acquire
from pipeline.phantoms.shapes import Shape, distance_at
from pipeline.phantoms.table import Table, table_layer
from pipeline.phantoms.truth import Truth, label_volume, measure_lesion, place_centres

BODY_CENTRE_MM: Float3 = (0.0, 16.0, -8.0)
"""Middle of the reference scan in body coordinates."""


@dataclass(frozen=True)
class PhantomCase:
    """All that makes one scan, before it is made."""

    patient: Patient
    posture: Posture
    scanner: Scanner
    lesions: tuple[PhantomLesion, ...] = ()
    date: dt.date = dt.date(2019, 4, 11)


@dataclass(frozen=True, eq=False)
class PhantomScan:
    """A scan with its truth."""

    volume: CTVolume
    truth: Truth
    case: PhantomCase

    @property
    def age_years(self) -> float:
        """Of the patient at the scan."""
        return self.case.patient.age_years

    @property
    def sex(self) -> str:
        """Of the patient."""
        return self.case.patient.sex

    @property
    def date(self) -> dt.date:
        """Of the scan."""
        return self.case.date

    @property
    def kvp(self) -> float:
        """Tube voltage."""
        return self.case.scanner.kvp

    @property
    def kernel(self) -> str:
        """Name of the reconstruction kernel."""
        return self.case.scanner.kernel

    @property
    def manufacturer(self) -> str:
        """Of the scanner."""
        return self.case.scanner.manufacturer

    @property
    def slice_thickness_mm(self) -> float:
        """Of the slices; not their spacing."""
        return self.case.scanner.slice_thickness_mm

    def lesion_labels(self) -> LabelMap:
        """Truth on the scan's grid: value n is the n-th lesion of the truth."""
        shapes = [(lesion.name, lesion.shape) for lesion in self.case.lesions]
        return label_volume(shapes, self.truth.body_to_scanner, self.volume.geometry)

    def bone_labels(self) -> LabelMap:
        """Truth on the scan's grid: the bones by name, without the cartilage of open growth plates."""
        bones = build_anatomy(self.case.patient).skeleton.bones
        shapes = [(bone.name, bone.shape) for bone in bones]
        return label_volume(shapes, self.truth.body_to_scanner, self.volume.geometry, subvoxels=2)


def build(case: PhantomCase) -> PhantomScan:
    """Scan a case. The same case gives the same bytes."""
    anatomy = build_anatomy(case.patient)
    volume = acquire(case.scanner, scene_of(case, anatomy))
    return PhantomScan(volume, truth_of(case, anatomy), case)


def scene_of(case: PhantomCase, anatomy: Anatomy) -> Scene:
    """The patient with lesions, on the couch."""
    lesions = tuple(Layer(one.name, one.shape, Calcified(one.hu)) for one in case.lesions)
    body_to_scanner = case.posture.body_to_scanner(case.patient.scale)
    room: tuple[Layer, ...] = ()
    if case.scanner.table is not None:
        room = (_couch(case, anatomy.body, case.scanner.table),)
    return Scene((*anatomy.layers, *lesions), anatomy.body, body_to_scanner, room)


def _couch(case: PhantomCase, outline: Shape, table: Table) -> Layer:
    """The couch, so high that it is nowhere nearer to the skin within the scan than its gap."""
    body_to_scanner = case.posture.body_to_scanner(case.patient.scale)
    bounds = case.scanner.geometry.bounds_lps_mm()
    steps = (4.0, 4.0, 6.0)
    x, y, z = (np.arange(bounds[0, a], bounds[1, a], step) for a, step in enumerate(steps))
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)
    depth = -distance_at(outline, body_to_scanner.inverse().apply(points)) * body_to_scanner.scale
    middle_x = case.posture.shift_mm[0]
    lowest = points[..., 1] + depth + table.rise_mm(points[..., 0] - middle_x)
    z_mm = (float(bounds[0, 2]), float(bounds[1, 2]))
    return table_layer(
        table, top_y_mm=float(lowest[depth > 0].max()) + table.gap_mm, middle_x_mm=middle_x, z_mm=z_mm
    )


def truth_of(case: PhantomCase, anatomy: Anatomy) -> Truth:
    """Truth of a case in its posture."""
    body_to_scanner = case.posture.body_to_scanner(case.patient.scale)
    calcium = calcium_ratio(case.scanner.kvp)
    lesions = tuple(measure_lesion(one, body_to_scanner, calcium=calcium) for one in case.lesions)
    centres = place_centres(anatomy.skeleton.growth_centres, body_to_scanner)
    heads = {"femoral head left": HEAD_CENTRE_MM, "femoral head right": mirrored_point(HEAD_CENTRE_MM)}
    landmarks = {}
    for name, point in heads.items():
        x, y, z = body_to_scanner.apply(point)
        landmarks[name] = (float(x), float(y), float(z))
    return Truth(lesions, centres, landmarks, body_to_scanner, case.scanner.noise_hu)


def reference_case(seed: int = 1) -> tuple[PhantomCase, PhantomCase]:
    """The published course: multifocal calcification at 13 years, none eleven months later.

    Baseline: a bulky lump of 38 x 23 mm (axial) in the right ischiofemoral space, an ovoid of 50 x 10 mm
    (axial) in the left obturator internus, three linear ones in the adductors of either side. Follow-up:
    none; grown by 2 %, turned by 3.5 degrees and shifted by 8 mm, other slices, kernel and noise.

    Parameters
    ----------
    seed : int
        Of the noise, the texture of bone and the lie of the bowel; lesions and bones are the same for all.
    """
    baseline = PhantomCase(
        Patient(age_years=13.0, seed=seed),
        Posture(shift_mm=(2.0, -150.0, -412.0)),
        _centred(Scanner(seed=2 * seed), (2.0, -150.0, -412.0)),
        reference_lesions(),
    )
    shift_mm = (6.0, -146.0, -406.3)
    later = Scanner(
        spacing_mm=(2.5, 1.09, 1.09), matrix=(110, 320, 320), slice_thickness_mm=2.5, kernel="B30f",
        blur_sigma_mm=0.75, noise_hu=12.0, noise_grain_mm=1.0, slice_profile="gaussian", seed=2 * seed + 1,
    )  # fmt: skip
    followup = PhantomCase(
        replace(baseline.patient, age_years=13.9, scale=1.02),
        Posture((0.45, 0.35, 0.82), 3.5, shift_mm),
        _centred(later, shift_mm),
        (),
        dt.date(2020, 3, 10),
    )
    return baseline, followup


def _centred(scanner: Scanner, shift_mm: Float3) -> Scanner:
    x, y, z = (s + c for s, c in zip(shift_mm, BODY_CENTRE_MM, strict=True))
    return replace(scanner, centre_lps_mm=(x, y, z))
