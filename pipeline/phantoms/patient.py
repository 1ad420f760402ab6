"""Who is scanned, and how they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.domain.geometry import Float3, RigidTransform
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that makes one phantom patient different from another."""

    age_years: float = 13.0
    sex: str = "F"
    scale: float = 1.0  #: size against the reference patient; 1.02 is grown by 2 %
    growth_plates_open: bool = True
    femur_rotation_deg: tuple[float, float] = (0.0, 0.0)  #: right, left; positive turns the foot outwards
    seed: int = 7  #: of the texture of bone and the lie of the bowel

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise UsageError(f"a phantom's scale must be positive, found {self.scale}")


@dataclass(frozen=True, slots=True)
class Posture:
    """How the patient lies in the scanner: turned about the middle between the hips, then shifted."""

    rotation_axis: Float3 = (0.0, 0.0, 1.0)
    rotation_deg: float = 0.0
    shift_mm: Float3 = (0.0, 0.0, 0.0)  #: where the middle between the hips lies, scanner LPS

    def body_to_scanner(self, scale: float) -> RigidTransform:
        """Transform from body coordinates (mm of the reference patient) to the scanner's LPS mm."""
        axis = np.array(self.rotation_axis) / np.linalg.norm(self.rotation_axis)
        rotation = Rotation.from_rotvec(axis * np.deg2rad(self.rotation_deg)).as_matrix()
        return RigidTransform(rotation, np.array(self.shift_mm), scale)
