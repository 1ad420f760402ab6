"""``calcinosis batch``: many patients, unattended."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipeline.cli.options import Config, DatesOption, Deidentify, Figures, NoDicom, Out, Set, run_settings
from pipeline.errors import InputRefused, OutputError, UsageError
from pipeline.running.inputs import Dates

if TYPE_CHECKING:
    from pipeline.batch.attempt import Attempt
    from pipeline.batch.engine import Engine
    from pipeline.batch.job import Plan
    from pipeline.batch.order import Way
    from pipeline.batch.process import Limits
    from pipeline.batch.run import Choice
    from pipeline.domain.scan import KernelPreference

SOME_FAILED, INTERRUPTED = 4, 130
NAMED = 20
"""Patients that are listed on stderr; all are in the tables."""
CLUSTER_MEMORY_GB = 8.0
"""For a patient on a cluster, whose machines are not known here, unless a number is given."""


class Again(StrEnum):
    """Patients to be done once more though nothing changed."""

    REFUSED = "refused"
    FAILED = "failed"


def batch(
    source: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST.csv|ROOT", help="A table with a row per scan, or a tree of scans."),
    ],
    out: Out,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Patients at a time, each on one processor; all if not given."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler, as tcp://host:8786.")
    ] = None,
    retry: Annotated[
        Again | None, typer.Option("--retry", help="Do only patients who were refused, or failed, again.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="Do at most so many patients now.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    memory_gb: Annotated[
        float | None,
        typer.Option(
            "--memory-gb",
            min=0.1,
            help="Memory a patient may use; the machine's, shared by the workers, if not given.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.001, help="Most time a patient may take.")
    ] = 60.0,
    config: Config = None,
    set_: Set = None,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="Believe the manifest where headers name several patients.")
    ] = False,
    dates: DatesOption = Dates.KEEP,
    figures: Figures = None,
    no_dicom: NoDicom = False,
    deidentify: Deidentify = False,
) -> None:
    """Measure and compare the scans of many patients.

    The same command goes on where a run ended.
    """
    _require_extra()
    from pipeline.batch.order import Way
    from pipeline.batch.run import Choice

    settings = run_settings(config, set_, figures=figures)
    way = Way(settings, no_dicom, deidentify, dates, same_patient)
    choice = Choice(None if retry is None else retry.value, limit)
    _require_usable(out, source, way)
    plan = _plan(source, settings.series.kernel)
    if dry_run:
        _print_intent(plan, out, way, choice)
        return
    with _engine(workers, scheduler) as engine, _interruptible():
        limits = _limits(engine, memory_gb, minutes, on_cluster=scheduler is not None)
        attempts = _run(plan, out, way, engine, limits, choice)
    _print_end(plan, attempts, out)
    if any(one.status != "done" for one in attempts.values()):
        raise typer.Exit(SOME_FAILED)


def _require_extra() -> None:
    import importlib.util

    missing = [name for name in ("pandas", "psutil", "pyarrow") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"batch needs {', '.join(missing)} of the extra 'batch': pip install 'calcinosis-ct[batch]'"
        )


def _require_usable(out: Path, source: Path, way: Way) -> None:
    """Say before the first patient what would be wrong with each of them."""
    from pipeline.batch.ledger import NAME
    from pipeline.results.staging import holds_results
    from pipeline.running.objects import way_of_writing

    way_of_writing(no_dicom=way.no_dicom, deidentify=way.deidentify, dates=way.dates)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out} lies in the tree that is searched: results would be found as scans")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is not a folder")
    if not (out / NAME).exists() and holds_results(out):
        raise OutputError(f"{out} holds results of another command already")


def _plan(source: Path, kernel: KernelPreference) -> Plan:
    from pipeline.batch.find import find_patients
    from pipeline.batch.manifest import read_manifest

    plan = read_manifest(source) if source.is_file() else find_patients(source, kernel=kernel)
    if not plan.jobs and not plan.refusals:
        raise InputRefused("NO_CT", "no patient was found")
    for note in plan.notes:
        typer.echo(f"note: {note}", err=True)
    return plan


@contextmanager
def _engine(workers: int | None, scheduler: str | None) -> Iterator[Engine]:
    from pipeline.batch.engine import LocalProcesses
    from pipeline.batch.limits import usual_workers

    if scheduler is None:
        yield LocalProcesses(workers or usual_workers())
        return
    if workers is not None:
        raise UsageError("--workers and --scheduler do not go together: the cluster has its own workers")
    from pipeline.batch.cluster import DaskCluster

    with closing(DaskCluster(scheduler)) as cluster:
        yield cluster


def _limits(engine: Engine, memory_gb: float | None, minutes: float, *, on_cluster: bool) -> Limits:
    from pipeline.batch.limits import MB_PER_GB, memory_per_worker_mb
    from pipeline.batch.process import Limits

    if memory_gb is None and not on_cluster:
        return Limits(memory_per_worker_mb(engine.room), minutes * 60)
    return Limits((memory_gb or CLUSTER_MEMORY_GB) * MB_PER_GB, minutes * 60)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, and the signal of a system that ends its jobs, leave a ledger that can be gone on with."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("calcinosis: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(
    plan: Plan, out: Path, way: Way, engine: Engine, limits: Limits, choice: Choice
) -> Mapping[str, Attempt]:
    """Do the patients, then the tables and the page over all of them."""
    from pipeline.batch.run import run_batch
    from pipeline.cli.batch_progress import batch_progress

    with batch_progress(len(plan.jobs), engine.room) as tell:
        return run_batch(plan, out, way, engine, limits, choice, tell)


def _print_intent(plan: Plan, out: Path, way: Way, choice: Choice) -> None:
    from pipeline.batch.run import intent

    for key, standing in intent(plan, out, way, choice):
        typer.echo(f"{standing:8} {key}")


def _print_end(plan: Plan, attempts: Mapping[str, Attempt], out: Path) -> None:
    """The counts on stdout; who was refused or failed, and why, on stderr."""
    counts = Counter(one.status for one in attempts.values())
    left = len(plan.jobs) + len(plan.refusals) - len(attempts)
    typer.echo(
        f"{counts['done']} patient(s) done, {counts['refused']} refused, {counts['failed']} failed, "
        f"{left} left. Look at {out / 'cohort.html'}. Research use, not a medical device."
    )
    bad = [one for one in attempts.values() if one.status != "done"]
    for one in bad[:NAMED]:
        typer.echo(f"{one.status}: {one.key}: {one.code}{f': {one.reason}' if one.reason else ''}", err=True)
    if len(bad) > NAMED:
        codes = Counter(one.code for one in bad[NAMED:])
        rest = ", ".join(f"{code} {count}" for code, count in sorted(codes.items(), key=str))
        typer.echo(f"and {len(bad) - NAMED} more: {rest}", err=True)
