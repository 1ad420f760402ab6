"""The process that writes the tables over all patients."""

from __future__ import annotations

import subprocess
import sys

import psutil

SOON_S = 20.0
AT_WORK = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from pipeline.batch.closing import end_with_parent

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=end_with_parent) as processes:
        processes.submit(time.sleep, 0).result()
        print(*(one.pid for one in multiprocessing.active_children()), flush=True)
        processes.submit(time.sleep, 600).result()
"""


def test_it_ends_when_the_batch_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, text=True) as batch:
        assert batch.stdout is not None
        writer = psutil.Process(int(batch.stdout.readline()))
        batch.kill()
        batch.wait()
        _, alive = psutil.wait_procs([writer], timeout=SOON_S)
        for one in alive:
            one.kill()
        assert not alive
