"""Places in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.lesion import Site
from pipeline.report.wording import place_text
from tests.builders import a_lesion, centred_grid


@pytest.mark.parametrize(
    ("site", "text"),
    [
        (Site("right", "ischiofemoral_space", structure="quadratus femoris"),
         "right ischiofemoral space (quadratus femoris)"),
        (Site("left", "obturator_internus", structure="obturator internus"), "left obturator internus"),
        (Site("left", "obturator_internus", structure="obturator_internus_left"),
         "left obturator internus (obturator internus left)"),
        (Site("midline", "multiple"), "midline multiple regions"),
        (Site("left"), "left"),
        (Site(), ""),
    ],
)  # fmt: skip
def test_a_place_reads_as_a_radiologist_writes_it(site: Site, text: str) -> None:
    lesion = a_lesion(1, np.ones((2, 2, 2), dtype=bool), centred_grid((2, 2, 2)))
    assert place_text(replace(lesion, site=site)) == text
