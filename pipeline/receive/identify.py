"""Which study and image a received file holds, by keys alone."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.dicom.acquisition import parse_date
from pipeline.dicom.enhanced import ENHANCED_CT
from pipeline.dicom.headers import CT_IMAGE, TAGS
from pipeline.dicom.identity import keyed_hash
from pipeline.dicom.parse import MAGIC, PREAMBLE_BYTES, Fields, parse_header
from pipeline.dicom.source import STUDY_TAGS
from pipeline.errors import InputRefused

CT_CLASSES = (CT_IMAGE, *ENHANCED_CT)
GROUP_LENGTH_BYTES = 12
"""The first element of the meta information: tag, kind, length, and the bytes that follow it."""
CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One image that came. Keys and names are salted hashes, and lead back to nobody."""

    study: str  #: key of patient and study together
    patient: str | None  #: None where the file names no patient
    birth: str | None
    sex: str
    date: dt.date | None
    image: str  #: of the SOP Instance UID
    sop_instance_uid: str  #: only to be compared with what the sender said


def identify(path: Path, salt: bytes) -> Arrival:
    """Read what a file says of itself.

    Raises
    ------
    InputRefused
        UNREADABLE, RESOURCE_LIMIT; BAD_UID without valid UIDs; WRONG_CLASS for what is no CT.
    """
    wanted = (*TAGS.values(), *STUDY_TAGS.values())
    with path.open("rb") as stream:
        fields = parse_header(stream, wanted)
    if fields is None:
        raise InputRefused("UNREADABLE", "a received object is not DICOM")
    if fields.uid(TAGS["SOPClassUID"]) not in CT_CLASSES:
        raise InputRefused("WRONG_CLASS", "a received object is no CT image")
    study, image = fields.uid(TAGS["StudyInstanceUID"]), fields.uid(TAGS["SOPInstanceUID"])
    if not (study and image and fields.uid(TAGS["SeriesInstanceUID"])):
        raise InputRefused("BAD_UID", "a received image, its series or its study has no valid UID")
    return _arrival(fields, study, image, salt)


def _arrival(fields: Fields, study: str, image: str, salt: bytes) -> Arrival:
    patient = fields.text(TAGS["PatientID"])
    birth = fields.text(TAGS["PatientBirthDate"]).replace(".", "")
    sex = fields.text(TAGS["PatientSex"]).upper()
    return Arrival(
        study=_key(f"{patient}\0{study}", salt, kind="study"),
        patient=keyed_hash(patient, salt, kind="patient"),
        birth=keyed_hash(birth, salt, kind="birth"),
        sex=sex if sex in ("F", "M", "O") else "",
        date=parse_date(fields.text(TAGS["StudyDate"])) or parse_date(fields.text(TAGS["AcquisitionDate"])),
        image=_key(image, salt, kind="image"),
        sop_instance_uid=image,
    )


def _key(text: str, salt: bytes, *, kind: str) -> str:
    key = keyed_hash(text, salt, kind=kind)
    if key is None:
        raise InputRefused("BAD_UID", "a received image has no identifier")
    return key


def dataset_start(path: Path) -> int:
    """Where the dataset begins, after preamble and meta information (PS3.10 7.1)."""
    with path.open("rb") as stream:
        stream.seek(PREAMBLE_BYTES + len(MAGIC))
        head = stream.read(GROUP_LENGTH_BYTES)
        return stream.tell() + int.from_bytes(head[8:], "little")


def content_hash(path: Path, transfer_syntax_uid: str) -> str:
    """16 hexadecimal digits of how an image is written and of its dataset."""
    digest = hashlib.sha256(transfer_syntax_uid.encode())
    with path.open("rb") as stream:
        stream.seek(dataset_start(path))
        while block := stream.read(CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:16]
