"""How accurate the analysis is: ``make accuracy``, or ``python -m tests.accuracy.run --only 'con*'``.

Phantoms, semi-synthetic scans and real scans are measured and held against what is known of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.accuracy.case import Score, run_set
from tests.accuracy.report import line_of, markdown
from tests.accuracy.semi import default_cache, make_missing
from tests.accuracy.sets import DATA, TOOL, AccuracySet, PhantomSet, SemiSet, choose_sets
from tests.accuracy.sites import ANATOMIES, SCANS, note, score_labels, score_scan
from tests.accuracy.summary import goals

NOTE = Path(__file__).parents[2] / "docs" / "accuracy.md"
SITES = "accuracy_sites.md"
"""Name of the note on sites, beside the other."""


def main() -> None:
    arguments = _parser().parse_args()
    sets = _available(choose_sets(arguments.only, quick=arguments.quick))
    if not sets:
        raise SystemExit("no set of that name")
    if arguments.list:
        print(*(one.name for one in sets), sep="\n")
        return
    make_missing([one for one in sets if isinstance(one, SemiSet)], arguments.cache, jobs=arguments.jobs)
    scores = []
    for score in _scores(sets, arguments.cache, arguments.jobs):
        print(line_of(score), flush=True)
        scores.append(score)
    if arguments.write:
        arguments.write.write_text(markdown(scores), "utf-8")
        arguments.write.with_name(SITES).write_text(_note_on_sites(scores, arguments.cache), "utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in scores], indent=1) + "\n", "utf-8")
    for goal in goals(scores):
        print(f"{goal.mark:4s} {goal.name}: {goal.value} (goal {goal.goal})")


def _note_on_sites(scores: list[Score], cache: Path) -> str:
    """The note on sites; points are drawn where the anatomies and their scans are there."""
    made = [one for one in choose_sets(",".join(SCANS), quick=False) if isinstance(one, SemiSet)]
    there = [one.name for one in made if (cache / one.folder / "truth.json").is_file()]
    points = [score_labels(one) for one in ANATOMIES] if DATA.is_dir() else []
    points += [score_scan(name, cache) for name in there]
    return note(points, [(score.name, score.sites) for score in scores])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="names of sets, or patterns such as 'con*', with commas between")
    parser.add_argument("--quick", action="store_true", help="a few sets that stand for the rest")
    parser.add_argument("--jobs", type=int, default=2, help="processes; with 1, all in this one")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the scans made")
    parser.add_argument("--write", type=Path, nargs="?", const=NOTE, help="write the note")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--list", action="store_true", help="print the names of the sets alone")
    return parser


def _available(sets: tuple[AccuracySet, ...]) -> tuple[AccuracySet, ...]:
    """The sets whose data lie beside the project; without them the phantoms alone."""
    if DATA.is_dir() and TOOL.is_file():
        return sets
    print(f"no data in {DATA}, or no generator: phantoms alone", file=sys.stderr)
    return tuple(one for one in sets if isinstance(one, PhantomSet))


def _scores(sets: tuple[AccuracySet, ...], cache: Path, jobs: int) -> Iterator[Score]:
    """Scores in the order of the sets."""
    if jobs <= 1:
        yield from (run_set(one, cache) for one in sets)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_set, sets, [cache] * len(sets))


if __name__ == "__main__":
    main()
