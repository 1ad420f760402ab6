"""Settings of how a lesion is measured."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.section import Section


class VolumeSettings(Section):
    """Volumes corrected for partial volume, and their limits."""

    blur_mm: float = Field(0.65, ge=0.2, le=2)
    """Gaussian sigma of the blur in a slice where the scan shows no edge against air to take it from."""
    blur_share_known: float = Field(0.03, ge=0, le=0.5)
    """Standard deviation of the blur, as a share of it, where it was taken from the skin;"""
    blur_share_unknown: float = Field(0.2, ge=0, le=0.6)
    """and where it was not."""
    background_mm: float = Field(3.0, ge=1, le=15)
    """Thickness of the shell around the lesion's blur that tells the tissue it lies in."""
    block_mm: float = Field(40.0, ge=15, le=200)
    """What is larger is measured in blocks of about this side, each with its own density."""
    widen: float = Field(1.0, ge=0.5, le=5)
    """Factor on the width of all limits."""
