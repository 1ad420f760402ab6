"""The date of a scan from the first of its images that has one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from pipeline.dicom.acquisition import study_date
from pipeline.dicom.discover import look_at
from pipeline.dicom.tree import Skipped, open_tree


def first_date(path: Path, *, series_uid: str | None = None) -> dt.date | None:
    """The date that the first CT image states, in order of name; None where none does.

    Parameters
    ----------
    series_uid : str, optional
        Look at images of this series only.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE, RESOURCE_LIMIT.
    """
    with open_tree(path) as tree:
        for name in tree.names:
            found = look_at(tree, name)
            for header in [] if isinstance(found, Skipped) else found:
                date = study_date(header.exam)
                if date is not None and series_uid in (None, header.series_instance_uid):
                    return date
    return None
