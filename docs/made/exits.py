"""Exit codes, from the tree of errors and the commands."""

from __future__ import annotations

from docs.made.tables import table
from pipeline.cli.batch import INTERRUPTED, SOME_FAILED
from pipeline.errors import InputRefused, OutputError, PipelineError, UsageError


def exit_codes() -> str:
    """What each says, and what stands on stderr."""
    return table(
        ("code", "meaning", "on stderr"),
        (
            ("0", "done", ""),
            (str(PipelineError.exit_code), "a fault of the program", "its traceback: please report it"),
            (str(UsageError.exit_code), "the call, an option or a setting is wrong", "one line"),
            (
                str(InputRefused.exit_code),
                "an input was refused; nothing is written",
                "one line: `CODE: reason`",
            ),
            (str(SOME_FAILED), "a batch ended; some patients were refused or failed", "a line for each"),
            (str(OutputError.exit_code), "results could not be written, or are there already", "one line"),
            (str(INTERRUPTED), "a batch was interrupted; the same command goes on", "one line"),
        ),
    )
