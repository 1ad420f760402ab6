"""What is in a folder, a zip or a file: its CT series, and everything left aside with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.enhanced import ENHANCED_CT, frame_fields
from pipeline.dicom.headers import CT_IMAGE, TAGS, SliceHeader, slice_header
from pipeline.dicom.parse import parse_header, uid_name
from pipeline.dicom.tree import Skipped, Tree, open_tree
from pipeline.errors import GeometryError, InputRefused

NOT_DICOM = "not DICOM"
ARCHIVE = "an archive within: unpack it, or name it as the scan"
ARCHIVE_MAGIC = (b"PK\3\4", b"\x1f\x8b")
"""First bytes of zip and gzip."""
DAMAGED = "a DICOM file that cannot be read"


@dataclass(frozen=True, slots=True)
class Series:
    """The CT images of one series that are of one kind.

    Reformats and other derived images sent under the UID of the original are a series of their own.
    """

    uid: str
    slices: tuple[SliceHeader, ...]

    @property
    def image_type(self) -> tuple[str, ...]:
        """What its first slice says it is."""
        return self.slices[0].image_type

    @property
    def is_original(self) -> bool:
        """Whether it is axial and as reconstructed by the scanner, as far as it says."""
        kind = self.image_type
        return (not kind or kind[0] == "ORIGINAL") and (len(kind) < 3 or kind[2] in ("AXIAL", "VOLUME"))

    @property
    def slice_count(self) -> int:
        """Number of different images; a copy of a file does not count."""
        return len({s.sop_instance_uid for s in self.slices})

    @property
    def thickness_mm(self) -> float | None:
        """Thickness of its first slice."""
        return self.slices[0].exam.slice_thickness_mm

    @property
    def extent_mm(self) -> float:
        """How far it reaches along the normal of its first slice; 0 where positions do not tell."""
        places = _places_mm(self.slices)
        return float(np.ptp(places) + _usual_gap_mm(places)) if len(places) > 1 else 0.0

    @property
    def resolution_mm(self) -> float:
        """The larger of thickness and usual distance of its slices; infinite where neither is known."""
        gap_mm = _usual_gap_mm(_places_mm(self.slices))
        return max(self.thickness_mm or 0.0, gap_mm) or float("inf")


def _places_mm(slices: tuple[SliceHeader, ...]) -> NDArray[np.float64]:
    """Different positions along the normal of the first slice, in order; malformed ones left out."""
    orientation = np.array(slices[0].grid.orientation or (), dtype=np.float64)
    positions = [s.position_mm for s in slices if s.position_mm is not None and len(s.position_mm) == 3]
    if orientation.shape != (6,) or not positions:
        return np.empty(0)
    places = np.array(positions) @ np.cross(orientation[:3], orientation[3:])
    return np.unique(places[np.isfinite(places)].round(2))


def _usual_gap_mm(places: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(places))) if len(places) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that was found."""

    series: tuple[Series, ...]  #: in order of UID, originals first
    skipped: tuple[Skipped, ...]  #: in order of name

    @property
    def damaged_count(self) -> int:
        """Number of DICOM files that could not be read: slices may be among them."""
        return sum(s.reason.startswith(DAMAGED) for s in self.skipped)


def discover(path: Path) -> Inventory:
    """Look through a folder (to the bottom), a zip or a single file.

    Returns
    -------
    Inventory
        Without any series where there is no CT image.

    Raises
    ------
    InputRefused
        NOT_FOUND, UNREADABLE; NOT_DICOM for a single file of another kind.
    """
    with open_tree(path) as tree:
        inventory = take_inventory(tree)
    refuse_other_file(path, inventory)
    return inventory


def refuse_other_file(path: Path, inventory: Inventory) -> None:
    """Refuse a path that is one file of another kind, say so rather than that there is no CT.

    Raises
    ------
    InputRefused
        NOT_DICOM.
    """
    only_stranger = [s.reason for s in inventory.skipped] in ([NOT_DICOM], [ARCHIVE]) and not inventory.series
    if only_stranger and path.is_file():
        raise InputRefused("NOT_DICOM", "the file is neither DICOM nor a zip of DICOM files")


def take_inventory(tree: Tree) -> Inventory:
    """Look through a tree that is open already."""
    slices: list[SliceHeader] = []
    skipped = list(tree.skipped)
    for n, name in enumerate(tree.names, 1):
        with naming(f"file {n} of {len(tree.names)} in order of name"):
            found = look_at(tree, name)
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            slices.extend(found)
    return Inventory(series_of(slices), tuple(sorted(skipped, key=lambda s: s.name)))


def series_of(slices: Iterable[SliceHeader]) -> tuple[Series, ...]:
    """Slices parted into series, in order of UID, originals first."""
    parted: dict[tuple[str, bool], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        derived = bool(header.image_type) and header.image_type[0] != "ORIGINAL"
        parted[(header.series_instance_uid, derived or _is_reformat(header))].append(header)
    return tuple(Series(uid, tuple(parted[uid, derived])) for uid, derived in sorted(parted))


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Add to a refusal what it is about, in words that hold no text from the input but numbers and UIDs."""
    try:
        yield
    except GeometryError as refusal:
        raise GeometryError(f"{refusal.reason} ({what})", code=refusal.code) from refusal
    except InputRefused as refusal:
        raise InputRefused(refusal.code, f"{refusal.reason} ({what})") from refusal


def look_at(tree: Tree, name: str) -> list[SliceHeader] | Skipped:
    """The slices in a file, one unless it is an enhanced one; or why there are none.

    Raises
    ------
    InputRefused
        RESOURCE_LIMIT.
    """
    try:
        with tree.open(name) as stream:
            return _slices_of(stream, name)
    except InputRefused as refusal:
        if refusal.code == "RESOURCE_LIMIT":
            raise
        return Skipped(name, f"{DAMAGED}: {refusal.reason}")
    except OSError:
        return Skipped(name, "a file that cannot be opened")


def _slices_of(stream: BinaryIO, name: str) -> list[SliceHeader] | Skipped:
    fields = parse_header(stream, tuple(TAGS.values()))
    if fields is None:
        stream.seek(0)
        return Skipped(name, ARCHIVE if stream.read(4).startswith(ARCHIVE_MAGIC) else NOT_DICOM)
    sop_class_uid = fields.uid(TAGS["SOPClassUID"]) or fields.media_class_uid
    reason = _why_no_slice(sop_class_uid, fields.text(TAGS["Modality"]), fields.texts(TAGS["ImageType"]))
    if reason is not None:
        return Skipped(name, reason)
    if sop_class_uid not in ENHANCED_CT:
        return [slice_header(name, fields)]
    return [slice_header(name, one, n) for n, one in enumerate(frame_fields(stream, fields))]


def _why_no_slice(sop_class_uid: str, modality: str, image_type: tuple[str, ...]) -> str | None:
    """Reason why an object is not one slice of a CT volume; None if it is."""
    if sop_class_uid != CT_IMAGE and sop_class_uid not in ENHANCED_CT:
        return f"not a CT image: {uid_name(sop_class_uid)}"
    if not modality:
        return f"{DAMAGED}: its header ends early"
    if modality != "CT":
        return "a CT image object of another modality"
    if "LOCALIZER" in (value.upper() for value in image_type):
        return "a localizer"
    return None


def _is_reformat(header: SliceHeader) -> bool:
    return any(value in ("REFORMATTED", "MPR", "MIP", "PROJECTION IMAGE") for value in header.image_type)
