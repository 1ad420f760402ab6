"""The command keeps what arrays gave back, and looks for garbage again once its modules are loaded."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from pipeline.running.memory import loading_modules, multiply_in_one_thread

REUSE = """
import resource
from pipeline.running.memory import keep_freed_memory
{call}
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def touch():
    a = np.ones(40_000_000, dtype=np.uint8)
touch()
before = faults()
for _ in range(20):
    touch()
print(faults() - before)
"""


def page_faults(call: str) -> int:
    done = subprocess.run([sys.executable, "-c", REUSE.format(call=call)], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of other systems is left as it is")
def test_an_array_gets_the_memory_of_the_last_one() -> None:
    assert page_faults("keep_freed_memory()") < page_faults("") / 10


def test_garbage_is_collected_again_after_loading() -> None:
    with loading_modules():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), loading_modules():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_matrix_products_keep_to_one_thread_unless_more_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_the_command_sets_its_threads_before_numpy_is_loaded() -> None:
    loaded = "import sys, pipeline.cli; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
