"""The whole patient: layers of tissue, drawn one over the other.

Body coordinates are LPS mm of the reference patient, with the origin midway between the femoral heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.phantoms import body, hip_bone, muscles, spine, viscera
from pipeline.phantoms.bones import Skeleton, build_skeleton
from pipeline.phantoms.compose import Mirrored
from pipeline.phantoms.growth import CARTILAGE_HU
from pipeline.phantoms.materials import AIR_HU, Material, Soft
from pipeline.phantoms.patient import Patient
from pipeline.phantoms.shapes import Ball, Ellipsoid, Floats, Shape
from pipeline.phantoms.viscera import MUSCLE, VISCERAL_FAT

Indices = NDArray[np.intp]

SKIN = Soft(-100.0, rind_mm=body.SKIN_MM, rind_hu=30.0)
CARTILAGE = Soft(CARTILAGE_HU)


@dataclass(frozen=True)
class Layer:
    """A tissue: where it is and what it is made of."""

    name: str
    shape: Shape
    material: Material


@dataclass(frozen=True)
class Anatomy:
    """A patient as layers; a later layer covers an earlier one."""

    body: Shape
    skeleton: Skeleton
    layers: tuple[Layer, ...]


def build_anatomy(patient: Patient) -> Anatomy:
    """Draw a patient, without lesions."""
    outline = body.body()
    skeleton = build_skeleton(patient)
    layers = (Layer("skin and fat", outline, SKIN), *_soft_layers(patient), *_bone_layers(skeleton))
    return Anatomy(outline, skeleton, layers)


def _soft_layers(patient: Patient) -> list[Layer]:
    drawn = [*viscera.abdominal_wall(), viscera.Organ("pelvic cavity", viscera.pelvic_cavity(), VISCERAL_FAT)]
    drawn += [*viscera.organs(patient.seed), *viscera.midline_muscles()]
    layers = [Layer(organ.name, organ.shape, organ.material) for organ in drawn]
    for name, shape in muscles.left_muscles().items():
        layers += [Layer(f"{name} left", shape, MUSCLE), Layer(f"{name} right", Mirrored(shape), MUSCLE)]
    layers += [Layer(organ.name, organ.shape, organ.material) for organ in viscera.vessels()]
    return layers


def _bone_layers(skeleton: Skeleton) -> list[Layer]:
    capsule = Ball(hip_bone.HEAD_CENTRE_MM, hip_bone.SOCKET_RADIUS_MM + 2.5)
    symphysis = Ellipsoid((0.0, -44.0, -20.0), (5.0, 8.0, 18.0))
    layers = [Layer("hip joint", shape, Soft(60.0)) for shape in (capsule, Mirrored(capsule))]
    layers += [Layer("symphysis", symphysis, CARTILAGE), Layer("disc", spine.discs(), CARTILAGE)]
    layers += [Layer(bone.name, bone.shape, bone.tissue) for bone in skeleton.bones]
    layers += [Layer("growth plate", shape, CARTILAGE) for shape in skeleton.cartilage]
    return layers


def paint(
    layers: tuple[Layer, ...], p: Floats, hu: Floats, *, radius_mm: float, calcium: float = 1.0
) -> None:
    """Draw layers into HU values, in place.

    Parameters
    ----------
    p : array
        (3, n, m) points in the coordinates of the layers: `n` groups of `m`.
    hu : array
        (n, m), drawn over where a layer covers a point.
    radius_mm : float
        No point of a group lies further than this from the middle of the group.
    calcium : float
        By which the HU of calcium is multiplied, see `calcium_ratio`.
    """
    centres = (0.5 * (p.max(2) + p.min(2)))[:, :, None]
    for layer in layers:
        deep, touched = _groups_within(layer, centres, radius_mm)
        if deep.size and layer.material.core_hu is not None:
            hu[deep] = layer.material.core_hu
        if touched.size:
            _paint_points(layer, p[:, touched], hu, touched, calcium)


def _groups_within(layer: Layer, centres: Floats, radius_mm: float) -> tuple[Indices, Indices]:
    """Groups that lie wholly in the uniform core of a layer, and other groups that may touch it."""
    middle = centres[:, :, 0]
    near = np.flatnonzero(layer.shape.bounds.near(middle, middle, radius_mm))
    if near.size == 0:
        return near, near
    slack_mm = 1.25 * radius_mm + 0.5
    distance = layer.shape.distance_mm(centres[:, near])[:, 0]
    deep = distance < -(slack_mm + layer.material.rind_mm)
    if layer.material.core_hu is None:
        deep[:] = False
    return near[deep], near[~deep & (distance < slack_mm)]


def _paint_points(layer: Layer, p: Floats, hu: Floats, groups: Indices, calcium: float) -> None:
    depth = -layer.shape.distance_mm(p)
    group, point = np.nonzero(depth > 0)
    drawn = layer.material.hu(p[:, group, point][:, :, None], depth[group, point][:, None], calcium)
    hu[groups[group], point] = drawn[:, 0]


def hu_at(anatomy: Anatomy, points_mm: Floats, *, calcium: float = 1.0) -> Floats:
    """HU of single points (…, 3) in body coordinates; air outside the body."""
    points = np.asarray(points_mm, dtype=float)
    hu = np.full((points.size // 3, 1), AIR_HU)
    paint(anatomy.layers, points.reshape(-1, 3).T[:, :, None], hu, radius_mm=0.0, calcium=calcium)
    return hu.reshape(points.shape[:-1])
