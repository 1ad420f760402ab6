"""Everything that can go wrong on purpose.

PipelineError
├── UsageError                 wrong call or setting                                exit 2
├── InputRefused               an input that must not be measured, with a code      exit 3
│   └── GeometryError          the grid cannot be trusted                           exit 3
└── OutputError                a result could not be written                        exit 5
"""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """The root of all errors raised on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(PipelineError):
    """The call, an option or a setting is wrong."""

    exit_code = 2


class InputRefused(PipelineError):
    """An input that would give a wrong number, refused by name.

    Parameters
    ----------
    code : str
        Short upper-case code, such as ``MISSING_SLICES``; listed in ``docs/dicom.md``.
    reason : str
        One line: what was expected, what was found, and where. Free of patient text.
    """

    exit_code = 3

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


class GeometryError(InputRefused):
    """A grid that cannot be trusted, or two grids that do not fit together.

    Parameters
    ----------
    reason : str
        As of `InputRefused`.
    code : str
        Where another one says more.
    """

    def __init__(self, reason: str, *, code: str = "BAD_GEOMETRY") -> None:
        super().__init__(code, reason)


class OutputError(PipelineError):
    """A result could not be written, or would overwrite one."""

    exit_code = 5
