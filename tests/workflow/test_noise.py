"""A little more noise leaves the lesions as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Scan
from pipeline.phantoms import build, reference_case
from pipeline.workflow import analyse
from tests.builders import a_scan

LEAST_MM3 = 50.0
ADDED_HU = 5.0
SMALLER = 0.7
"""A lesion just above 50 mm³ may fall below it by noise alone."""


def with_noise(scan: Scan, seed: int) -> Scan:
    hu = scan.volume.hu + np.random.default_rng(seed).normal(0, ADDED_HU, scan.volume.hu.shape)
    rounded = np.clip(np.rint(hu), -1024, np.iinfo(np.int16).max).astype(np.int16)
    return replace(scan, volume=CTVolume(rounded, scan.volume.geometry))


def definite(analysis: Analysis, least_mm3: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Voxels of the definite lesions of at least a volume."""
    voxels = np.zeros(analysis.geometry.shape, dtype=bool)
    for one in analysis.lesions:
        if one.status == "definite" and one.size.volume_mm3.value >= least_mm3:
            voxels[one.mask.box] |= one.mask.voxels
    return voxels


def lost(one: Analysis, other: Analysis) -> list[float]:
    """Volumes of the definite lesions from 50 mm³ that the other analysis has not."""
    there = definite(other, SMALLER * LEAST_MM3)
    return [
        lesion.size.volume_mm3.value
        for lesion in one.lesions
        if lesion.status == "definite"
        and lesion.size.volume_mm3.value >= LEAST_MM3
        and not there[lesion.mask.box][lesion.mask.voxels].any()
    ]


@pytest.fixture(scope="module")
def phantom() -> Scan:
    case, _ = reference_case(1)
    built = build(case)
    return a_scan(built.volume.hu, built.volume.geometry)


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_of_five_hu_neither_takes_nor_makes_a_lesion(phantom: Scan, seed: int) -> None:
    before, after = analyse(phantom), analyse(with_noise(phantom, seed))
    assert definite(before, LEAST_MM3).any()
    assert lost(before, after) == []
    assert lost(after, before) == []


@pytest.mark.parametrize("name", ["STS_003", "STS_006", "STS_013", "STS_028", "STS_044"])
def test_noise_of_five_hu_neither_takes_nor_makes_a_lesion_of_a_real_scan(
    real_scans: Path, name: str
) -> None:
    scan = read_scan(real_scans / name)
    before, after = analyse(scan), analyse(with_noise(scan, 3))
    assert lost(before, after) == []
    assert lost(after, before) == []
