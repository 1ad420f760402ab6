"""What a batch is asked to do: a job for each patient, and the patients it must refuse at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.running.inputs import ScanInput


@dataclass(frozen=True, slots=True)
class PatientJob:
    """The scans of one patient, to be measured and compared."""

    key: str  #: unique, also where names of files ignore case; safe as the name of a folder
    scans: tuple[ScanInput, ...]  #: at least one, in order of date
    case: Path | None = None

    def __post_init__(self) -> None:
        if not self.scans:
            raise ValueError(f"a patient without scans: {self.key}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A patient who cannot be measured, known before anything is read of the images."""

    key: str
    code: str  #: as in docs/dicom.md
    message: str  #: one line, free of patient text and of names of files


@dataclass(frozen=True, slots=True)
class Plan:
    """Every patient of a manifest or a tree; no key occurs twice."""

    jobs: tuple[PatientJob, ...]  #: in order of key
    refusals: tuple[Refusal, ...] = ()  #: in order of key
    notes: tuple[str, ...] = ()  #: what was left aside, in words that hold no patient text

    def __post_init__(self) -> None:
        keys = [one.key.casefold() for one in self.jobs] + [one.key.casefold() for one in self.refusals]
        if len(set(keys)) != len(keys):
            raise ValueError("a plan names a patient twice")
