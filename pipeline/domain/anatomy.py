"""Anatomy that the user brings: bones under the project's names, other structures under their own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Box
from pipeline.domain.image import LabelMap
from pipeline.errors import InputRefused

BONES = (
    "hip_bone_right",
    "hip_bone_left",
    "femur_right",
    "femur_left",
    "sacrum",
    "lumbar_vertebrae",
    "coccyx",
    "other_bone",
)
"""Names of bones; the value in a label map is the place in this list, from 1."""

Group = Literal["artery", "vein", "bowel", "bladder", "muscle", "viscus", "other"]
"""What a structure that is no bone means for something bright in it."""

SIDES = frozenset({"left", "right"})
HIP = r"hips?|coxae?|innominate|pelvic|ilium"
NOT_HIP_BONE = r"joint|implant|prosthesis|muscle|cartilage|cavity|floor|organ"
FEMUR = r"femurs?|femora"
SPINE = r"vertebrae?|spine"
OTHER_BONES = (
    SPINE + r"|ribs?|sternum|humerus|scapula|clavicul?a|clavicle|skull|tibia|fibula|patellae?|talus|calcaneus"
    r"|(meta)?tarsal|(meta)?carpal|phalanges|ulna|radius|mandible|bones?|pelvis|skeleton"
)
WORDS: dict[Group, str] = {
    "viscus": r"kidney|liver|spleen|pancreas|prostate|uterus|ovary|ovaries|gall|gallbladder|adrenal|ureter"
    r"|urethra|testis|cord|lung",
    "artery": r"artery|arteries|arteria|aorta",
    "vein": r"veins?|vena|cava",
    "bowel": r"colon|bowel|duodenum|rectum|sigmoid|ca?ecum|intestine|stomach|ileum|jejunum|appendix",
    "bladder": r"bladder",
    "muscle": r"muscles?|gluteus|iliopsoas|psoas|iliacus|autochthon|adductors?|obturator|piriformis|quadratus"
    r"|quadriceps|biceps|gracilis|sartorius|pectineus|rectus|semi(membranosus|tendinosus)|vastus|tensor"
    r"|obliques?|hamstrings?|erector|latissimus",
}
"""Words of a name that tell its group."""


def bone_of(name: str) -> str | None:
    """The bone, by the project's name, that a name in a label map stands for; None for no bone.

    Hip bones and femora without a side are `other_bone`: sides are not guessed.
    """
    words = _words(name)
    if _group_of_words(words) is not None:
        return None
    if _has(words, HIP) and not _has(words, NOT_HIP_BONE):
        return _sided("hip_bone", words)
    if _has(words, FEMUR):
        return _sided("femur", words)
    if "coccyx" in words:
        return "coccyx"
    if _has(words, "sacrum|sacral") or (_has(words, SPINE) and _has(words, "s[1-5]")):
        return "sacrum"
    if _has(words, "l[1-6]") or (_has(words, SPINE) and "lumbar" in words):
        return "lumbar_vertebrae"
    return "other_bone" if _has(words, OTHER_BONES) else None


def group_of(name: str) -> Group:
    """The group of a structure that is no bone."""
    return _group_of_words(_words(name)) or "other"


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+[0-9]*|[0-9]+", name.lower()))


def _has(words: frozenset[str], pattern: str) -> bool:
    return any(re.fullmatch(pattern, word) for word in words)


def _group_of_words(words: frozenset[str]) -> Group | None:
    return next((group for group, pattern in WORDS.items() if _has(words, pattern)), None)


def _sided(bone: str, words: frozenset[str]) -> str:
    """A paired bone's name with its side."""
    side = words & SIDES
    return f"{bone}_{next(iter(side))}" if len(side) == 1 else "other_bone"


@dataclass(frozen=True, eq=False, slots=True)
class Anatomy:
    """Bones and other structures on the grid of a scan."""

    bones: LabelMap  #: value → name in `BONES`
    organs: LabelMap  #: value → the structure's own name
    unnamed: int = 0  #: labels that had no name and are not used

    def crop(self, box: Box) -> Anatomy:
        """The part inside a box."""
        return Anatomy(_crop(self.bones, box), _crop(self.organs, box), self.unnamed)

    def sha256(self) -> str:
        """Hash of all that decides the numbers."""
        digest = hashlib.sha256(repr(sorted(self.organs.names.items())).encode())
        for labels in (self.bones, self.organs):
            digest.update(np.ascontiguousarray(labels.values).data)
        return digest.hexdigest()


def _crop(labels: LabelMap, box: Box) -> LabelMap:
    return LabelMap(labels.values[box], labels.geometry.crop(box), labels.names)


def anatomy_from(labels: LabelMap) -> Anatomy:
    """Sort the labels of a map into bones and other structures by their names.

    Raises
    ------
    InputRefused
        ANATOMY_NAMES where no label that occurs has a name of a known structure.
    """
    present = labels.present()
    bones = np.zeros(np.iinfo(labels.values.dtype).max + 1, dtype=np.uint8)
    organs = np.zeros(len(bones), dtype=labels.values.dtype)
    names = {value: labels.names.get(value) for value in present}
    for value, name in names.items():
        bone = bone_of(name) if name else None
        if bone is not None:
            bones[value] = BONES.index(bone) + 1
        elif name:
            organs[value] = value
    if not bones.any() and all(group_of(name or "") == "other" for name in names.values()):
        raise InputRefused("ANATOMY_NAMES", "no label of the anatomy has the name of a known structure")
    kept = {value: name for value, name in names.items() if name and not bones[value]}
    return Anatomy(
        LabelMap(_looked_up(bones, labels), labels.geometry, dict(enumerate(BONES, start=1))),
        LabelMap(_looked_up(organs, labels), labels.geometry, kept),
        sum(name is None for name in names.values()),
    )


def _looked_up(
    table: NDArray[np.uint8] | NDArray[np.uint16], labels: LabelMap
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    values = table[labels.values]
    values.setflags(write=False)
    return values
