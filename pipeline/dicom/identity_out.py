"""Whose the written objects are: as the source says, or nobody's (PS3.15 annex E, Basic Profile).

Nothing of the source reaches an object but the elements named here, so that stripping them is all there is
to do: everything else in SEG and SR is our own text, numbers and codes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
import uuid
import warnings
from collections.abc import Callable

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.valuerep import TEXT_VR_DELIMS, PersonName

from pipeline.dicom.acquisition import parse_date
from pipeline.dicom.source import STUDY_TAGS
from pipeline.dicom.writing import Anonymity
from pipeline.domain.scan import Scan
from pipeline.domain.source import Source

PATTERNS = {
    "TM": r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?",
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9 _]{0,16}",
    "UI": r"[0-9.]{1,64}",
}
"""Values that a strict reader would stumble over are left empty (PS3.5 6.2)."""
LENGTHS = {"LO": 64, "SH": 16, "PN": 194}
NO_DATE, NO_TIME = "19000101", "000000"
"""For dates that must be there and are not known, or must not be told."""
UID_DIGITS = 38
LEAST_NUMBER = 10 ** (UID_DIGITS - 1)
"""A UUID has up to 39 digits as a number; those of 38 that begin with 1 leave 123 of its 128 bits."""
DEIDENTIFIED = "Basic Profile of PS3.15 annex E"


def composite_context(scan: Scan, source: Source, anonymity: Anonymity | None) -> Dataset:
    """The elements of patient, study and frame of reference that every object of a scan shares.

    What an Anonymity does is the Basic Profile of PS3.15 table E.1-1 on the elements of `STUDY_TAGS`:
    names, identifiers, dates, age, sex and descriptions go (actions X, Z); UIDs are replaced, the same one
    by the same one (action U); the patient's key stands in for name and identifier.
    """
    told = _decoded(source)
    d = Dataset()
    d.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"):
        setattr(d, keyword, "")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(d, keyword, "")
    d.PositionReferenceIndicator = ""
    frame = scan.acquisition.frame_of_reference_uid or uid_of(f"frame/{told.StudyInstanceUID}")
    uids = uid_mapper(anonymity)
    d.StudyInstanceUID, d.FrameOfReferenceUID = uids(told.StudyInstanceUID), uids(frame)
    if anonymity is None:
        del told.StudyInstanceUID
        d.update(told)
        return d
    d.PatientName = d.PatientID = scan.acquisition.patient_key or "anonymous"
    date = scan.acquisition.study_date if anonymity.dates_moved else None
    d.StudyDate = f"{date:%Y%m%d}" if date else ""
    _say_deidentified(d, dates_moved=anonymity.dates_moved)
    return d


def _say_deidentified(d: Dataset, *, dates_moved: bool) -> None:
    methods = [codes.DCM.BasicApplicationConfidentialityProfile]
    if dates_moved:
        methods.append(
            Code("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option")
        )
    d.PatientIdentityRemoved = "YES"
    d.DeidentificationMethod = DEIDENTIFIED
    d.DeidentificationMethodCodeSequence = Items([_code_item(one) for one in methods])
    d.LongitudinalTemporalInformationModified = "MODIFIED" if dates_moved else "REMOVED"


def _code_item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code[0], code[1], code[2]
    return item


def content_moment(context: Dataset) -> tuple[str, str]:
    """Date and time that an object says it was made: the study's, so that a repeated run writes the same."""
    date = str(context.StudyDate or "") or NO_DATE
    return date, str(context.StudyTime or "") or NO_TIME


def uid_of(name: str) -> str:
    """A UID derived from a text (PS3.5 B.2), always of the same length."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    number = uuid.uuid5(uuid.NAMESPACE_OID, digest).int
    return f"2.25.{LEAST_NUMBER + number % LEAST_NUMBER}"


def uid_mapper(anonymity: Anonymity | None) -> Callable[[str], str]:
    """How UIDs of the source are written: as they are, or each as another one."""
    if anonymity is None:
        return lambda uid: uid
    salt = anonymity.salt
    return lambda uid: replaced_uid(uid, salt)


def replaced_uid(uid: str, salt: bytes) -> str:
    """The UID that stands for another one; it leads back for nobody without the salt."""
    return uid_of(hmac.new(salt, f"uid\0{uid}".encode(), hashlib.sha256).hexdigest())


def _decoded(source: Source) -> Dataset:
    """The kept texts in Unicode; what breaks the rules of its kind is left out."""
    d = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of character sets that nobody knows
        sets = source.header.get(STUDY_TAGS["SpecificCharacterSet"], b"").decode("ascii", "replace")
        encodings = convert_encodings([one.strip(" \0") for one in sets.split("\\")])
        for keyword, tag in STUDY_TAGS.items():
            if tag in source.header and keyword != "SpecificCharacterSet":
                setattr(d, keyword, _text(source.header[tag], dictionary_VR(tag), encodings))
    return d


def _text(raw: bytes, vr: str, encodings: list[str]) -> str:
    """A value in Unicode without control characters; empty where it breaks a rule of its kind."""
    raw = raw.strip(b" \0")
    if vr == "DA":
        text = raw.decode("ascii", "replace")
        return "" if parse_date(text) is None else text.replace(".", "")
    if vr == "PN":
        text = str(PersonName(raw, encodings).decode())
    elif vr in LENGTHS:
        text = decode_bytes(raw, encodings, TEXT_VR_DELIMS)
    else:
        text = raw.decode("ascii", "replace")
        return text if re.fullmatch(PATTERNS[vr], text, re.ASCII) else ""
    visible = "".join(c for c in text if unicodedata.category(c)[0] != "C" and c != "\\")
    return visible[: LENGTHS[vr]]
