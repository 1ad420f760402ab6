"""The check of the public docstrings itself."""

from __future__ import annotations

from docs.docstrings import problems, raised_by
from pipeline.errors import InputRefused


def refuses(value: int) -> None:
    if value < 0:
        raise InputRefused("OUT_OF_RANGE", "expected 0 or more")
    if value > 9:
        raise ValueError(f"expected at most 9, found {value}")


def raises_again(value: int) -> int:
    try:
        return 1 // value
    except ZeroDivisionError:
        raise


def test_what_a_function_raises_itself_is_found_with_the_code_of_a_refusal() -> None:
    assert list(raised_by(refuses)) == ["InputRefused", "OUT_OF_RANGE", "ValueError"]
    assert not list(raised_by(raises_again))


def test_the_public_names_are_told_in_full() -> None:
    assert not list(problems())
