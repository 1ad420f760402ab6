"""The command line, from the program that parses it."""

from __future__ import annotations

from typing import Any

import typer

from docs.made.tables import table
from pipeline.cli import app


def commands() -> str:
    """Each command with what it takes."""
    root: Any = typer.main.get_command(app)
    parts = [f"## calcinosis\n\n{root.help}\n\n{_parameters(root, 'calcinosis')}"]
    for name, command in root.commands.items():
        parts.append(
            f"## calcinosis {name}\n\n{command.help}\n\n{_parameters(command, f'calcinosis {name}')}"
        )
    return "\n\n".join(parts)


def _parameters(command: Any, call: str) -> str:
    context = typer.Context(command, info_name=call)
    usage = " ".join(command.collect_usage_pieces(context))
    records = (one.get_help_record(context) for one in command.get_params(context))
    rows = [(f"`{names}`", " ".join(words.split())) for names, words in filter(None, records)]
    return f"```text\n{call} {usage}\n```\n\n{table(('', 'meaning'), rows)}"
