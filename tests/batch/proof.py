"""A hundred patients, twelve of them broken: done, killed, short of space, on a cluster; prints the figures.

``python -m tests.batch.proof [--patients 100] [--kills 30] [--only NAME …]``. On a machine that does nothing
else it takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from distributed import LocalCluster

from pipeline.batch.job import Plan
from pipeline.batch.ledger import NAME
from tests.batch.command import ended, patients_of, rows, start, write_manifest
from tests.batch.conftest import tree
from tests.batch.patients import FAULTS, write_patients

LOOK_S = 0.05
SHORTEST_S, LONGEST_S = 1.0, 9.0
"""Between two kills."""
SMALL_DISK_KB = 700


class Proof:
    """The patients, and a run over all of them that the others are held against."""

    def __init__(self, folder: Path, patients: int) -> None:
        self.folder = folder
        self.plan = write_patients(folder / "in", patients, list(FAULTS.values()))
        self.good = Plan(self.plan.jobs[: patients - len(FAULTS)])
        self.manifest = write_manifest(self.plan, folder / "all.csv")
        self.good_manifest = write_manifest(self.good, folder / "good.csv")
        self.out = folder / "out"

    def all_patients(self) -> None:
        """All with two workers; the reference for what follows, and how the parent's memory grows."""
        started, process = time.monotonic(), start(self.manifest, self.out, "--workers", 2)
        resident_mb: list[float] = []
        while process.poll() is None and not any(self.out.glob(".tables.*")):
            resident_mb.append(psutil.Process(process.pid).memory_info().rss / 2**20)
            time.sleep(LOOK_S)
        code, _, _ = ended(process)
        seconds = time.monotonic() - started
        codes = {key: code for key, status, code in rows(self.out) if status == "refused"}
        expected = {
            job.key: code for job, code in zip(self.plan.jobs[len(self.good.jobs) :], FAULTS, strict=True)
        }
        early = resident_mb[len(resident_mb) // 10]
        tell("exit code (4)", code)
        tell("done", sum(status == "done" for _, status, _ in rows(self.out)))
        tell("refused with the right code", sum(codes.get(key) == one for key, one in expected.items()))
        tell("seconds with two workers", f"{seconds:.0f}")
        tell(
            "memory of the parent, MB", f"{early:.1f} after a tenth, {resident_mb[-1]:.1f} before the tables"
        )
        tell("growth, %", f"{100 * (resident_mb[-1] / early - 1):.1f}")

    def without_the_broken(self) -> None:
        """The good ones alone: the same bytes."""
        out = self.folder / "good"
        code, _, _ = ended(start(self.good_manifest, out, "--workers", 2))
        tell("exit code (0)", code)
        tell("patients byte-equal", f"{self._equal(out)} of {len(self.good.jobs)}")

    def one_and_two_workers(self) -> None:
        """How much more two workers do than one, with a part of the patients."""
        few = Plan(self.good.jobs[:20])
        part = write_manifest(few, self.folder / "part.csv")
        per_hour: dict[int, list[float]] = {}
        for workers in (1, 2, 1, 2):
            out = self.folder / "timed"
            started = time.monotonic()
            ended(start(part, out, "--workers", workers))
            per_hour.setdefault(workers, []).append(len(few.jobs) * 3600 / (time.monotonic() - started))
            shutil.rmtree(out)
        best = {workers: max(found) for workers, found in per_hour.items()}
        tell("patients per hour", ", ".join(f"{n} worker(s): {rate:.0f}" for n, rate in best.items()))
        tell("two against one", f"{best[2] / best[1]:.2f}")
        tell("load of the machine meanwhile", f"{psutil.getloadavg()[1]:.1f}")

    def killed(self, kills: int) -> None:
        """Parent or one of its processes killed at random moments, then on to the end."""
        out, chance, count = self.folder / "killed", random.Random(1), Counter[str]()
        process = start(self.manifest, out, "--workers", 2)
        while sum(count.values()) < kills:
            time.sleep(chance.uniform(SHORTEST_S, LONGEST_S))
            victims = patients_of(process)
            if process.poll() is not None:
                process.communicate()
                process = start(self.manifest, out, "--workers", 2)
            elif victims and chance.random() < 0.5:
                chance.choice(victims).kill()
                count["patients' processes"] += 1
            else:
                process.kill()
                process.communicate()
                count["parents"] += 1
                process = start(self.manifest, out, "--workers", 2)
        process.kill()
        process.communicate()
        code = 4
        for _ in range(2):
            code, _, _ = ended(start(self.manifest, out, "--workers", 2))
        found = rows(out)
        redone = [code for _, status, code in found if status == "failed"]
        done = Counter(key for key, status, _ in found if status == "done")
        tell("killed", dict(count))
        tell("exit code at the end (4)", code)
        tell("attempts lost", f"{len(redone)} (at most 2 for each parent, 1 for each process)")
        tell("patients done more than once", sum(n > 1 for n in done.values()))
        tell("left running", sum(status == "running" for _, status, _ in found))
        tell("patients byte-equal", f"{self._equal(out)} of {len(self.good.jobs)}")
        tell("other files", len(set(tree(out / "patients")) - set(tree(self.out / "patients"))))
        tell("tables equal", self._tables_equal(out))

    def small_disk(self) -> None:
        """The output on a disk that is too small, then larger: a tmpfs in a namespace of its own."""
        script = (
            'mount -t tmpfs -o size={0}k none {1} && shift && "$@"; echo $?; '
            'mount -o remount,size=900m {1} && "$@"; echo $?; cp -r {1}/out {2}'
        )
        place, copy = self.folder / "disk", self.folder / "from_disk"
        place.mkdir()
        part = write_manifest(Plan(self.good.jobs[:6]), self.folder / "six.csv")
        command = [
            sys.executable,
            "-m",
            "pipeline",
            "batch",
            part,
            "-o",
            place / "out",
            "--no-figures",
            "--workers",
            2,
        ]
        done = subprocess.run(
            [
                "unshare",
                "-rm",
                "sh",
                "-c",
                script.format(SMALL_DISK_KB, place, copy),
                "sh",
                "x",
                *map(str, command),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        tell(
            "exit codes (5, then 0)",
            [line for line in done.stdout.split("\n") if line in ("0", "1", "4", "5")],
        )
        tell("on stderr", [line for line in done.stderr.splitlines() if line.startswith("calcinosis")])
        tell("patients byte-equal", f"{self._equal(copy)} of 6")

    def cluster(self) -> None:
        """A LocalCluster with two workers."""
        local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
        out = self.folder / "cluster"
        with LocalCluster(**local, silence_logs=50) as cluster:
            command = [sys.executable, "-m", "pipeline", "batch", self.manifest, "-o", out, "--no-figures"]
            done = subprocess.run(
                [*map(str, command), "--scheduler", cluster.scheduler_address],
                check=False,
                capture_output=True,
            )
        tell("exit code (4)", done.returncode)
        tell("patients byte-equal", f"{self._equal(out)} of {len(self.good.jobs)}")
        tell("tables equal", self._tables_equal(out))

    def _equal(self, out: Path) -> int:
        expected, found = tree(self.out / "patients"), tree(out / "patients")
        return sum(
            of_patient(found, job.key) == of_patient(expected, job.key) != {} for job in self.good.jobs
        )

    def _tables_equal(self, out: Path) -> str:
        names = sorted(file.name for file in self.out.iterdir() if file.is_file() and file.name != ".lock")
        names = [name for name in names if not name.startswith(NAME)]
        same = [name for name in names if (out / name).read_bytes() == (self.out / name).read_bytes()]
        return f"{len(same)} of {len(names)}: {', '.join(names)}"


def of_patient(files: dict[str, str], key: str) -> dict[str, str]:
    """The files of one patient."""
    return {name: sha256 for name, sha256 in files.items() if name.startswith(f"{key}/")}


def tell(what: str, value: object) -> None:
    """One figure."""
    print(f"  {what}: {value}", flush=True)


def main() -> None:
    """Run what is asked for, the run over all patients first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", nargs="*", default=None)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batch-proof-") as folder:
        proof = Proof(Path(folder), chosen.patients)
        parts: dict[str, Callable[[], None]] = {
            "without_the_broken": proof.without_the_broken,
            "one_and_two_workers": proof.one_and_two_workers,
            "killed": lambda: proof.killed(chosen.kills),
            "small_disk": proof.small_disk,
            "cluster": proof.cluster,
        }
        print("all_patients", flush=True)
        proof.all_patients()
        for name in parts if chosen.only is None else chosen.only:
            print(name, flush=True)
            parts[name]()


if __name__ == "__main__":
    main()
