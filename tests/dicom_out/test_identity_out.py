"""Whatever a header says, objects can be written, and what was written is valid."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from pipeline.dicom.identity_out import composite_context, content_moment
from pipeline.dicom.source import STUDY_TAGS
from pipeline.domain.orientation import AxisOrder
from pipeline.domain.scan import Acquisition, Scan
from pipeline.domain.source import Source
from tests.builders import centred_grid, ct

GEOMETRY = centred_grid((2, 3, 4))
STUDY_UID = b"1.2.3"


def scan_saying(header: dict[int, bytes]) -> tuple[Scan, Source]:

    source = Source(
        (), AxisOrder((0, 1, 2), (False,) * 3), {STUDY_TAGS["StudyInstanceUID"]: STUDY_UID} | header
    )
    return Scan(ct(np.zeros(GEOMETRY.shape), GEOMETRY), Acquisition(study_date=dt.date(2020, 1, 1))), source


OTHERS = [tag for name, tag in STUDY_TAGS.items() if name != "StudyInstanceUID"]
TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(str.encode),
    st.sampled_from([b"20201332", b"2020.02.30", b"256199", b"ISO 2022 IR 87", b"\\\\\\", b"==^^", b"XXXY"]),
)


@given(st.dictionaries(st.sampled_from(OTHERS), TEXTS))
def test_any_header_gives_elements_that_can_be_written_and_read(header: dict[int, bytes]) -> None:
    d = composite_context(*scan_saying(header), None)
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.file_meta.MediaStorageSOPClassUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    file = BytesIO()
    d.save_as(file, enforce_file_format=True)
    file.seek(0)
    back = dcmread(file)
    for element in back:
        assert not any(ord(c) < 32 for c in str(element.value))
    date, time = content_moment(d)
    assert dt.datetime.strptime(date, "%Y%m%d")
    assert 2 <= len(time) <= 13


@pytest.mark.parametrize(
    ("raw", "date"),
    [(b"20201332", ""), (b"20200230", ""), (b"2020.04.11", "20200411"), (b"20200411 ", "20200411")],
)
def test_a_date_that_is_none_is_left_empty(raw: bytes, date: str) -> None:
    assert composite_context(*scan_saying({STUDY_TAGS["StudyDate"]: raw}), None).StudyDate == date
