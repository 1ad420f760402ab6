"""The skeleton of a patient: every bone with its tissue, and the cartilage between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.phantoms import femur, growth, hip_bone, spine
from pipeline.phantoms.compose import Common, Cut, Mirrored, Turned
from pipeline.phantoms.materials import BoneTissue, Texture
from pipeline.phantoms.patient import Patient
from pipeline.phantoms.shapes import Shape


@dataclass(frozen=True)
class Bone:
    """A bone by its name, cut by its growth plates."""

    name: str
    shape: Shape
    tissue: BoneTissue


@dataclass(frozen=True)
class GrowthCentre:
    """Where a growth centre lies."""

    name: str
    side: str
    place_mm: Float3  #: body coordinates


@dataclass(frozen=True)
class Skeleton:
    """All bones, the cartilage of the growth plates, and where the growth centres lie."""

    bones: tuple[Bone, ...]
    cartilage: tuple[Shape, ...]
    growth_centres: tuple[GrowthCentre, ...]


def build_skeleton(patient: Patient) -> Skeleton:
    """The skeleton in body coordinates."""
    plates = growth.left_growth_plates() if patient.growth_plates_open else ()
    bones: list[Bone] = []
    cartilage: list[Shape] = []
    for side in ("right", "left"):
        for kind, whole, tissue in _limb_bones(patient):
            sheets = tuple(
                _placed(plate.sheet, kind, side, patient) for plate in plates if plate.bone == kind
            )
            placed = _placed(whole, kind, side, patient)
            bones.append(Bone(f"{kind}_{side}", Cut(placed, sheets) if sheets else placed, tissue))
            cartilage.extend(Common((placed, sheet)) for sheet in sheets)
    bones.extend(_axial_bones(patient))
    centres = tuple(_centre(plate, side, patient) for plate in plates for side in ("right", "left"))
    return Skeleton(tuple(bones), tuple(cartilage), centres)


def _limb_bones(patient: Patient) -> list[tuple[str, Shape, BoneTissue]]:
    texture = Texture(patient.seed)
    pelvic = BoneTissue(((0.0, 1.5),), ((0.0, 850.0),), ((0.0, 210.0),), texture)
    return [
        ("hip", hip_bone.left_hip_bone(), pelvic),
        ("femur", femur.left_femur(), femur.femur_tissue(texture)),
    ]


def _axial_bones(patient: Patient) -> list[Bone]:
    texture = Texture(patient.seed + 1)
    tissue = BoneTissue(((0.0, 1.3),), ((0.0, 760.0),), ((0.0, 220.0),), texture, 40.0)
    left = hip_bone.left_hip_bone()
    l4, l5 = spine.lumbar()
    shapes = {"sacrum": spine.sacrum((left, Mirrored(left))), "coccyx": spine.coccyx(), "l5": l5, "l4": l4}
    return [Bone(name, shape, tissue) for name, shape in shapes.items()]


def _placed(shape: Shape, kind: str, side: str, patient: Patient) -> Shape:
    if kind == "femur":
        outward_deg = patient.femur_rotation_deg[side == "left"]
        if outward_deg:
            shape = Turned(shape, hip_bone.HEAD_CENTRE_MM, float(np.deg2rad(outward_deg)))
    return Mirrored(shape) if side == "right" else shape


def _centre(plate: growth.GrowthPlate, side: str, patient: Patient) -> GrowthCentre:
    x, y, z = plate.place_mm
    if plate.bone == "femur":
        hx, hy, _ = hip_bone.HEAD_CENTRE_MM
        angle = np.deg2rad(patient.femur_rotation_deg[side == "left"])
        c, s = float(np.cos(angle)), float(np.sin(angle))
        x, y = hx + c * (x - hx) - s * (y - hy), hy + s * (x - hx) + c * (y - hy)
    return GrowthCentre(plate.name, side, (-x if side == "right" else x, y, z))
