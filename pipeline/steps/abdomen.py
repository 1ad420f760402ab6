"""What lies among the organs of the abdomen: stones, clips and contrast medium, but hardly ever calcinosis.

Above the hip joints the muscles around the cavity are known from the atlas. A dense thing away from all
of them, or in the fat within them, with muscle between it and the skin, is in no tissue that calcinosis
takes. It may be in bowel, ureter or a vessel, and is questioned, not excluded: the belly's wall is known
only roughly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import SpotSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.facts import Facts
from pipeline.steps.place import Surroundings


def question_abdomen(
    candidates: Sequence[Candidate], around: Surroundings, settings: SpotSettings
) -> tuple[Candidate, ...]:
    """Question definite lesions among the organs of the abdomen."""
    return tuple(
        _told(one, Facts(one.mask, around), settings)
        if one.kind == "lesion" and one.status == "definite"
        else one
        for one in candidates
    )


def _told(one: Candidate, facts: Facts, settings: SpotSettings) -> Candidate:
    pelvis = facts.around.pelvis
    if pelvis is None or facts.middle_lps_mm[2] <= pelvis.roof_mm:
        return one
    away_mm = pelvis.muscle_mm(facts.middle_lps_mm)
    if not np.isfinite(away_mm) or not _among_organs(facts, away_mm, settings):
        return one
    reason = f"in the abdomen, {away_mm:.0f} mm from muscle: may be in bowel, ureter or a vessel"
    return replace(one, status="indeterminate", reason=reason)


def _among_organs(facts: Facts, away_mm: float, settings: SpotSettings) -> bool:
    """Away from muscle or in fat, and covered by muscle; above the crests bones tell no front from back."""
    pelvis = facts.around.pelvis
    above = pelvis is not None and bool(facts.middle_lps_mm[2] > pelvis.crest_mm)
    if not above and not facts.place.before:
        return False
    in_fat = facts.fat_share >= settings.abdomen_fat_share and away_mm > 0
    far = away_mm > (settings.abdomen_above_mm if above else settings.abdomen_mm)
    return (far or in_fat) and facts.covered_mm >= settings.abdomen_wall_mm
