"""Settings of the DICOM node: who may send, how much, for how long it is kept, and where results go."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import Section

AE_TITLE = r"^[A-Za-z0-9_.\-]([A-Za-z0-9 _.\-]{0,14}[A-Za-z0-9_.\-])?$"
"""At most 16 signs, no blank at either end (PS3.5 6.2, AE)."""
DESTINATION = re.compile(
    r"([A-Za-z0-9_.\-][A-Za-z0-9 _.\-]{0,15})@(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):(\d{1,5})"
)

AeTitle = Annotated[str, Field(pattern=AE_TITLE)]


class ReceiveSettings(Section):
    """A DICOM node. None of these decides a number of a scan."""

    host: str = "127.0.0.1"
    """Address the node listens on: this machine alone, unless another one is named."""
    port: int = Field(11112, ge=0, le=65535)
    """TCP port; 0 takes any that is free."""
    aet: AeTitle = "CALCINOSIS"
    """The node's own application entity title; an association for another one is refused."""
    allow: tuple[AeTitle, ...] = ()
    """Titles that may send, besides those results are sent to. Nobody else may."""
    allow_from: tuple[str, ...] = ()
    """Networks (10.1.0.0/16) that may connect at all; any where none is named."""
    send_to: tuple[str, ...] = ()
    """Where SEG and SR go: TITLE@host:port."""
    tls_cert: str | None = None
    """Certificate file (PEM): with it the node talks TLS alone,"""
    tls_key: str | None = None
    """with this key,"""
    tls_ca: str | None = None
    """and with this file of authorities to those alone whose certificate one of them signed."""
    send_tls: bool = False
    """Talk TLS to where results go; its certificate is checked against the same authorities."""
    associations: int = Field(4, ge=1, le=64)
    """At once; more are refused until one ends."""
    pdu_bytes: int = Field(131_072, ge=4096, le=1_048_576)
    """Largest piece of a message that is taken (PS3.8 D.1)."""
    network_seconds: float = Field(30.0, gt=0, le=3600)
    """A peer that is silent for so long, or takes so long over one piece, is left."""
    least_kb_per_second: float = Field(10.0, ge=0)
    """And one that takes longer over an object than at this rate, once that time has passed."""
    object_mb: int = Field(1024, ge=1, le=65_536)
    """A larger object is refused,"""
    study_images: int = Field(20_000, ge=1)
    """as are more of them in a study,"""
    store_gb: float = Field(50.0, gt=0)
    """more than this in the whole store,"""
    free_gb: float = Field(5.0, ge=0)
    """and all of them where less than this would be left on the disk."""
    quiet_seconds: float = Field(60.0, ge=0, le=86_400)
    """A study is complete when nothing came for so long and no association that brought of it is open,"""
    patience_seconds: float = Field(900.0, ge=0, le=86_400)
    """or after this long in any case."""
    keep_days: float = Field(400.0, ge=0, le=36_500)
    """Images are deleted so long after the last one came; 0: as soon as the study was measured."""
    most_dates: int = Field(6, ge=1, le=20)
    """Dates of a patient that are compared: the first and the latest."""
    tries: int = Field(2, ge=1, le=10)
    """How often a study is begun that ends the process or the machine."""
    minutes: float = Field(60.0, gt=0, le=1440)
    """Longest time for one study,"""
    memory_gb: float = Field(16.0, ge=1, le=1024)
    """and most memory (address space, on Linux)."""
    retry_seconds: float = Field(60.0, ge=1, le=86_400)
    """What could not be sent or written is tried again after this, doubled each time up to an hour."""

    @field_validator("allow_from")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            ip_network(one)
        return value

    @field_validator("send_to")
    @classmethod
    def _destinations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            parts = DESTINATION.fullmatch(one)
            if parts is None or not 0 < int(parts[3]) < 65536:
                raise ValueError("a destination is written TITLE@host:port")
        return value

    @model_validator(mode="after")
    def _key_with_certificate(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        return self

    @property
    def destinations(self) -> tuple[tuple[str, str, int], ...]:
        """Title, host and port of each place that results go to."""
        parts = (DESTINATION.fullmatch(one) for one in self.send_to)
        return tuple((one[1], one[2].strip("[]"), int(one[3])) for one in parts if one is not None)

    @property
    def known_titles(self) -> tuple[str, ...]:
        """All titles that may send."""
        return tuple(dict.fromkeys((*self.allow, *(title for title, _, _ in self.destinations))))
