"""Rows 36, 38, 39, 45 and 46 of the fault list: what is measured all the same, and what is written of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.domain.analysis import Analysis
from pipeline.nifti import write_volume
from pipeline.workflow import analyse
from tests.builders import (
    Values,
    a_scan,
    add_bone,
    add_noise,
    ball,
    body_hu,
    centred_grid,
    ct,
    cylinder,
    paint,
    pelvis_of_two_shafts,
)
from tests.cli.conftest import Ended, Run
from tests.cli.test_cli_measure import FILES, refused
from tests.series import good_series, set_stored, stored, write_series

ROOT = Path(__file__).parents[2]


def codes(analysis: Analysis) -> set[str]:
    return {flag.code for flag in analysis.flags}


def test_fault_36_contrast_raises_the_threshold(tmp_path: Path, run: Run) -> None:
    thresholds = []
    for agent in ("", "Iohexol 300"):
        series = good_series()
        for d in series:
            d.ContrastBolusAgent = agent
        folder = write_series(series, tmp_path / f"in{agent}")
        out = tmp_path / f"out{agent}"
        assert run("measure", folder, "-o", out, "--no-figures").code == 0
        content = json.loads((out / "measurements.json").read_text("utf-8"))
        thresholds.append(content["threshold"]["seed_hu"])
        assert ("CONTRAST" in {f["code"] for f in content["scan"]["flags"]}) == bool(agent)
    assert thresholds[1] > thresholds[0]


def limb() -> Analysis:
    """A calf: one shaft in muscle, and a ball of calcium of 5 mm beside it."""
    geometry = centred_grid((24, 72, 72))
    hu = add_bone(body_hu(geometry), geometry, 0.0, -8.0)
    hu = paint(hu, ball(geometry, (0.0, 16.0, 0.0), 5.0), 600.0)
    return analyse(a_scan(add_noise(hu, 6.0), geometry))


def test_fault_38_lesions_of_a_limb_are_measured() -> None:
    (lesion,) = limb().lesions
    assert lesion.size.volume_mm3.value == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.1)
    assert lesion.site.region is None


def test_fault_38_a_scan_without_pelvis_is_flagged() -> None:
    assert "ANATOMY_UNKNOWN" in codes(limb())


def hip_of_metal() -> Analysis:
    """A rod of metal through muscle, two dark streaks beside it."""
    hu, geometry = pelvis_of_two_shafts({(0.0, 20.0, -4.0): 5.0})
    rod = cylinder(geometry, -24.0, 0.0, 5.0)
    return analyse(a_scan(paint(hu, rod, 12000.0), geometry))


def test_fault_39_metal_is_flagged() -> None:
    assert "METAL" in codes(hip_of_metal())


# Row 45: the output


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_series(good_series(), tmp_path / "in")


def test_fault_45_results_of_an_earlier_run_are_kept(scan: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "lesions.csv").write_text("mine")
    refused(run("measure", scan, "-o", out, "--no-figures"), 5)
    assert [(entry.name, entry.read_text()) for entry in out.iterdir()] == [("lesions.csv", "mine")]


def test_fault_45_a_read_only_place_is_exit_5(
    scan: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    line = refused(run("measure", scan, "-o", tmp_path / "out", "--no-figures"), 5)
    assert "Read-only file system" in line
    assert {entry.name for entry in tmp_path.iterdir()} == {"in"}


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot split a process")


def ends(mode: str, out: Path, *words: str | Path) -> list[tuple[int, list[str]]]:
    """Exit code and what lies under OUT, for a run that fails at each change of the file system in turn."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.dicom.failing_disk", mode, out, *words],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr
    return [(code, names) for code, names in json.loads(ended.stdout.splitlines()[-1])]


