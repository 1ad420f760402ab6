"""How far a batch is: a live display on a terminal, a line for each patient elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pipeline.batch.run import Tell, Told

MINUTE_S = 60.0


@contextmanager
def batch_progress(patients: int, workers: int) -> Iterator[Tell]:
    """Gives a function to be told of each patient.

    Parameters
    ----------
    patients : int
        How many there are in all.
    workers : int
        How many are measured at a time.
    """
    if not sys.stderr.isatty():
        yield _Lines(patients)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("batch"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rest]}"),
        TextColumn("{task.fields[now]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True, emoji=False)) as progress:
        task = progress.add_task("batch", total=patients, counts="", rest="", now="")
        yield _Bar(progress, task, patients, workers)


class _Lines:
    """A line for each patient that was done, refused or failed."""

    def __init__(self, patients: int) -> None:
        self._patients, self._ended = patients, 0

    def __call__(self, told: Told) -> None:
        if told.standing in ("kept", "left"):
            self._ended += 1
        if told.outcome is None:
            return
        self._ended += 1
        code = f" {told.outcome.code}" if told.outcome.code else ""
        text = f"{told.key}: {told.outcome.status}{code} in {told.outcome.seconds:.0f} s"
        typer.echo(f"{self._ended}/{self._patients} {text}", err=True)


class _Bar:
    """Counts, the time that is left, and who is being measured."""

    def __init__(self, progress: Progress, task: TaskID, patients: int, workers: int) -> None:
        self._progress, self._task, self._patients, self._workers = progress, task, patients, workers
        self._counts: Counter[str] = Counter()
        self._running: list[str] = []
        self._seconds: list[float] = [0.0, 0.0]  # of the patients that ended, and their number

    def __call__(self, told: Told) -> None:
        if told.outcome is not None:
            self._running.remove(told.key)
            self._counts[told.outcome.status] += 1
            self._seconds = [self._seconds[0] + told.outcome.seconds, self._seconds[1] + 1]
        elif told.standing in ("kept", "left"):
            self._counts["before" if told.standing == "kept" else "left"] += 1
        else:
            self._running.append(told.key)
        self._show()

    def _show(self) -> None:
        ended = sum(self._counts.values())
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        now = " ".join(self._running[: self._workers])
        self._progress.update(self._task, completed=ended, counts=counts, rest=self._rest(ended), now=now)

    def _rest(self, ended: int) -> str:
        total_s, number = self._seconds
        if not number:
            return ""
        rest_s = (self._patients - ended) * total_s / number / self._workers
        return f"{max(1, round(rest_s / MINUTE_S))} min left"
