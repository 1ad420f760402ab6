from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from tests.report.balls import RIGHT_LPS_MM, analysis_of


@pytest.fixture
def settings() -> FigureSettings:
    return FigureSettings(dots_per_inch=50)


@pytest.fixture
def one_ball() -> Analysis:
    return analysis_of((RIGHT_LPS_MM, 9.0))


@pytest.fixture
def busy() -> Analysis:
    """Three lesions of different size, one of them indeterminate, and one finding left out."""
    analysis = analysis_of(
        (RIGHT_LPS_MM, 9.0),
        ((-15.0, 10.0, -440.0), 5.0),
        ((30.0, -20.0, -460.0), 7.0),
        excluded=((-30.0, 22.0, -440.0),),
    )
    unsure = replace(analysis.lesions[1], status="indeterminate", why_indeterminate="beside bone")
    return replace(analysis, lesions=(analysis.lesions[0], unsure, analysis.lesions[2]))
