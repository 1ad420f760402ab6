"""A progress bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.cli.log import logged_stages
from pipeline.stages import OnStage


@contextmanager
def stage_progress(title: str, stages: int) -> Iterator[OnStage]:
    """Gives a function to call with the name of each stage as it begins; the log is told too.

    Parameters
    ----------
    stages : int
        How many there will be.
    """
    with _bar(title, stages) as begin, logged_stages(begin) as told:
        yield told


@contextmanager
def _bar(title: str, stages: int) -> Iterator[OnStage]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=stages, stage="", completed=-1)

        def begin(stage: str) -> None:
            progress.update(task, advance=1, stage=stage)

        yield begin
        progress.update(task, completed=stages)
