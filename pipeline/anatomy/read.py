"""Read the anatomy that the user brings, for one scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.anatomy.carry import carry_labels, require_cover, require_fit
from pipeline.anatomy.names import names_in_header, read_names
from pipeline.domain.anatomy import Anatomy, anatomy_from
from pipeline.domain.image import LabelMap
from pipeline.domain.scan import Scan
from pipeline.errors import InputRefused
from pipeline.nifti import SUFFIXES, read_label_map


def read_anatomy(path: Path, names: Path | None, scan: Scan) -> Anatomy:
    """Read a label map (NIfTI, or DICOM SEG) and carry it to the grid of a scan.

    Names come from `names` if given, else from the header extension of the NIfTI file or from the
    segments of the SEG. They are never guessed from the values.

    Raises
    ------
    InputRefused
        ANATOMY_NAMES where the labels have no names; ANATOMY_MISMATCH where the map belongs to
        another place; else as the readers of NIfTI and DICOM say.
    """
    given = read_names(names) if names is not None else None
    if path.name.lower().endswith(SUFFIXES):
        labels = _nifti_labels(path, given)
    else:
        labels = _seg_labels(path, given, scan.acquisition.frame_of_reference_uid)
    require_cover(scan.volume, labels.geometry)
    anatomy = anatomy_from(carry_labels(labels, scan.volume.geometry))
    require_fit(scan.volume, anatomy)
    return anatomy


def _nifti_labels(path: Path, given: Mapping[int, str] | None) -> LabelMap:
    labels = read_label_map(path, given or {})
    if given is not None:
        return labels
    found = names_in_header(path)
    if not found:
        raise InputRefused("ANATOMY_NAMES", "the file names none of its labels: give --names")
    return LabelMap(labels.values, labels.geometry, found)


def _seg_labels(path: Path, given: Mapping[int, str] | None, frame_of_reference_uid: str | None) -> LabelMap:
    from pipeline.dicom.seg_read import read_seg

    labels = read_seg(path, frame_of_reference_uid=frame_of_reference_uid)
    return labels if given is None else LabelMap(labels.values, labels.geometry, given)
