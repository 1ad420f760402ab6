"""Whether all that `import pipeline` offers is told in full: ``python -m docs.docstrings``, in `make check`.

Functions and methods by numpydoc's checks, and what they raise themselves is in the text, refusals with
their codes; of values, every field has a comment or text of its own, and so has every setting.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator

from numpydoc.validate import validate
from sphinx.pycode import ModuleAnalyzer

import pipeline
from docs.made.sections import fields

CHECKS = {
    *("GL03", "GL06", "GL07", "GL08", "GL10"),  # sections, and that there is a text at all
    *("SS01", "SS02", "SS03", "SS04"),  # a summary: a sentence of its own
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR10"),  # parameters
    *("RT02", "RT03", "YD01"),  # what comes back, where a section tells it
}
"""Not: capitals and endings of verbs, a full stop after each description, sections for their own sake."""


def problems() -> Iterator[str]:
    """One line for each."""
    for name in pipeline.__all__:
        thing = getattr(pipeline, name)
        if inspect.isclass(thing):
            yield from _of_class(f"pipeline.{name}", thing)
        elif not name.startswith("_"):
            yield from _of_function(f"pipeline.{name}", thing)
    for section, field in pipeline.Settings.model_fields.items():
        for name, _, _, meaning in fields(type(field.default)):
            if not meaning:
                yield f"setting {section}.{name}: nothing says what it is"


def _of_class(path: str, thing: type) -> Iterator[str]:
    is_value = dataclasses.is_dataclass(thing) or hasattr(thing, "model_fields")
    yield from _of(path, CHECKS - {"PR01"} if is_value else CHECKS)
    for name, member in vars(thing).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield from _of_function(f"{path}.{name}", member.fget if isinstance(member, property) else member)
    if dataclasses.is_dataclass(thing):
        told = ModuleAnalyzer.for_module(thing.__module__).find_attr_docs()
        for field in dataclasses.fields(thing):
            if (thing.__name__, field.name) not in told:
                yield f"{path}.{field.name}: nothing says what it is"


def _of_function(path: str, function: Callable[..., object]) -> Iterator[str]:
    yield from _of(path, CHECKS)
    told = inspect.getdoc(function) or ""
    for name in raised_by(function):
        if name not in told:
            yield f"{path}: raises {name}, and does not say when"


def raised_by(function: Callable[..., object]) -> Iterator[str]:
    """Names of the exceptions that a function raises itself, and codes of its refusals."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    for one in ast.walk(tree):
        if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call):
            yield ast.unparse(one.exc.func).rpartition(".")[2]
            first = one.exc.args[0] if one.exc.args else None
            if isinstance(first, ast.Constant) and str(first.value).isupper():
                yield str(first.value)


def _of(path: str, checks: set[str]) -> Iterator[str]:
    for code, words in validate(path)["errors"]:
        if code in checks:
            yield f"{path}: {code} {words}"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join([*found, f"{len(found)} problem(s) in the docstrings of the public names"]))
    sys.exit(bool(found))
