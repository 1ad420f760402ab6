"""``measurements.sr.dcm``: all that was measured, as a Comprehensive 3D SR after TID 1500 (PS3.16)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes as dictionary

from pipeline.dicom import codes
from pipeline.dicom.identity_out import uid_of
from pipeline.dicom.objects import (
    MANUFACTURER,
    MODEL,
    Origin,
    head_of,
    save,
    settled,
)
from pipeline.dicom.seg import Written
from pipeline.dicom.sr_groups import absent_group, lesion_group, scan_group
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis

SERIES_NUMBER = 9802
DESCRIPTION = "RESEARCH calcinosis measurements"
DEVICE_UID = uid_of("calcinosis-ct")


def write_sr(analysis: Analysis, origin: Origin, seg: Written | None, writing: Writing, file: Path) -> None:
    """Write the burden of the scan, then each lesion, then what is absent on this date.

    Parameters
    ----------
    seg : Written, optional
        The outlines; None where there is no lesion.

    Notes
    -----
    The images that were measured are the evidence of the document. The image library of TID 1500, which may
    be left out, would name them once more, at a third of the time that the document takes.
    """
    report = hd.sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=dictionary.cid100.CTUnspecifiedBodyRegion,
        imaging_measurements=[scan_group(analysis, origin, writing)],
        title=dictionary.cid7021.ImagingMeasurementReport,
    )
    made = _modules(report, origin, writing)
    measurements = made.ContentSequence[-1]
    if seg is not None:
        for lesion in analysis.lesions:
            measurements.ContentSequence.extend(lesion_group(lesion, origin, seg, writing))
    for track in writing.course.absent:
        measurements.ContentSequence.extend(absent_group(track))
    made.CurrentRequestedProcedureEvidenceSequence = Items([_evidence(origin, seg)])
    save(made, file)


def _modules(report: hd.sr.MeasurementReport, origin: Origin, writing: Writing) -> Dataset:
    """The document with the head of its content; highdicom copies all it is given several times."""
    made = hd.sr.Comprehensive3DSR(
        evidence=[origin.plane(0)],
        content=report,
        series_number=SERIES_NUMBER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=DESCRIPTION,
        **head_of(origin, writing),
    )
    dataset = settled(made, origin.context)
    del dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator  # a report has no place
    dataset.CodingSchemeIdentificationSequence = Items([_own_scheme()])
    return dataset


def _observer() -> hd.sr.ObservationContext:
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=DEVICE_UID, name=MODEL, manufacturer_name=MANUFACTURER, model_name=MODEL
    )
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(dictionary.DCM.Device, device)
    )


def _own_scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = codes.OWN_SCHEME
    item.CodingSchemeName = codes.OWN_SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = codes.OWN_SCHEME_NAME
    return item


def _evidence(origin: Origin, seg: Written | None) -> Dataset:
    """The objects that the report refers to, by study and series (PS3.3 C.17.2)."""
    of_study = Dataset()
    of_study.StudyInstanceUID = origin.context.StudyInstanceUID
    series = [_of_series(origin.series_instance_uid, origin.instances())]
    if seg is not None:
        series.append(_of_series(seg.series_instance_uid, {seg.sop_instance_uid: seg.sop_class_uid}))
    of_study.ReferencedSeriesSequence = Items(series)
    return of_study


def _of_series(series_uid: str, instances: Mapping[str, str]) -> Dataset:
    of_series = Dataset()
    of_series.SeriesInstanceUID = series_uid
    items = []
    for uid, class_uid in instances.items():
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = class_uid, uid
        items.append(one)
    of_series.ReferencedSOPSequence = Items(items)
    return of_series
