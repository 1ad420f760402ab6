"""Row 22 of the fault list: a scale on which air, fat or muscle lie elsewhere is not believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.dicom.plausible import check_volume
from pipeline.dicom.read import read_scan
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume
from pipeline.errors import InputRefused
from pipeline.nifti import read_volume, write_volume
from tests.series import Read, Refuse, box_hu, flag_codes, good_series, set_stored, stored

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
GRID = Geometry.from_spacing(box_hu().shape, spacing_mm=(3, 0.75, 1), origin_lps_mm=(0, 0, 0))


def noisy_hu(sd_hu: float = 15.0) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(0, sd_hu, box_hu().shape)
    return (box_hu() + noise).astype(np.float32)


SCALES = [
    (1, 1024),
    (1, 1000),
    (1, -1000),
    (1, 100),
    (1, -100),
    (1, 200),
    (1, -200),
    (1.15, 0),
    (0.85, 0),
    (2, 0),
]


@pytest.mark.parametrize(("slope", "shift_hu"), SCALES)
@pytest.mark.parametrize("sd_hu", [5.0, 15.0, 40.0])
def test_fault_22_shifted_or_stretched_scale_is_refused(slope: float, shift_hu: float, sd_hu: float) -> None:
    check_volume(noisy_hu(sd_hu))
    with pytest.raises(InputRefused) as caught:
        check_volume((noisy_hu(sd_hu) + 1024) * slope - 1024 + shift_hu)
    assert caught.value.code == "HU_IMPLAUSIBLE"


def test_fault_22_right_scale_is_verified_down_to_either_tissue() -> None:
    hu = noisy_hu()
    assert check_volume(hu)
    assert check_volume(hu[:, 8:24, 9:31])  # no air
    assert check_volume(np.full((20, 20, 20), 55.0))
    assert check_volume(np.full((20, 20, 20), -100.0))


@pytest.mark.parametrize("content_hu", [0, 120, 250])
def test_fault_22_phantom_of_another_material_is_measured_and_flagged(read: Read, content_hu: int) -> None:
    series = good_series()
    for d in series:
        pixels = stored(d)
        pixels[(pixels > 500) & (pixels < 1200)] = content_hu + 1024
        set_stored(d, pixels)
    assert flag_codes(read(series)) == {"HU_UNVERIFIED"}


def test_fault_22_missing_intercept_is_seen_beside_padding(refuse: Refuse) -> None:
    series = good_series()
    for d in series:
        pixels = (stored(d)).astype(np.int16)
        pixels[:3] = -2000
        set_stored(d, pixels)
        d.BitsStored, d.HighBit, d.PixelRepresentation, d.RescaleIntercept = 16, 15, 1, "0"
    assert refuse(series) == "HU_IMPLAUSIBLE"


@pytest.mark.parametrize(("shift_hu", "code"), [(0, None), (1024, "HU_IMPLAUSIBLE"), (150, "HU_IMPLAUSIBLE")])
def test_fault_22_nifti_is_judged_alike(tmp_path: Path, shift_hu: int, code: str | None) -> None:
    write_volume(CTVolume((noisy_hu() + shift_hu).astype(np.int16), GRID), tmp_path / "a.nii.gz")
    if code is None:
        assert "HU_UNVERIFIED" not in flag_codes(read_volume(tmp_path / "a.nii.gz"))
        return
    with pytest.raises(InputRefused) as caught:
        read_volume(tmp_path / "a.nii.gz")
    assert caught.value.code == code


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real scans are not beside the project")
def test_fault_22_real_scan_shifted_by_a_hundred_is_refused() -> None:
    hu = read_scan(SHARED / "real_ct" / "STS_013").volume.hu
    assert check_volume(hu)
    for shift_hu in (-100, 100, 1024):
        with pytest.raises(InputRefused):
            check_volume(hu.astype(np.int32) + shift_hu)
