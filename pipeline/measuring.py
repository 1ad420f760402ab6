"""What was found in a scan, measured and located: composition of the steps from candidates to lesions."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.config import Settings, VolumeSettings
from pipeline.domain.analysis import Coverage
from pipeline.domain.anatomy import Anatomy
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
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
from pipeline.recall import Recall, afresh
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
from pipeline.steps.volumes.measure import Scene, cut_region, measure_volume, scene_of_one
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
    recall: Recall = afresh,
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
    recall : Recall
        How the long steps are called.
    """
    volume, how = scan.volume, scan.acquisition
    blur = recall(estimate_blur, volume, body, how.slice_thickness_mm, settings.volumes)
    chosen = [one for one in found.candidates if one.kind == "lesion"]
    outlined = [recall(_outlined, one.mask, volume, blur) for one in chosen]
    skeleton, masks = found.skeleton.result(), tuple(one.mask for one in chosen)
    coverage = quality.describe_coverage(body, skeleton)
    organs = anatomy.organs if anatomy is not None else None
    ground = _ground(volume, body, found, organs, coverage, recall)
    sites = beside.submit(locate_lesions, masks, ground)
    scene = Scene(volume, skeleton.values, masks, blur, found.noise_hu or 0.0)
    scored = agatston_applies(how, volume.geometry.spacing_mm[0], enhanced=found.threshold.enhanced)

    def measured(number: int) -> _Measured:
        alone = scene_of_one(scene, number, settings.volumes)
        return recall(_measured, outlined[number].size, alone, settings.volumes, scored=scored)

    with ThreadPoolExecutor(max_workers=2) as threads:
        completed = list(threads.map(measured, range(len(masks))))
    located = zip(chosen, outlined, completed, sites.result(), strict=True)
    known = sorted((_Known(*one) for one in located), key=lambda one: -one.measured.size.volume_mm3.value)
    return tuple(_lesion(one, number, seed, scan) for number, one in enumerate(known, start=1)), coverage


def tracking_uid(seed: str, number: int | str) -> str:
    """A DICOM UID that is the same for the same lesion of the same scan and settings."""
    name = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


@dataclass(frozen=True, slots=True)
class _Outlined:
    """What is known of a lesion before bones are."""

    size: OutlineSize
    density: Density
    possibly_ossified: bool


@dataclass(frozen=True, slots=True)
class _Measured:
    """What is known of it before it is told where it lies."""

    size: Size
    morphology: Morphology
    agatston_score: float | None  #: where it is defined


@dataclass(frozen=True, eq=False, slots=True)
class _Known:
    """All that a lesion is made of."""

    candidate: Candidate
    outlined: _Outlined
    measured: _Measured
    site: Site


def _outlined(mask: BoxedMask, volume: CTVolume, blur: Blur) -> _Outlined:
    """All that needs no bones."""
    density = measure_density(volume, mask, blur)
    return _Outlined(measure_outline(mask), density, is_possibly_ossified(mask, volume))


def _ground(
    volume: CTVolume,
    body: Mask,
    found: Found,
    organs: LabelMap | None,
    coverage: Coverage,
    recall: Recall,
) -> Ground:
    """What lesions are located on."""
    skeleton = found.skeleton.result()
    return Ground(
        tissue=Tissue(volume, skeleton, recall(Skin.of, body, volume)),
        body=body,
        skeleton=skeleton,
        frame=ReferenceFrame(found.fit) if found.fit is not None else None,
        organs=organs,
        in_plane_truncated=coverage.in_plane_truncated,
    )


def _measured(outline: OutlineSize, scene: Scene, settings: VolumeSettings, *, scored: bool) -> _Measured:
    """Volume of the first lesion of a scene, axes and form of the body that holds it, its score."""
    found = measure_volume(scene, 0, cut_region(scene, 0, settings), settings)
    body = sharp_body(scene, 0, found.region, found.estimate.volume_mm3.value)
    score = agatston_score(scene, 0) if scored else None
    return _Measured(size_of(outline, body, found.estimate), name_form(measure_form(body)), score)


def _lesion(known: _Known, number: int, seed: str, scan: Scan) -> Lesion:
    candidate, outlined, measured, site = known.candidate, known.outlined, known.measured, known.site
    how = scan.acquisition
    return Lesion(
        id=number,
        tracking_uid=tracking_uid(seed, number),
        mask=candidate.mask,
        status=candidate.status,
        why_indeterminate=candidate.reason or None,
        fragment_count=candidate.fragment_count,
        edge_hu=candidate.edge_hu,
        size=measured.size,
        density=outlined.density,
        site=site,
        bone_contact=site.bone_distance_mm == 0.0,
        touches_edge=candidate.mask.touches_edge,
        morphology=measured.morphology,
        recist_measurable=is_recist_measurable(
            measured.size,
            measured.morphology,
            site.region,
            slice_thickness_mm=how.slice_thickness_mm or scan.volume.geometry.spacing_mm[0],
        ),
        possibly_ossified=outlined.possibly_ossified,
        calcium_mass_mg=calcium_mass_mg(measured.size.estimate, how.kvp),
        agatston_score=measured.agatston_score,
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
