"""All sections together, from plain values and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from pipeline.config.bones import (
    AnatomySettings,
    BodySettings,
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
from pipeline.errors import UsageError


class Settings(Section):
    """All sections together."""

    series: SeriesSettings = SeriesSettings()
    body: BodySettings = BodySettings()
    skeleton: SkeletonSettings = SkeletonSettings()
    candidates: CandidateSettings = CandidateSettings()
    parting: PartingSettings = PartingSettings()
    sheets: SheetSettings = SheetSettings()
    mimics: MimicSettings = MimicSettings()
    contrast: ContrastSettings = ContrastSettings()
    vessels: VesselSettings = VesselSettings()
    stones: StoneSettings = StoneSettings()
    spots: SpotSettings = SpotSettings()
    metal: MetalSettings = MetalSettings()
    volumes: VolumeSettings = VolumeSettings()
    anatomy: AnatomySettings = AnatomySettings()
    register_bones: RegisterSettings = RegisterSettings()
    match: MatchSettings = MatchSettings()
    respond: RespondSettings = RespondSettings()
    figures: FigureSettings = FigureSettings()
    receive: ReceiveSettings = ReceiveSettings()

    def with_(self, **sections: Mapping[str, Any]) -> Settings:
        """The same settings with some values changed, by section.

        Parameters
        ----------
        **sections : mapping
            Names and values to change, as in ``candidates={"edge_hu": 150}``.

        Raises
        ------
        UsageError
            For an unknown section or name, or a value out of its limits.
        """
        return settings_from(merge(self.model_dump(mode="json"), sections))

    def sha256(self) -> str:
        """Hash of all that decides the numbers of a scan: not pictures, choice of series, or the node."""
        content = self.model_dump(mode="json", exclude={"figures", "series", "receive"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A nested mapping with the values of another laid over it."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if nested else value  # type: ignore[arg-type]
    return merged


def settings_from(content: Mapping[str, Any]) -> Settings:
    """Settings from nested plain values.

    Raises
    ------
    UsageError
        Naming the first key that is unknown or out of its limits.
    """
    try:
        return Settings.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = _no_such(first["loc"]) if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(f"setting {where or 'file'}: {said}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"settings hold a value that is not plain: {error}") from error


def _no_such(path: tuple[int | str, ...]) -> str:
    """That a name is not known, and which ones are like it."""
    section = Settings.model_fields.get(str(path[0])) if len(path) > 1 else None
    known = list(getattr(section.annotation, "model_fields", {}) if section else Settings.model_fields)
    like = get_close_matches(str(path[-1]), known, n=3)
    return f"there is no such setting; {'like it' if like else 'there are'}: {', '.join(like or known)}"
