"""Results that lead back to nobody's archive: UIDs of the source replaced, as in stripped SEG and SR."""

from __future__ import annotations

from dataclasses import replace

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison


def without_source_uids(analysis: Analysis) -> Analysis:
    """The same results under UIDs that stand for the source's (PS3.15 table E.1-1, action U).

    They are those of the stripped objects, the same for the same. Without a salt there are none.
    """
    how = analysis.scan.acquisition
    study, series, frame = (
        _other(uid) for uid in (how.study_instance_uid, how.series_instance_uid, how.frame_of_reference_uid)
    )
    shown = replace(how, study_instance_uid=study, series_instance_uid=series, frame_of_reference_uid=frame)
    return replace(analysis, scan=replace(analysis.scan, acquisition=shown))


def compared_without_source_uids(comparison: Comparison) -> Comparison:
    """The same for every date."""
    return replace(comparison, analyses=tuple(without_source_uids(one) for one in comparison.analyses))


def _other(uid: str | None) -> str | None:
    from pipeline.dicom.identity import config_folder, load_salt
    from pipeline.dicom.identity_out import replaced_uid

    salt = load_salt(config_folder())
    return replaced_uid(uid, salt) if uid and salt is not None else None
