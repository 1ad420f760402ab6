"""Scans measured again and again with other settings, compared, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from pipeline import __version__
from pipeline.config import Settings
from pipeline.domain.analysis import Analysis
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.change import Comparison
from pipeline.domain.outlines import Outlines
from pipeline.domain.scan import Scan
from pipeline.recall import Memory
from pipeline.running.case import case_beside, open_case, with_case_dates
from pipeline.running.inputs import Dates
from pipeline.steps.succession import check_succession, flag_changes
from pipeline.workflow import analyse as analyse_scan
from pipeline.workflow import compare as compare_analyses

BYTES_PER_VOXEL = 42
"""What is remembered of a scan at most: three runs whose bones differ. One takes 12 to 14."""

_memories: WeakKeyDictionary[Scan, Memory] = WeakKeyDictionary()
"""What was worked out of each scan; it goes with the scan."""


def analyse(
    scan: Scan,
    settings: Settings | None = None,
    *,
    anatomy: Anatomy | None = None,
    outlines: Outlines | None = None,
) -> Analysis:
    """Find and measure every soft-tissue calcification of a scan.

    What an earlier call worked out of the same scan is taken again where nothing that it follows from has
    changed; the numbers are those of a first call to the last digit. As long as the scan is kept, up to 42
    bytes for each of its voxels are kept with it; `forget` gives them back.

    Parameters
    ----------
    scan : Scan
        From `read_ct`, `from_array` or `from_sitk`.
    settings : Settings, optional
        The defaults if not given; ``Settings().with_(candidates={"edge_hu": 150})`` changes one.
    anatomy : Anatomy, optional
        Bones and organs on the scan's grid, in place of the built-in skeleton.
    outlines : Outlines, optional
        Lesions as you drew them, in place of those that are found.

    Raises
    ------
    InputRefused
        EMPTY_SCAN where there is no patient in the picture.
    """
    memory = _memories.setdefault(scan, Memory(BYTES_PER_VOXEL * scan.volume.hu.size))
    return analyse_scan(scan, settings, anatomy=anatomy, outlines=outlines, recall=memory)


def forget(scan: Scan) -> None:
    """Give back the memory that looking at a scan took; the scan itself stays.

    Parameters
    ----------
    scan : Scan
        One that was given to `analyse`.
    """
    _memories.pop(scan, None)


def remembered_bytes(scan: Scan) -> int:
    """How much memory looking at a scan takes beside the scan itself, in bytes.

    Parameters
    ----------
    scan : Scan
        One that was given to `analyse`; 0 for any other.
    """
    memory = _memories.get(scan)
    return 0 if memory is None else memory.held_bytes


def compare(
    analyses: Sequence[Analysis],
    settings: Settings | None = None,
    *,
    case: str | Path | None = None,
    same_patient: bool = False,
) -> Comparison:
    """Follow every lesion over two or more scans of one patient.

    Parameters
    ----------
    analyses : sequence of Analysis
        In order of date.
    settings : Settings, optional
        The defaults if not given; of weight are the sections on registration, matching and response.
    case : str or Path, optional
        A case file: what is known of the course beside the scans.
    same_patient : bool
        The scans are of one patient, whatever their headers say.

    Raises
    ------
    UsageError
        With fewer than two.
    InputRefused
        SAME_SCAN, PATIENT_MISMATCH, BAD_DATE or DATES_REVERSED; BAD_CASE or CASE_MISMATCH for the case file.
    """
    told = open_case(None if case is None else Path(case), dates=Dates.KEEP)
    scans = with_case_dates([one.scan for one in analyses], told)
    check_succession([one.acquisition for one in scans], same_patient=same_patient)
    dated = [_beside_first(one, scan, scans[0]) for one, scan in zip(analyses, scans, strict=True)]
    comparison = compare_analyses(dated, settings)
    return replace(comparison, case=case_beside(told, scans, scans))


def _beside_first(analysis: Analysis, scan: Scan, first: Scan) -> Analysis:
    """An analysis with its date, and with flags of what was changed since the first scan."""
    changed = [
        flag for flag in flag_changes(first.acquisition, scan.acquisition) if flag not in analysis.flags
    ]
    return replace(analysis, scan=scan, flags=(*analysis.flags, *changed))


def write(result: Analysis | Comparison, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write what the command writes: tables, masks, pictures, the report; SEG and SR of a scan from DICOM.

    Parameters
    ----------
    result : Analysis or Comparison
        What `measure`, or `compare`, would write.
    folder : str or Path
        Appears whole or not at all.
    overwrite : bool
        Replace results that lie there already.

    Raises
    ------
    OutputError
        If results lie there already, or cannot be written.
    """
    from pipeline.config import FigureSettings
    from pipeline.dicom.writing import Writing
    from pipeline.results.staging import staged_folder
    from pipeline.running.outputs import write_all, write_all_compared

    writing, figures = Writing(__version__), FigureSettings()
    with staged_folder(Path(folder), overwrite=overwrite) as stage:
        if isinstance(result, Comparison):
            write_all_compared(result, stage, figures, writing)
        else:
            write_all(result, stage, figures, writing)
    return Path(folder)
