"""What a reconstruction kernel is made for, by the makers' ways of naming.

DICOM gives Convolution Kernel (0018,1210) no vocabulary: Siemens and Canon count, GE and United Imaging
use words, Philips letters.
"""

from __future__ import annotations

import re
from typing import Literal

KernelKind = Literal["soft", "sharp", "unknown"]

SHARP_WORDS = frozenset(
    ("BONE", "BONEPLUS", "BONE+", "BONE2", "EDGE", "LUNG", "LUNG2", "ULTRA", "SHARP", "SHARPER", "EAR")
)
"""For bone and lung: GE's names, and words within longer names, as in B_SHARP_C of United Imaging."""

SOFT_WORDS = frozenset(
    ("SOFT", "STANDARD", "STND", "STD", "DETAIL", "CHEST", "SMOOTH", "SMOOTHER", "BODY", "BRAIN")
)
"""GE's names for organs, and such words within longer names."""

PHILIPS_SHARP = re.compile(r"[DEL]|Y[A-E]")
PHILIPS_SOFT = re.compile(r"[ABC]|U[ABC]|XC[ABC]")

CANON = re.compile(r"FC(\d{2})")
CANON_SHARP_FROM = 30
"""FC01 to FC29 are for the body and the head, FC30 for bone, FC50 for lung, FC80 for the inner ear."""

SIEMENS = re.compile(r"[A-Z]{1,2}(\d{2})[A-Z]?\b")
SIEMENS_SHARP_FROM = 50
"""B10 to B46, and Br36 to Br48, are for organs; from 50 on for the spine, joints and lung (operating
instructions of the Somatom Sensation, body kernels)."""


def kernel_kind(kernel: str) -> KernelKind:
    """Whether a kernel is made for soft tissue, or for bone or lung: then edges overshoot and noise is high.

    Parameters
    ----------
    kernel : str
        The element as it stands; of several values the first is the kernel.
    """
    name = kernel.split("\\")[0].strip().upper()
    for counted, sharp_from in ((CANON, CANON_SHARP_FROM), (SIEMENS, SIEMENS_SHARP_FROM)):
        if match := counted.match(name):
            return "sharp" if int(match[1]) >= sharp_from else "soft"
    words = set(re.split(r"[\s_/-]+", name))
    if words & SHARP_WORDS or PHILIPS_SHARP.fullmatch(name):
        return "sharp"
    if words & SOFT_WORDS or PHILIPS_SOFT.fullmatch(name):
        return "soft"
    return "unknown"
