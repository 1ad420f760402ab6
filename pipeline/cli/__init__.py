"""The command ``calcinosis``: parses, calls one function, prints, sets the exit code."""

from __future__ import annotations

import io
import sys

import typer

from pipeline import __version__
from pipeline.cli.check import check
from pipeline.cli.compare import compare
from pipeline.cli.measure import measure
from pipeline.cli.phantom import phantom
from pipeline.errors import PipelineError

app = typer.Typer(
    name="calcinosis",
    help="Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(measure)
app.command()(compare)
app.command()(check)
app.command()(phantom)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"calcinosis-ct {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    """Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device."""


def main() -> None:
    """Run the command; every error raised on purpose is one line on stderr and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # results are written: a sign missing here is no fault
    try:
        app()
    except PipelineError as error:
        line = " ".join(str(error).split())
        typer.echo(f"calcinosis: {line}", err=True)
        sys.exit(error.exit_code)
