"""TLS: with a certificate nothing else is spoken; with authorities nobody else is heard."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from tests.receive.peers import (
    Running,
    association,
    box_study,
    is_closed,
    pynetdicom,
    raw,
    running_node,
)

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


def own(keys: Path) -> dict[str, str]:
    return {"tls_cert": str(keys / "own.pem"), "tls_key": str(keys / "own.key")}


@contextmanager
def tls_association(node: Running, keys: Path, *, name: str | None) -> Iterator[Any]:
    context = ssl.create_default_context(cafile=keys / "own.pem")
    if name is not None:
        context.load_cert_chain(keys / f"{name}.pem", keys / f"{name}.key")
    entity = pynetdicom.AE(ae_title="SCANNER")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
    entity.acse_timeout = entity.network_timeout = 5
    tls = (context, "localhost")
    one = entity.associate("127.0.0.1", node.port, ae_title="CALCINOSIS", tls_args=tls)
    try:
        yield one
    finally:
        if one.is_established:
            one.release()


def test_images_come_by_tls(keys: Path, tmp_path: Path) -> None:
    images = box_study()[:3]
    with running_node(tmp_path / "out", **own(keys)) as node:
        with tls_association(node, keys, name=None) as one:
            assert [int(one.send_c_store(image).Status) for image in images] == [0, 0, 0]
        assert len(node.images()) == 3


def test_plain_text_is_not_answered_and_a_silent_handshake_holds_up_nobody(
    keys: Path, tmp_path: Path
) -> None:
    with running_node(tmp_path / "out", **own(keys), network_seconds=2) as node, raw(node) as silent:
        with tls_association(node, keys, name=None) as one:
            assert one.is_established
        with association(node) as plain:
            assert not plain.is_established
        assert is_closed(silent)


@pytest.mark.parametrize(("name", "known"), [("own", True), ("other", False), (None, False)])
def test_with_authorities_only_those_they_signed_may_send(
    keys: Path, tmp_path: Path, name: str | None, known: bool
) -> None:
    authorities = {**own(keys), "tls_ca": str(keys / "own.pem")}
    with (
        running_node(tmp_path / "out", **authorities) as node,
        tls_association(node, keys, name=name) as one,
    ):
        assert one.is_established is known


def test_a_certificate_that_cannot_be_read_is_named_as_the_fault(tmp_path: Path) -> None:
    files = {"tls_cert": str(tmp_path / "none.pem"), "tls_key": str(tmp_path / "none.key")}
    with pytest.raises(UsageError, match="TLS"), running_node(tmp_path / "out", **files):
        pass


def test_authorities_for_sending_that_cannot_be_read_are_named_at_the_start(tmp_path: Path) -> None:
    settings = {"send_tls": True, "tls_ca": str(tmp_path / "none.pem")}
    with pytest.raises(UsageError, match="TLS"), running_node(tmp_path / "out", **settings):
        pass
