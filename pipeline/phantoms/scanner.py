"""A CT scanner: finely sampled, blurred in plane and across the slice, with noise of known spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Float3, Geometry, Index3
from pipeline.domain.image import CTVolume
from pipeline.errors import UsageError
from pipeline.phantoms.materials import calcium_ratio
from pipeline.phantoms.noise import STREAK_LENGTH_MM, lateral_load, matter_weight, slice_noise
from pipeline.phantoms.sampling import Sampling, Scene, render_slices
from pipeline.phantoms.shapes import Floats
from pipeline.phantoms.table import Table

HU_RANGE = (-1024, 3071)
OUTSIDE_CIRCLE_HU = -1024


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a scan is made.

    Air further than about 5 mm from matter is exactly -1000 HU and carries no noise; what lies outside the
    reconstructed circle is exactly -1024 HU. Real scans have noise there; leaving it out keeps files small.
    """

    spacing_mm: Float3 = (2.0, 1.07, 1.07)  #: k, j, i
    matrix: Index3 = (132, 320, 320)  #: k, j, i
    slice_thickness_mm: float = 2.0  #: full width at half maximum of the slice profile
    kvp: float = 120.0
    kernel: str = "STANDARD"
    manufacturer: str = "PHANTOM"
    blur_sigma_mm: float = 0.6  #: in plane
    slice_profile: Literal["rectangular", "gaussian"] = "rectangular"
    noise_hu: float = 14.0  #: spread in soft tissue, in rows without bone
    noise_grain_mm: float = 0.85  #: spread of the Gaussian that makes the noise's grain
    samples: tuple[int, int] = (3, 2)  #: across the slice; along each side of a pixel
    centre_lps_mm: Float3 = (0.0, 0.0, 0.0)  #: of the volume
    table: Table | None = field(default_factory=Table)
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.samples) < 1 or self.noise_hu < 0 or self.blur_sigma_mm < 0:
            raise UsageError("a phantom scanner needs at least one sample, and no negative noise or blur")

    @property
    def geometry(self) -> Geometry:
        """The grid of its scans: k towards the head, j towards the back, i towards the left."""
        dk, dj, di = self.spacing_mm
        k, j, i = self.matrix
        x, y, z = self.centre_lps_mm
        origin = (x - 0.5 * (i - 1) * di, y - 0.5 * (j - 1) * dj, z - 0.5 * (k - 1) * dk)
        return Geometry.from_spacing(self.matrix, spacing_mm=self.spacing_mm, origin_lps_mm=origin)

    def sampling(self) -> Sampling:
        """Where each voxel is sampled, and with which weight."""
        across, in_plane = self.samples
        share = (np.arange(across) + 0.5) / across - 0.5
        if self.slice_profile == "rectangular":
            offsets, weights = share * self.slice_thickness_mm, np.ones(across)
        else:
            offsets = share * 2.0 * self.slice_thickness_mm
            weights = np.exp(-4.0 * np.log(2.0) * (offsets / self.slice_thickness_mm) ** 2)
        weights = weights / weights.sum()
        return Sampling(in_plane, tuple(offsets.tolist()), tuple(weights.tolist()))


def acquire(scanner: Scanner, scene: Scene) -> CTVolume:
    """Scan a scene.

    The same scanner and scene give the same bytes.
    """
    slices = render_slices(scene, scanner.geometry, scanner.sampling(), calcium=calcium_ratio(scanner.kvp))
    circle = _circle((scanner.matrix[1], scanner.matrix[2]))
    out = np.full(scanner.matrix, OUTSIDE_CIRCLE_HU, dtype=np.int16)
    sigma_px = [scanner.blur_sigma_mm / spacing for spacing in scanner.spacing_mm[1:]]
    for k, hu in enumerate(slices):
        blurred = ndimage.gaussian_filter(hu, sigma_px, mode="nearest", truncate=3.5)
        noisy = np.clip(np.rint(blurred + _noise(scanner, k, blurred)), *HU_RANGE)
        out[k][circle] = noisy[circle]
    out.setflags(write=False)
    return CTVolume(out, scanner.geometry)


def _noise(scanner: Scanner, k: int, hu: Floats) -> Floats | float:
    if scanner.noise_hu == 0.0:
        return 0.0
    _, dj, di = scanner.spacing_mm
    rng = np.random.default_rng([scanner.seed, k])
    load = lateral_load(hu, (dj, di))
    noise = slice_noise(rng, load, hu.shape, scanner.noise_grain_mm / di, STREAK_LENGTH_MM / di)
    return noise * matter_weight(hu, (dj, di)) * np.float32(scanner.noise_hu)


def _circle(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels within the circle that touches the picture's sides."""
    j, i = np.ogrid[: shape[0], : shape[1]]
    middle_j, middle_i = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    return np.asarray(np.hypot(j - middle_j, i - middle_i) <= 0.5 * max(shape))
