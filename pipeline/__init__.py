"""Soft-tissue calcification on CT: found, measured and followed. Research use, not a medical device."""

from __future__ import annotations

__version__ = "0.1.0"
