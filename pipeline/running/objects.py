"""Whether and how objects for the archive are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.errors import UsageError
from pipeline.running.inputs import Dates

if TYPE_CHECKING:
    from pipeline.dicom.writing import Writing
    from pipeline.domain.change import Comparison


def way_of_writing(*, no_dicom: bool, deidentify: bool, dates: Dates) -> Writing | None:
    """How to write objects; None where they are not wanted.

    Dates of their own would part the objects from the study they belong to, and beside the patient's name
    they would hide nothing: so objects without the true dates are without identity.

    Raises
    ------
    UsageError
        Where there is no salt to make new UIDs with.
    """
    if no_dicom:
        return None
    from pipeline.dicom.identity import config_folder, load_salt
    from pipeline.dicom.writing import Anonymity, Writing

    if not deidentify and dates is Dates.KEEP:
        return Writing(__version__)
    salt = load_salt(config_folder())
    if salt is None:
        raise UsageError("the folder for settings cannot be written, which new UIDs need: give --no-dicom")
    return Writing(__version__, Anonymity(salt, dates_moved=dates is Dates.SHIFT))


def of_time_point(writing: Writing | None, comparison: Comparison, index: int) -> Writing | None:
    """The same, with what became of the lesions on one date of a comparison."""
    if writing is None:
        return None
    from pipeline.dicom.course import course_at

    return replace(writing, course=course_at(comparison, index))
