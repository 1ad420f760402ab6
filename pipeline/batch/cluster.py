"""The processes of the patients on the workers of a Dask cluster.

Each task starts the same process as on one machine, on the worker that takes it. Inputs and results lie on
disks that all machines see under the same names. A worker that dies loses its tasks to the others; the
scheduler gives a task up after as many workers as it is set to (``allowed-failures``, 3).
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch.attempt import Outcome
from pipeline.batch.engine import OnDone, Task
from pipeline.batch.process import Limits, run_child
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 30
WORKER_DIED = "WORKER_DIED"


def run_there(stage: Path, limits: Limits) -> Outcome:
    """Do the job in a folder, on the worker that runs this; the ledger is told which machine it was."""
    return replace(run_child(stage, limits), worker=platform.node())


class DaskCluster:
    """A cluster that others have started; left as it was found."""

    def __init__(self, address: str) -> None:
        """Connect to a scheduler.

        Raises
        ------
        UsageError
            Where the extra is missing, or nobody answers.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise UsageError(
                "--scheduler needs the extra 'batch': pip install 'calcinosis-ct[batch]'"
            ) from error
        try:
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told once
            self._client: Client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (TimeoutError, OSError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}") from error

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

    @property
    def room(self) -> int:
        """How many tasks run at the same time: one for each thread of a worker."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def run(self, tasks: Iterator[Task], limits: Limits, on_done: OnDone) -> None:
        """Take tasks one by one; none waits on a worker, which would lose it too when it dies."""
        from distributed import as_completed

        running: dict[Future, Task] = {}
        done = as_completed([], loop=self._client.loop, raise_errors=False)
        try:
            while True:
                while len(running) < self.room:
                    if (task := next(tasks, None)) is None:
                        break
                    future = self._client.submit(
                        run_there, task.stage, limits, pure=False, retries=0, key=f"patient-{task.stage.name}"
                    )
                    running[future] = task
                    done.add(future)
                if not running:
                    return
                future = next(done)
                on_done(running.pop(future), self._outcome(future))
        finally:
            self._client.cancel(list(running), force=True)

    def _outcome(self, future: Future) -> Outcome:
        """How a task ended; one whose workers died again and again has failed."""
        from distributed import KilledWorker

        if future.cancelled():
            raise UsageError("the Dask scheduler has gone; the same command goes on from here")
        error = future.exception()
        if error is None:
            outcome: Outcome = future.result()
            return outcome
        if isinstance(error, KilledWorker):
            return Outcome("failed", WORKER_DIED, error=type(error).__name__)
        raise UsageError(
            f"the workers of the cluster cannot run this program: {type(error).__name__}"
        ) from error
