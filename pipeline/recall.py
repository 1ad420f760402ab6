"""What was worked out before from the same things is not worked out again.

A step is a function of values that nobody changes, so its answer follows from what it is given. Whoever looks
at a scan again and again with other settings hands a `Memory` to the workflow; a single run works `afresh`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.image import BoxedMask

P = ParamSpec("P")
T = TypeVar("T")


class Recall(Protocol):
    """Calls a step, or knows its answer."""

    def __call__(self, step: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give the answer of the step."""
        ...


def afresh(step: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the step; nothing is kept."""
    return step(*args, **kwargs)


class Memory:
    """The last answers of steps, up to a number of bytes; what was asked for longest ago goes first.

    Two calls are the same where their settings and numbers are equal, masks in boxes have the same voxels,
    and all other arrays are the very same ones. An answer that comes out as the last one of the same step
    gives way to that one, so that what follows from it is known as well. Arrays of answers are closed for
    writing.

    Parameters
    ----------
    most_bytes : int
        Of the arrays in all answers together.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._last: dict[Hashable, Hashable] = {}
        self._lock = Lock()

    def __call__(self, step: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give the answer of the step, worked out now or before."""
        key = (step, _token(args), _token(tuple(sorted(kwargs.items()))))
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]  # type: ignore[no-any-return]
        answer = step(*args, **kwargs)
        for array in _arrays(answer):
            array.setflags(write=False)
        with self._lock:
            return self._keep(step, key, answer)

    @property
    def held_bytes(self) -> int:
        """Of the arrays in all answers, each counted once."""
        owners = {id(one): one.nbytes for answer in self._answers.values() for one in _owners(answer)}
        return sum(owners.values())

    def _keep(self, step: Hashable, key: Hashable, answer: T) -> T:
        last: T | None = self._answers.get(self._last.get(step))
        answer = last if last is not None and _is_same(answer, last) else answer
        self._answers[key] = answer
        self._last[step] = key
        while len(self._answers) > 1 and self.held_bytes > self.most_bytes:
            self._answers.popitem(last=False)
        return answer


class _Very:
    """An object that equals itself alone, and lives as long as it may be asked for."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Very) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _token(value: object) -> Hashable:
    """What tells a value from others."""
    if isinstance(value, tuple | list):
        return tuple(_token(one) for one in value)
    if isinstance(value, slice):
        return "slice", value.start, value.stop, value.step
    if isinstance(value, BoxedMask):
        digest = hashlib.blake2b(np.ascontiguousarray(value.voxels).data).digest()
        return "mask", _token(value.box), _Very(value.geometry), digest
    if isinstance(value, Mapping):
        return tuple((key, _token(one)) for key, one in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), *(_token(part) for part in _parts(value))
    if isinstance(value, np.ndarray) or not isinstance(value, Hashable):
        return _Very(value)
    return value


def _parts(value: object) -> Iterator[object]:
    """What a value is made of."""
    if is_dataclass(value):
        yield from (getattr(value, field.name) for field in fields(value))
    elif isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, tuple | list):
        yield from value


def _arrays(value: object) -> Iterator[NDArray[Any]]:
    """All arrays in a value, those of cached properties among them."""
    if isinstance(value, np.ndarray):
        yield value
    for part in vars(value).values() if _has_cached(value) else _parts(value):
        yield from _arrays(part)


def _has_cached(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__")


def _owners(value: object) -> Iterator[NDArray[Any]]:
    """The arrays that hold the memory of those in a value."""
    for array in _arrays(value):
        while isinstance(array.base, np.ndarray):
            array = array.base
        yield array


def _is_same(one: object, other: object) -> bool:
    """Whether two answers hold the same, down to the last digit."""
    if one is other or type(one) is not type(other):
        return one is other
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping) and list(one) != list(other):
        return False
    mine, others = list(_parts(one)), list(_parts(other))
    if not mine:
        return bool(one == other)
    return len(mine) == len(others) and all(_is_same(a, b) for a, b in zip(mine, others, strict=True))
