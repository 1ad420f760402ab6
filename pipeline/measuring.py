"""What was found in a scan, measured and located: composition of the steps from candidates to lesions."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pipeline.config import Settings
from pipeline.domain.analysis import Coverage
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.domain.lesion import (
    Candidate,
    Density,
    Excluded,
    Lesion,
    Morphology,
    Site,
    Size,
)
from pipeline.domain.scan import Scan
from pipeline.finding import Found
from pipeline.steps import quality
from pipeline.steps.calcium import agatston_applies, agatston_score, calcium_mass_mg
from pipeline.steps.density import measure_density
from pipeline.steps.forms.body import sharp_body
from pipeline.steps.forms.morphology import measure_form, name_form
from pipeline.steps.forms.recist import is_recist_measurable
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.layers import Tissue
from pipeline.steps.sites.locate import Ground, locate_lesions
from pipeline.steps.sites.ossified import is_possibly_ossified
from pipeline.steps.sites.skin import Skin
from pipeline.steps.size import OutlineSize, measure_outline, size_of
from pipeline.steps.volumes.edge import estimate_blur
from pipeline.steps.volumes.measure import Scene, cut_region, measure_volume
from pipeline.steps.volumes.optics import Blur


def measure_lesions(
    scan: Scan,
    body: Mask,
    found: Found,
    settings: Settings,
    *,
    anatomy: Anatomy | None,
    seed: str,
    beside: ThreadPoolExecutor,
) -> tuple[tuple[Lesion, ...], Coverage]:
    """Every lesion by falling volume, and what of the patient the scan shows.

    What needs no bones is measured while their names are still being drawn; then lesions are located
    beside the correction of their volumes.

    Parameters
    ----------
    seed : str
        Of the tracking UIDs.
    beside : ThreadPoolExecutor
        The one that draws the bones.
    """
    blur = estimate_blur(scan.volume, body, scan.acquisition.slice_thickness_mm, settings.volumes)
    measured = _measure(found.candidates, scan.volume, blur)
    skeleton, masks = found.skeleton.result(), tuple(one.candidate.mask for one in measured)
    coverage = quality.describe_coverage(body, skeleton)
    organs = anatomy.organs if anatomy is not None else None
    sites = beside.submit(locate_lesions, masks, _ground(scan.volume, body, found, organs, coverage))
    scene = Scene(scan.volume, skeleton.values, masks, blur, found.noise_hu or 0.0)

    spacing_mm = scan.volume.geometry.spacing_mm[0]
    scored = agatston_applies(scan.acquisition, spacing_mm, enhanced=found.threshold.enhanced)

    def with_volume(number: int) -> _Complete:
        complete = _with_volume(measured[number], scene, number, settings)
        return replace(complete, agatston_score=agatston_score(scene, number)) if scored else complete

    with ThreadPoolExecutor(max_workers=2) as threads:
        complete = list(threads.map(with_volume, range(len(measured))))
    located = zip(complete, sites.result(), strict=True)
    ordered = sorted(located, key=lambda one: -one[0].size.volume_mm3.value)
    return tuple(_lesion(*one, number, seed, scan) for number, one in enumerate(ordered, start=1)), coverage


def tracking_uid(seed: str, number: int | str) -> str:
    """A DICOM UID that is the same for the same lesion of the same scan and settings."""
    name = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """A lesion before bones are known."""

    candidate: Candidate
    outline: OutlineSize
    density: Density
    possibly_ossified: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Complete:
    """A lesion before it is told where it lies."""

    measured: _Measured
    size: Size
    morphology: Morphology
    agatston_score: float | None = None  #: where it is defined


def _measure(candidates: Sequence[Candidate], volume: CTVolume, blur: Blur) -> list[_Measured]:
    """All that needs no bones."""
    chosen = [one for one in candidates if one.kind == "lesion"]
    return [
        _Measured(
            one,
            measure_outline(one.mask),
            measure_density(volume, one.mask, blur),
            is_possibly_ossified(one.mask, volume),
        )
        for one in chosen
    ]


def _ground(
    volume: CTVolume, body: Mask, found: Found, organs: LabelMap | None, coverage: Coverage
) -> Ground:
    """What lesions are located on."""
    skeleton = found.skeleton.result()
    return Ground(
        tissue=Tissue(volume, skeleton, Skin.of(body, volume)),
        body=body,
        skeleton=skeleton,
        frame=ReferenceFrame(found.fit) if found.fit is not None else None,
        organs=organs,
        in_plane_truncated=coverage.in_plane_truncated,
    )


def _with_volume(one: _Measured, scene: Scene, number: int, settings: Settings) -> _Complete:
    """A lesion with its corrected volume, and the axes and form of the body that holds it."""
    region = cut_region(scene, number, settings.volumes)
    found = measure_volume(scene, number, region, settings.volumes)
    body = sharp_body(scene, number, found.region, found.estimate.volume_mm3.value)
    return _Complete(one, size_of(one.outline, body, found.estimate), name_form(measure_form(body)))


def _lesion(complete: _Complete, site: Site, number: int, seed: str, scan: Scan) -> Lesion:
    measured, how = complete.measured, scan.acquisition
    candidate = measured.candidate
    return Lesion(
        id=number,
        tracking_uid=tracking_uid(seed, number),
        mask=candidate.mask,
        status=candidate.status,
        why_indeterminate=candidate.reason or None,
        fragment_count=candidate.fragment_count,
        edge_hu=candidate.edge_hu,
        size=complete.size,
        density=measured.density,
        site=site,
        bone_contact=site.bone_distance_mm == 0.0,
        touches_edge=candidate.mask.touches_edge,
        morphology=complete.morphology,
        recist_measurable=is_recist_measurable(
            complete.size,
            complete.morphology,
            site.region,
            slice_thickness_mm=how.slice_thickness_mm or scan.volume.geometry.spacing_mm[0],
        ),
        possibly_ossified=measured.possibly_ossified,
        calcium_mass_mg=calcium_mass_mg(complete.size.estimate, how.kvp),
        agatston_score=complete.agatston_score,
    )


def list_excluded(candidates: Sequence[Candidate]) -> tuple[Excluded, ...]:
    """What is not counted, numbered from 1."""
    rejected = [one for one in candidates if one.kind != "lesion"]
    return tuple(_as_excluded(number, one) for number, one in enumerate(rejected, start=1))


def _as_excluded(number: int, candidate: Candidate) -> Excluded:
    if candidate.kind == "lesion":
        raise ValueError("a lesion is not excluded")
    x, y, z = candidate.mask.points_lps_mm().mean(0)
    return Excluded(
        id=number,
        mask=candidate.mask,
        kind=candidate.kind,
        reason=candidate.reason,
        volume_mm3=candidate.mask.volume_mm3,
        centroid_lps_mm=(float(x), float(y), float(z)),
        peak_hu=candidate.peak_hu,
    )
