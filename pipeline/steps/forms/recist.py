"""Whether a lesion can be a target of RECIST 1.1.

Source: Eisenhauer et al., Eur J Cancer 2009;45:228: the longest diameter in the axial plane counts, from
10 mm on where slices are 5 mm or thinner, else from twice their thickness on.
"""

from __future__ import annotations

from pipeline.domain.lesion import MULTIPLE, Morphology, Size

LEAST_MM = 10.0
THIN_SLICE_MM = 5.0
SLICES = 2.0
WRAPS_MM = 60.0
"""A longer shell is no calcified cyst: it wraps a part of the body. Ours."""


def is_recist_measurable(
    size: Size, morphology: Morphology | None, region: str | None, *, slice_thickness_mm: float
) -> bool:
    """Whether it is long enough, and of a form with a diameter that means something.

    A sheet, a net, a shell that wraps and what runs through several regions have none.
    """
    if morphology in ("sheet", "reticular") or region == MULTIPLE:
        return False
    if morphology == "shell" and size.diameter_3d_mm > WRAPS_MM:
        return False
    thin = slice_thickness_mm <= THIN_SLICE_MM
    return size.axial.long_axis_mm >= (LEAST_MM if thin else SLICES * slice_thickness_mm)
