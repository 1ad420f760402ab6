"""A Dask cluster gives the same results, also where one of its workers is killed."""

from __future__ import annotations

import ast
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dask
import psutil
import pytest
from dask_jobqueue import SLURMCluster
from distributed import Client, LocalCluster

from pipeline.batch import cluster as cluster_module
from pipeline.batch.cluster import WORKER_DIED, DaskCluster
from pipeline.batch.job import Plan
from pipeline.errors import UsageError
from tests.batch.command import is_patient
from tests.batch.conftest import GOOD, do, tree

LOOK_S = 0.02


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Two workers of one thread each, on this machine; a task survives as many of them as the marker says."""
    failures = {"distributed.scheduler.allowed-failures": getattr(request, "param", 3)}
    local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with dask.config.set(failures), LocalCluster(**local, silence_logs=50) as cluster:
        yield cluster.scheduler_address


def kill_a_busy_worker(address: str, killed: list[psutil.Process]) -> None:
    """Kill the first worker that has started a patient's process; keeps that process in mind."""
    with Client(address, set_as_default=False) as client:
        workers = [psutil.Process(pid) for pid in client.run(os.getpid).values()]
    while not killed:
        for worker in workers:
            found = [one for one in worker.children() if is_patient(one)]
            if found:
                os.kill(worker.pid, signal.SIGKILL)
                killed.extend(found)
                return
        time.sleep(LOOK_S)


def do_while_a_worker_is_killed(plan: Plan, out: Path, address: str) -> dict[str, str | None]:
    """Key → code of the last attempt."""
    killed: list[psutil.Process] = []
    killer = threading.Thread(target=kill_a_busy_worker, args=(address, killed))
    killer.start()
    with closing(DaskCluster(address)) as engine:
        attempts = do(plan, out, engine=engine)
    killer.join()
    _, alive = psutil.wait_procs(killed, timeout=20)
    assert (len(killed), alive) == (1, [])
    return {key: one.code for key, one in attempts.items()}


def test_a_cluster_gives_the_same_results_though_a_worker_is_killed(
    plan: Plan, finished: Path, tmp_path: Path, address: str
) -> None:
    out = tmp_path / "out"
    codes = do_while_a_worker_is_killed(plan, out, address)
    assert tree(out / "patients") == tree(finished / "patients")
    assert sum(code is None for code in codes.values()) == GOOD
    assert WORKER_DIED not in codes.values()


@pytest.mark.parametrize("address", [0], indirect=True)
def test_a_patient_whose_workers_die_too_often_has_failed(
    plan: Plan, finished: Path, tmp_path: Path, address: str
) -> None:
    out = tmp_path / "out"
    good = Plan(plan.jobs[:GOOD])
    codes = do_while_a_worker_is_killed(good, out, address)
    assert sorted(codes.values(), key=str) == [None, None, WORKER_DIED]
    do(good, out)
    assert tree(out / "patients") == tree(finished / "patients")


def test_a_scheduler_that_goes_away_ends_the_run_and_the_same_call_goes_on(
    plan: Plan, tmp_path: Path
) -> None:
    good = Plan(plan.jobs[:1])
    local = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    cluster = LocalCluster(**local, silence_logs=50)
    away = threading.Timer(0.5, cluster.close)  # a patient's process takes longer to load what it needs
    engine = DaskCluster(cluster.scheduler_address)
    away.start()
    with closing(engine), pytest.raises(UsageError, match="gone"):
        do(good, tmp_path / "out", engine=engine)
    away.join()
    (one,) = do(good, tmp_path / "out").values()
    assert one.status == "done"


def test_a_scheduler_that_does_not_answer_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.5)
    with pytest.raises(UsageError, match="no Dask scheduler"):
        DaskCluster("tcp://127.0.0.1:9")


def test_the_recipe_for_slurm_makes_a_job_that_slurm_would_take() -> None:
    text = (Path(__file__).parents[2] / "docs" / "batch.md").read_text("utf-8")
    (recipe,) = re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL)
    calls = [node for node in ast.walk(ast.parse(recipe)) if isinstance(node, ast.Call)]
    (made,) = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "SLURMCluster"]
    options = {str(one.arg): ast.literal_eval(one.value) for one in made.keywords}
    with SLURMCluster(**options, scheduler_options={"dashboard_address": ":0"}) as cluster:
        script = cluster.job_script()
    assert "#SBATCH -t 12:00:00" in script
    assert "export CALCINOSIS_CONFIG_DIR=" in script
    assert "--nthreads 4" in script
