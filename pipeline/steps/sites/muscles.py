"""From the names of a user's label map to the regions of a lesion."""

from __future__ import annotations

import re

REGION_OF_WORDS: tuple[tuple[str, str], ...] = (
    (r"obt\w* int\w*|(internal|internus) obturator", "obturator_internus"),
    (r"obt\w* ext\w*|(external|externus) obturator", "obturator_externus"),
    (r"quadratus femoris|ischio ?femoral", "ischiofemoral_space"),
    (r"quadratus lumborum|erector|autochthon\w*|multifidus|iliocostalis|longissimus|latissimus|paraspinal"
     r"|transversospinal\w*|spinalis", "paraspinal"),
    (r"rectus abdominis|obliques?|transvers\w* abdominis|abdominal wall", "abdominal_wall"),
    (r"piriformis|gemell\w+", "gluteal_deep"),
    (r"glut\w*|g(max|med|min)|^(medius|minimus)$", "gluteal_superficial"),
    (r"iliopsoas|psoas|iliacus", "iliopsoas"),
    (r"gastrocnemius|soleus|tibialis|peroneus|fibularis|plantaris|(leg|calf).* compartment", "leg"),
    (r"adductors?|pectineus|gracilis|thigh medial|medial (compartment|thigh)", "adductor_compartment"),
    (r"hamstrings?|biceps femoris|semimembranosus|semitendinosus|thigh posterior"
     r"|posterior (compartment|thigh)", "posterior_thigh"),
    (r"quadriceps|rectus femoris|vast(us|i)|sartorius|tensor fasciae?|thigh anterior"
     r"|anterior (compartment|thigh)", "anterior_thigh"),
    (r"popliteus|popliteal", "popliteal"),
    (r"levator ani|pelvic floor|perine\w+|coccygeus|sphincter", "perineum"),
    (r"bladder|rectum|sigmoid|prostate|uterus|ovar(y|ies)|vagina", "pelvic_cavity"),
)  # fmt: skip
"""Which region a structure belongs to, by words of its name; the first that fits."""


def region_of_structure(name: str) -> str | None:
    """The region that a structure of a label map lies in, by its name; None where the name does not tell.

    Underscores, hyphens and points part words, as in ``gluteus_maximus_left``.
    """
    words = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    return next(
        (region for pattern, region in REGION_OF_WORDS if re.search(rf"\b({pattern})\b", words)), None
    )


def side_of_structure(name: str) -> str | None:
    """Left or right, where the name says so."""
    words = set(re.findall(r"[a-z]+", name.lower()))
    sides = words & {"left", "right"}
    return sides.pop() if len(sides) == 1 else None
