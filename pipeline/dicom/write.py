"""The objects for the archive: ``lesions.seg.dcm`` and ``measurements.sr.dcm`` of one scan."""

from __future__ import annotations

from pathlib import Path

from pipeline.dicom.objects import Origin
from pipeline.dicom.seg import write_seg
from pipeline.dicom.sr import write_sr
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis

SEG_NAME, SR_NAME = "lesions.seg.dcm", "measurements.sr.dcm"


def write_objects(analysis: Analysis, folder: Path, writing: Writing) -> None:
    """Write the outlines, where there are any, and the measurements, also where there is nothing to measure.

    Nothing is written of a scan that did not come from DICOM images.
    """
    source = analysis.scan.source
    if source is None:
        return
    origin = Origin.of(analysis, source, writing)
    seg = write_seg(analysis, origin, writing, folder / SEG_NAME) if analysis.lesions else None
    write_sr(analysis, origin, seg, writing, folder / SR_NAME)
