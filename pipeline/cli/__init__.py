"""The command ``calcinosis``: parses, calls one function, prints, sets the exit code."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline import __version__
from pipeline.cli.batch import batch
from pipeline.cli.check import check
from pipeline.cli.compare import compare
from pipeline.cli.measure import measure
from pipeline.cli.phantom import phantom
from pipeline.cli.receive import receive
from pipeline.errors import PipelineError
from pipeline.running.memory import collect_rarely, keep_freed_memory, multiply_in_one_thread
from pipeline.running.versions import versions

app = typer.Typer(
    name="calcinosis",
    help="Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # its panels cut long words on a terminal of 80 columns
    pretty_exceptions_enable=False,
)
app.command()(measure)
app.command()(compare)
app.command()(batch)
app.command()(check)
app.command()(phantom)
app.command()(receive)


def _print_version(value: bool) -> None:
    if not value:
        return
    typer.echo("\n".join([f"calcinosis-ct {__version__}", *versions()]))
    raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Append what the run did to this file, as lines of JSON."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version, with those of the libraries that decide the numbers.",
        ),
    ] = False,
) -> None:
    """Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device."""
    if log is not None:
        from pipeline.cli.log import start_log

        start_log(log, context.invoked_subcommand or "")


def run() -> NoReturn:
    """`main` for a process of its own, which then ends without taking itself apart.

    Python would visit everything that a run has loaded and made, which takes 0.3 s, before the system takes
    the memory back in one piece. All files are closed by then.
    """
    code: str | int | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # a reader who has left: Python knows how to end then
        sys.exit(code)
    if not isinstance(code, int):
        sys.exit(code)
    os._exit(code)


def main() -> None:
    """Run the command; every error raised on purpose is one line on stderr and its exit code."""
    keep_freed_memory()
    collect_rarely()
    multiply_in_one_thread()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # results are written: a sign missing here is no fault
    code = 1
    try:
        app()
    except PipelineError as error:
        _log(error)
        line = " ".join(str(error).split())
        typer.echo(f"calcinosis: {line}", err=True)
        sys.exit(code := error.exit_code)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    except BaseException as error:
        _log(error)
        raise
    finally:
        _log(None, code)


def _log(error: BaseException | None, exit_code: int = 0) -> None:
    """Tell the log, if one was started, of an error or of the end; help needs none of what it loads."""
    started = sys.modules.get("pipeline.cli.log")
    if started is None:
        return
    if error is not None:
        started.log_error(error)
    elif not started.stop_log(exit_code):
        typer.echo("calcinosis: the log could not be written in full", err=True)
