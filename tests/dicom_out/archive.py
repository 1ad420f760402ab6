"""A real archive for tests: Orthanc on loopback, with an empty store, stopped at the end."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dicom_out.objects import program

START_LIMIT_S = 20.0
PLUGINS = ("/usr/share/orthanc/plugins/libOrthancDicomWeb.so", "/usr/lib/orthanc/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Archive:
    """Where a running Orthanc listens."""

    http_port: int
    dicom_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return json.load(answer)

    def file(self, instance: str) -> bytes:
        """An instance as a DICOM file."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance}/file", timeout=30) as answer:
            return bytes(answer.read())

    def empty(self) -> None:
        for patient in self.get("/patients"):
            request = urllib.request.Request(f"{self.url}/patients/{patient}", method="DELETE")
            urllib.request.urlopen(request, timeout=30).close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running_archive(folder: Path) -> Iterator[Archive]:
    """An Orthanc with DICOMweb; without it the test is skipped."""
    orthanc = program("Orthanc", "orthanc")
    plugin = next((one for one in PLUGINS if Path(one).exists()), None)
    if plugin is None:
        pytest.skip("the DICOMweb plugin of Orthanc is not installed (Debian: orthanc-dicomweb)")
    archive = Archive(free_port(), free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "Plugins": [plugin],
        "HttpPort": archive.http_port,
        "DicomPort": archive.dicom_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowFind": True,
        "OverwriteInstances": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        server = subprocess.Popen([orthanc, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            _wait(archive, server, folder / "orthanc.log")
            yield archive
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait(archive: Archive, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and server.poll() is None:
        try:
            archive.get("/system")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"Orthanc did not start: {log.read_text(errors='replace')[-2000:]}")
