"""``python -m pipeline``: the same as the command ``calcinosis``."""

from pipeline.cli import run

run()
