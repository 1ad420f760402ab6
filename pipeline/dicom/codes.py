"""Codes that SEG and SR are written with; none is guessed (PS3.16, SNOMED CT, UCUM, IBSI)."""

from __future__ import annotations

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from pipeline.domain.lesion import Side

OWN_SCHEME = "99CALCINOSIS"
"""What no public scheme has a sure code for; private schemes begin with 99 (PS3.16, 8.1)."""
OWN_SCHEME_NAME = "calcinosis-ct"

CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
CALCIFICATION = Code("18115005", "SCT", "Pathologic calcification")
ALGORITHM_FAMILY = codes.cid7162.MorphologicalOperations

MM = Code("mm", "UCUM", "mm")
MM3 = Code("mm3", "UCUM", "mm3")
HU = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
MG = Code("mg", "UCUM", "mg")
ONE = Code("1", "UCUM", "no units")

VOLUME = Code("118565006", "SCT", "Volume")
VOXEL_VOLUME = Code("YEKZ", "IBSI", "Volume (voxel counting)")
MESH_VOLUME = Code("RNU0", "IBSI", "Volume (mesh)")
DIAMETER_3D = Code("L0JK", "IBSI", "Maximum 3D diameter")
LONG_AXIS = Code("103339001", "SCT", "Long Axis")
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
PLANE_AXES = {
    plane: (
        Code(f"{plane}_long_axis", OWN_SCHEME, f"Long axis in the {plane} plane"),
        Code(f"{plane}_short_axis", OWN_SCHEME, f"Short axis in the {plane} plane"),
    )
    for plane in ("coronal", "sagittal")
}
"""Names of their own: readers that take each NUM by its name would pass over a plane that modifies it, and
take a coronal axis for the axial one that RECIST goes by."""
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
MEAN = Code("373098007", "SCT", "Mean")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MAXIMUM = Code("56851009", "SCT", "Maximum")
P95 = Code("p95", OWN_SCHEME, "95th percentile")
CALCIUM_MASS = Code("122661", "DCM", "Calcium Mass")
CALCIUM_SCORE = Code("112058", "DCM", "Calcium score")
AGATSTON = Code("112055", "DCM", "Agatston scoring method")
LESION_COUNT = Code("111038", "DCM", "Number of calcifications")
INDETERMINATE_VOLUME = Code("indeterminate_volume", OWN_SCHEME, "Volume of indeterminate lesions")
DETECTION_LIMIT = Code("detection_limit", OWN_SCHEME, "Smallest volume that would have been seen")

UNCERTAINTY_UP = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
UNCERTAINTY_DOWN = Code("371885007", "SCT", "-, range of lower measurement uncertainty")

PRESENCE = Code("121052", "DCM", "Presence of property")
PRESENT = Code("52101004", "SCT", "Present")
ABSENT = Code("272519000", "SCT", "Absent")
UNDETERMINED = Code("121059", "DCM", "Presence Undetermined")
RESPONSE = Code("112048", "DCM", "Current Response")
COURSE = Code("course", OWN_SCHEME, "Course since the scan before")
STATUS = Code("status", OWN_SCHEME, "Certainty that it is soft-tissue calcification")
DEPTH = Code("depth", OWN_SCHEME, "Layer")
REGION = Code("region", OWN_SCHEME, "Region")
MORPHOLOGY = Code("morphology", OWN_SCHEME, "Form")
OUTLINED_BY = Code("outlined_by", OWN_SCHEME, "Outlined by")

SITES = {
    "SCT 46862004": Code("46862004", "SCT", "Buttock"),
    "SCT 29836001": Code("29836001", "SCT", "Hip region"),
    "SCT 68367000": Code("68367000", "SCT", "Thigh"),
    "SCT 181674001": Code("181674001", "SCT", "Gluteus maximus muscle"),
    "SCT 78333006": Code("78333006", "SCT", "Gluteus medius muscle"),
    "SCT 75297007": Code("75297007", "SCT", "Gluteus minimus muscle"),
    "SCT 24136001": Code("24136001", "SCT", "Hip joint"),
    "SCT 68455001": Code("68455001", "SCT", "Iliopsoas muscle"),
    "SCT 26893007": Code("26893007", "SCT", "Inguinal region"),
    "SCT 816092008": Code("816092008", "SCT", "Pelvis"),
}
"""The codes that `Site.code` may hold, with their meanings."""
SIDES: dict[Side, Code] = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
}
"""The midline has no side: it carries no laterality."""

SEGMENTATION = codes.DCM.SegmentationImageDerivation
SOURCE = Code("260753009", "SCT", "Source")
SOURCE_IMAGE = codes.DCM.SourceImageForImageProcessingOperation


def own(value: str) -> Code:
    """One of our words as a code: the word, and the word without underscores."""
    return Code(value, OWN_SCHEME, value.replace("_", " "))