@forks
@pytest.mark.parametrize("mode", ["full", "kill"])
def test_fault_45_a_disk_full_or_a_run_killed_at_any_write_leaves_no_half_result(
    mode: str, scan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    *failed, last = ends(mode, out, "measure", scan, "-o", out, "--no-figures")
    assert len(failed) > 8
    assert {code for code, _ in failed} == ({5} if mode == "full" else {-9})
    assert all(names == [] for _, names in failed)
    assert set(FILES) <= set(last[1])
    left = {entry.name for entry in tmp_path.iterdir()} - {"in"}
    assert mode == "kill" or not left
    assert all(name.startswith(".out.") and name.endswith(".part") for name in left)


@forks
def test_fault_45_a_comparison_killed_at_any_write_leaves_no_half_result(scan: Path, tmp_path: Path) -> None:
    later = good_series()
    for d in later:
        d.StudyDate = "20210411"
        set_stored(d, stored(d) + 1)
    out, followup = tmp_path / "out", write_series(later, tmp_path / "in2")
    *failed, last = ends("kill", out, "compare", scan, followup, "-o", out, "--no-figures")
    assert all(names == [] for _, names in failed)
    assert {"comparison.json", "tracks.csv", "t0", "t1"} <= set(last[1])


@forks
@pytest.mark.parametrize("size", [0, 100, 1500])
def test_fault_45_files_that_cannot_grow_are_exit_5(size: int, scan: Path, tmp_path: Path) -> None:
    import resource

    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "measure", scan, "-o", tmp_path / "out", "--no-figures"],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # it would be cut short
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    refused(Ended(ended.returncode, ended.stdout, ended.stderr), 5)
    assert {entry.name for entry in tmp_path.iterdir()} == {"in"}


# Row 46: nothing, one voxel, everything


def measured(hu: Values, tmp_path: Path, run: Run) -> dict[str, Any]:
    write_volume(ct(hu, centred_grid(hu.shape)), tmp_path / "ct.nii.gz")  # type: ignore[arg-type]
    ended = run("measure", tmp_path / "ct.nii.gz", "-o", tmp_path / "out", "--no-figures")
    assert (ended.code, ended.err) == (0, "")
    content: dict[str, Any] = json.loads((tmp_path / "out" / "measurements.json").read_text("utf-8"))
    return content


def test_fault_46_no_lesion_is_zero_with_the_limit_of_what_would_be_seen(tmp_path: Path, run: Run) -> None:
    hu, _ = pelvis_of_two_shafts({})
    content = measured(hu, tmp_path, run)
    assert content["lesions"] == []
    assert content["burden"]["volume_mm3"]["value"] == 0
    assert content["burden"]["detection_limit_mm3"] > 0


def one_voxel(step_mm: float) -> Analysis:
    geometry = centred_grid((24, 72, 72), (3.0, step_mm, step_mm))
    hu = add_noise(add_bone(body_hu(geometry), geometry, 0.0, -8.0), 6.0)
    k, j, i = np.rint(geometry.to_index(np.array([[0.0, 16.0, 4.0]]))[0]).astype(int)
    hu[k, j, i] = 1500.0
    return analyse(a_scan(hu, geometry))


def test_fault_46_a_lesion_of_one_voxel_is_measured() -> None:
    (lesion,) = one_voxel(1.4).lesions
    assert lesion.size.voxel_volume_mm3 == pytest.approx(3.0 * 1.4 * 1.4)


def test_fault_46_a_voxel_below_the_smallest_lesion_is_listed_with_the_reason() -> None:
    analysis = one_voxel(1.0)
    assert analysis.lesions == ()
    (spot,) = analysis.excluded
    assert (spot.kind, spot.volume_mm3) == ("noise", pytest.approx(3.0))


@pytest.mark.filterwarnings(
    "ignore:invalid value encountered in divide"
)  # the bone search, without background
@pytest.mark.parametrize("value", [200, 500, 3071])
def test_fault_46_everything_bright_is_refused_or_flagged(value: int, tmp_path: Path, run: Run) -> None:
    series = good_series()
    for d in series:
        set_stored(d, np.full_like(stored(d), value + 1024))
    ended = run("measure", write_series(series, tmp_path / "in"), "-o", tmp_path / "out", "--no-figures")
    if ended.code == 0:
        content = json.loads((tmp_path / "out" / "measurements.json").read_text("utf-8"))
        assert {"warning", "serious"} & {flag["severity"] for flag in content["scan"]["flags"]}
    else:
        refused(ended, 3)
