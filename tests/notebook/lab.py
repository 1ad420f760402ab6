"""JupyterLab as a user has it, on this machine alone: a server in a folder, and pages of a browser on it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, Route

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 120
RUN_MILLISECONDS = 400_000


def folder_with(notebook: str, folder: Path) -> Path:
    """A copy of a notebook, with the sample beside it as in the repository."""
    (folder / "notebooks").mkdir()
    shutil.copy(REPOSITORY / "notebooks" / notebook, folder / "notebooks")
    (folder / "sample_data").symlink_to(REPOSITORY / "sample_data", target_is_directory=True)
    return folder


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """A server whose files lie in a folder; its address."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    own = {
        f"JUPYTER_{name}_DIR": str(folder / f".jupyter_{name.lower()}")
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    environment = {
        **os.environ,
        **own,
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYTHONPATH": str(REPOSITORY),
    }
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"{address}/api", server, folder / "lab.log")
            yield address
        finally:
            server.terminate()
            server.wait(60)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last and server.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@dataclass
class Opened:
    """A notebook in the browser, and what it asked of other machines."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)

    def run_all(self) -> None:
        """Run every cell, once there is a kernel, and wait until the last one is done."""
        start = """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            window.allRun = window.jupyterapp.commands.execute('notebook:run-all-cells');
        }"""
        self.page.evaluate(start)
        done = """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            return cells.length > 0 && cells.every(one => /^\\[\\d+\\]:$/.test(one.textContent));
        }"""
        self.page.wait_for_function(done, timeout=RUN_MILLISECONDS)


@contextmanager
def open_notebook(browser: Browser, address: str, notebook: str) -> Iterator[Opened]:
    """A notebook with a kernel, in a window tall enough to hold all of it."""
    context = browser.new_context(viewport={"width": 1700, "height": 9000})
    opened = Opened(context.new_page())

    def only_here(route: Route) -> None:
        url = route.request.url
        if url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            opened.elsewhere.append(url)
            route.abort()

    context.route("**/*", only_here)
    opened.page.goto(f"{address}/lab/tree/notebooks/{notebook}")
    opened.page.wait_for_selector(".jp-CodeCell", timeout=120_000)
    opened.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=120_000)
    try:
        yield opened
    finally:
        context.close()
