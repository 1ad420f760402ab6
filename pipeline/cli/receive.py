"""``calcinosis receive``: a DICOM node."""

from __future__ import annotations

import signal
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Config, Figures, Out, Set, run_settings
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.config import Settings

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option("--port", help="TCP port to listen on.", show_default="11112")]
Aet = Annotated[str | None, typer.Option("--aet", help="Own AE title.", show_default="CALCINOSIS")]
Allow = Annotated[
    list[str] | None, typer.Option("--allow", metavar="AET", help="AE title that may send; repeatable.")
]
AllowFrom = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-from", metavar="NETWORK", help="Network that may connect (10.1.0.0/16); repeatable."
    ),
]
SendTo = Annotated[
    list[str] | None,
    typer.Option(
        "--send-to", metavar="AET@HOST:PORT", help="Where SEG and SR go; it may send too; repeatable."
    ),
]
KeepDays = Annotated[
    float | None,
    typer.Option("--keep-days", help="How long images are kept; 0: until measured.", show_default="400"),
]
TlsCert = Annotated[
    str | None,
    typer.Option("--tls-cert", metavar="FILE", help="Certificate, PEM: encrypt connections (TLS)."),
]
TlsKey = Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="Key of the certificate, PEM.")]
TlsCa = Annotated[
    str | None,
    typer.Option("--tls-ca", metavar="FILE", help="Authorities, one of which must have signed a peer."),
]
SendTls = Annotated[bool, typer.Option("--send-tls", help="Encrypt (TLS) what is sent to --send-to.")]


def receive(
    out: Out,
    port: Port = None,
    aet: Aet = None,
    host: Host = None,
    allow: Allow = None,
    allow_from: AllowFrom = None,
    send_to: SendTo = None,
    keep_days: KeepDays = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    send_tls: SendTls = False,
    config: Config = None,
    set_: Set = None,
    figures: Figures = None,
) -> None:
    """Take CT studies over the network and measure them.

    Each is compared with the patient's earlier dates.
    """
    if any(find_spec(name) is None for name in ("psutil", "pynetdicom")):
        raise UsageError("receive needs the extra pacs: pip install 'calcinosis-ct[pacs]'")
    given = {
        "host": host,
        "port": port,
        "aet": aet,
        "allow": allow,
        "allow_from": allow_from,
        "send_to": send_to,
        "keep_days": keep_days,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_ca": tls_ca,
        "send_tls": send_tls or None,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value}
    changes.update({name: given[name] for name in ("port", "keep_days") if given[name] is not None})
    _serve(out, run_settings(config, set_, figures=figures).with_(receive=changes))


def _serve(out: Path, settings: Settings) -> None:
    """Until Ctrl-C or SIGTERM."""
    from pipeline.receive.serve import describe, serve

    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())

    def started(port: int) -> None:
        for line in describe(settings.receive, port):
            typer.echo(line)

    serve(out, settings, stop, typer.echo, on_start=started)
    typer.echo("Stopped. What was not finished goes on at the next start.")
