"""Codes of regions, where a sure one is known; none is guessed.

SNOMED CT has no concept for the ischiofemoral space or the obturator internus that could be verified; both
carry the code of the hip region.
"""

from __future__ import annotations

BUTTOCK = "SCT 46862004"
HIP_REGION = "SCT 29836001"
THIGH = "SCT 68367000"

CODE_OF_STRUCTURE = {
    "gluteus maximus": "SCT 181674001",
    "gluteus medius": "SCT 78333006",
    "gluteus minimus": "SCT 75297007",
}
CODE_OF_REGION = {
    "ischiofemoral_space": HIP_REGION,
    "obturator_internus": HIP_REGION,
    "obturator_externus": HIP_REGION,
    "greater_trochanteric": HIP_REGION,
    "gluteal_superficial": BUTTOCK,
    "gluteal_deep": BUTTOCK,
    "hamstring_origin": BUTTOCK,
    "hip_joint": "SCT 24136001",
    "iliopsoas": "SCT 68455001",
    "inguinal": "SCT 26893007",
    "adductor_compartment": THIGH,
    "anterior_thigh": THIGH,
    "posterior_thigh": THIGH,
    "pelvic_cavity": "SCT 816092008",
}


def code_of(region: str | None, structure: str | None) -> str | None:
    """The code of a structure if there is a sure one, else of its region, else None."""
    words = (structure or "").lower().replace("_", " ")
    named = next((code for name, code in CODE_OF_STRUCTURE.items() if name in words), None)
    return named or CODE_OF_REGION.get(region or "")
