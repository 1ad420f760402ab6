"""How SEG and SR are written, beside what they hold; quick to import."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.dicom.course import NOT_FOLLOWED, Course
from pipeline.domain.lesion import Lesion


@dataclass(frozen=True, slots=True)
class Anonymity:
    """How objects are stripped of identity."""

    salt: bytes  #: of the user, so that an object's UIDs are the same each time and lead back to nobody
    dates_moved: bool = False  #: the scan's date is a moved one, and may be told


@dataclass(frozen=True, slots=True)
class Writing:
    """How objects are written, beside what they hold."""

    version: str  #: of this program
    anonymity: Anonymity | None = None  #: None: with the patient's own identity
    course: Course = NOT_FOLLOWED  #: of a comparison that the scan belongs to

    def tracking(self, lesion: Lesion) -> tuple[str, str]:
        """Tracking identifier and UID of a lesion: those of its track where there is one."""
        track = self.course.of_lesion.get(lesion.id)
        if track is None:
            return f"lesion {lesion.id}", lesion.tracking_uid
        return f"track {track.track_id}", track.tracking_uid
