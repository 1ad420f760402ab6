from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.receive.peers import Running, running_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running_node(tmp_path / "out") as one:
        yield one
