"""Settings: one frozen section per step, with its defaults and limits.

A preset or a user's file is YAML that holds only what differs from these defaults.
"""

from pipeline.config.bones import (
    AnatomySettings,
    BodySettings,
    LumpProof,
    MetalSettings,
    PartingSettings,
    SheetSettings,
    SkeletonSettings,
)
from pipeline.config.bright import (
    CandidateSettings,
    SeriesSettings,
)
from pipeline.config.following import (
    FigureSettings,
    MatchSettings,
    RegisterSettings,
    RespondSettings,
)
from pipeline.config.load import load_settings, preset_folder, preset_names, read_settings
from pipeline.config.measuring import VolumeSettings
from pipeline.config.mimics import (
    ContrastSettings,
    MimicSettings,
    SpotSettings,
    StoneSettings,
    VesselSettings,
)
from pipeline.config.receiving import ReceiveSettings
from pipeline.config.section import Section
from pipeline.config.settings import Settings, merge, settings_from

__all__ = [
    "AnatomySettings",
    "BodySettings",
    "CandidateSettings",
    "ContrastSettings",
    "FigureSettings",
    "LumpProof",
    "MatchSettings",
    "MetalSettings",
    "MimicSettings",
    "PartingSettings",
    "ReceiveSettings",
    "RegisterSettings",
    "RespondSettings",
    "Section",
    "SeriesSettings",
    "Settings",
    "SheetSettings",
    "SkeletonSettings",
    "SpotSettings",
    "StoneSettings",
    "VesselSettings",
    "VolumeSettings",
    "load_settings",
    "merge",
    "preset_folder",
    "preset_names",
    "read_settings",
    "settings_from",
]
