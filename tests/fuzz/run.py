"""Read damaged series by the thousand and count what becomes of them: ``make fuzz N=20000``."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline.dicom.read import read_scan
from pipeline.errors import InputRefused
from tests.fuzz.corpus import corpus, put
from tests.fuzz.mutate import Mutant, mutate
from tests.series import CALCIUM_MM3, calcium_mm3

WAIT_LIMIT_S = 10.0
MEMORY_LIMIT_BYTES = 2**31
VOLUME_TOLERANCE = 1e-3
HARMLESS_FLAGS = frozenset(("OVERLAPPING_SLICES", "SPACING_TAG_WRONG", "PADDING", "REPEATED_FILES", "LOSSY"))
"""Flags that say nothing against a volume: a wrong one that carries only these counts as not flagged."""


@dataclass
class Tally:
    """What became of the mutants."""

    refused: Counter[str] = field(default_factory=Counter)
    accepted_right: int = 0
    accepted_flagged: int = 0
    unknowable: Counter[str] = field(default_factory=Counter)  #: wrong, by edits that no reader could know
    wrong: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    largest_child_bytes: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing happened that must not."""
        within = self.longest_s <= WAIT_LIMIT_S and self.largest_child_bytes < MEMORY_LIMIT_BYTES
        return within and not self.crashes and not self.wrong

    def lines(self) -> list[str]:
        """The counts, for people."""
        return [
            f"refused {sum(self.refused.values())}: {dict(self.refused.most_common())}",
            f"accepted with the right volume {self.accepted_right}",
            f"accepted with another volume and a flag {self.accepted_flagged}",
            f"accepted with another volume, unknowable {dict(self.unknowable)}",
            f"accepted with another volume, not flagged {len(self.wrong)} {self.wrong[:20]}",
            f"crashes {len(self.crashes)} {self.crashes[:20]}",
            f"longest wait {self.longest_s:.2f} s, largest child {self.largest_child_bytes / 2**20:.0f} MB",
        ]


def fuzz(count: int, seed: int, folder: Path) -> Tally:
    """Read `count` mutants, the same for the same seed."""
    good = corpus(folder / "corpus")
    names = sorted(good)
    tally = Tally()
    for n in range(count):
        name = names[n % len(names)]
        mutant = mutate(good[name], random.Random(f"{seed}/{n}"))
        place = put(mutant.files, folder / "mutant")
        started = time.monotonic()
        judge(place, mutant, f"{seed}/{n} {name} {mutant.kind}", tally)
        tally.longest_s = max(tally.longest_s, time.monotonic() - started)
        if n % 50 == 0:
            tally.largest_child_bytes = max(tally.largest_child_bytes, *_child_sizes(), 0)
        shutil.rmtree(place)
    return tally


def judge(place: Path, mutant: Mutant, label: str, tally: Tally) -> None:
    """Read one mutant and count what comes of it."""
    try:
        scan = read_scan(place)
    except InputRefused as refusal:
        tally.refused[refusal.code] += 1
        return
    except Exception as error:  # whatever is raised is what is looked for
        tally.crashes.append(f"{label}: {type(error).__name__} {error}")
        return
    found_mm3 = calcium_mm3(scan)
    if abs(found_mm3 - CALCIUM_MM3) <= VOLUME_TOLERANCE * CALCIUM_MM3:
        tally.accepted_right += 1
    elif {flag.code for flag in scan.flags} - HARMLESS_FLAGS:
        tally.accepted_flagged += 1
    elif mutant.pixels or mutant.alike:
        tally.unknowable["pixel values" if mutant.pixels else "a tag alike in every slice"] += 1
    else:
        tally.wrong.append(f"{label}: {found_mm3:.1f}")


def _child_sizes() -> list[int]:
    sizes = []
    for child in psutil.Process().children():
        try:
            sizes.append(child.memory_info().rss)
        except psutil.Error:
            continue
    return sizes


def main() -> int:
    """Run from the command line; 1 if anything happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CALCINOSIS_CONFIG_DIR"] = folder
        tally = fuzz(options.count, options.seed, Path(folder))
    print("\n".join(tally.lines()))
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
