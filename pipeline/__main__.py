"""``python -m pipeline``: the same as the command ``calcinosis``."""

from pipeline.cli import run

if __name__ == "__main__":  # processes that are spawned import it again
    run()
