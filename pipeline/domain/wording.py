"""Measures in words: the same unit and the same digits in every sentence, table and picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.domain.lesion import Interval

CM_FROM_MM = 10.0
ML_FROM_MM3 = 1000.0
TENTHS_BELOW_MM3 = 9.95
TENTHS_FROM_ML = 0.05
TO = " → "


def volume_text(volume_mm3: float, *, in_ml: bool | None = None) -> str:
    """A volume as a radiologist writes it: millilitres from one upwards, else mm³.

    Parameters
    ----------
    in_ml : bool, optional
        The unit of what stands beside it, where there is something.
    """
    in_ml = is_in_ml([volume_mm3]) if in_ml is None else in_ml
    return f"{_number(volume_mm3, in_ml=in_ml)} {'mL' if in_ml else 'mm³'}"


def is_in_ml(volumes_mm3: Iterable[float]) -> bool:
    """Whether volumes that stand beside each other are told in millilitres: by the largest."""
    return max(volumes_mm3, default=0.0) >= ML_FROM_MM3


def change_of_volume_text(volumes_mm3: Sequence[float]) -> str:
    """Volumes one after the other, in one unit."""
    in_ml = is_in_ml(volumes_mm3)
    return TO.join(volume_text(one, in_ml=in_ml) for one in volumes_mm3)


def interval_text(volume_mm3: Interval, *, in_ml: bool | None = None) -> str:
    """A volume, with its limits in the same unit where they are known."""
    in_ml = is_in_ml([volume_mm3.value]) if in_ml is None else in_ml
    text = volume_text(volume_mm3.value, in_ml=in_ml)
    if volume_mm3.lower is None or volume_mm3.upper is None:
        return text
    lower, upper = (_number(limit, in_ml=in_ml) for limit in (volume_mm3.lower, volume_mm3.upper))
    return f"{text} ({lower} to {upper})"


def _number(volume_mm3: float, *, in_ml: bool) -> str:
    if in_ml:
        ml = volume_mm3 / ML_FROM_MM3
        return f"{ml:.1f}" if ml >= TENTHS_FROM_ML else f"{ml:.3f}".rstrip("0").rstrip(".")
    return f"{volume_mm3:.1f}" if 0 < volume_mm3 < TENTHS_BELOW_MM3 else f"{volume_mm3:.0f}"


def length_text(length_mm: float) -> str:
    """Centimetres from one upwards, else millimetres."""
    return f"{length_mm / 10:.1f} cm" if round(length_mm) >= CM_FROM_MM else f"{length_mm:.0f} mm"


def pair_text(long_mm: float, short_mm: float) -> str:
    """Two diameters in one unit."""
    if round(long_mm) >= CM_FROM_MM:
        return f"{long_mm / 10:.1f} × {short_mm / 10:.1f} cm"
    return f"{long_mm:.0f} × {short_mm:.0f} mm"


def counted(number: int, thing: str) -> str:
    """A number of things, in the singular for one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
