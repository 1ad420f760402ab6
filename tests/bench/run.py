"""Time and memory of ``calcinosis measure`` against a plain SimpleITK chain, side by side.

A phantom of 512 x 512 x 400 voxels (0.8 x 0.8 x 0.75 mm) is written once; the three commands then
take turns, so that all see the same machine. Printed: the median of the ratios of neighbouring
runs, and the peak memory of each process tree.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from pipeline.cli.phantom_files import header_of
from pipeline.dicom.ct_write import uids_from, write_ct_series
from pipeline.phantoms import build, reference_case

SHAPE = (400, 512, 512)
SPACING_MM = (0.75, 0.8, 0.8)
SAMPLE_SECONDS = 0.02
LIMITS = {"without pictures": 5.0, "with pictures": 10.0}
LIMIT_GB = 1.6


@dataclass(frozen=True)
class Run:
    seconds: float
    peak_gb: float


def write_phantom(folder: Path, shape: tuple[int, int, int]) -> None:
    """The baseline of the reference case on a fine grid, uncompressed."""
    case, _ = reference_case(1)
    scanner = replace(case.scanner, spacing_mm=SPACING_MM, matrix=shape, slice_thickness_mm=SPACING_MM[0])
    scan = build(replace(case, scanner=scanner))
    header = header_of(scan, 1)
    write_ct_series(scan.volume, header, folder, make_uid=uids_from("bench"), compress=False)


def timed(command: list[str]) -> Run:
    """Wall time of a command and the largest sum of resident memory over its process tree."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return Run(seconds, peak[0] / 1e9)


def _watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            members = [tree, *tree.children(recursive=True)]
            peak[0] = max(peak[0], sum(one.memory_info().rss for one in members))
        except psutil.NoSuchProcess:
            return
        time.sleep(SAMPLE_SECONDS)


def commands(folder: Path, out: Path) -> dict[str, list[str]]:
    measure = [sys.executable, "-m", "pipeline", "measure", str(folder), "-o", str(out), "--overwrite"]
    chain = [sys.executable, str(Path(__file__).with_name("simpleitk_chain.py")), str(folder)]
    return {
        "SimpleITK chain": chain,
        "without pictures": [*measure, "--no-figures"],
        "with pictures": measure,
    }


def compare(folder: Path, out: Path, repeats: int) -> bool:
    """Run all commands in turns, print medians and ratios, and say whether the limits hold."""
    runs: dict[str, list[Run]] = {}
    for _ in range(repeats):
        for name, command in commands(folder, out).items():
            runs.setdefault(name, []).append(timed(command))
    base = runs["SimpleITK chain"]
    held = True
    for name, own in runs.items():
        seconds = statistics.median(run.seconds for run in own)
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(own, base, strict=True))
        peak = max(run.peak_gb for run in own)
        print(f"{name:18s} median {seconds:6.2f} s   ratio {ratio:5.2f}   peak {peak:.2f} GB")
        held &= name not in LIMITS or (ratio <= LIMITS[name] and peak <= LIMIT_GB)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=SHAPE[0], help="fewer for a quick look")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder to keep the phantom in, or to find it")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="calcinosis-bench-"))
    try:
        folder = arguments.keep or work / "dicom"
        if not folder.is_dir():
            write_phantom(folder, (arguments.slices, *SHAPE[1:]))
        held = compare(folder, work / "out", arguments.repeats)
    finally:
        shutil.rmtree(work)
    print("limits held" if held else f"limits missed: ratios {LIMITS}, {LIMIT_GB} GB")
    sys.exit(not held)


if __name__ == "__main__":
    main()
