"""The measurement groups of the report: the scan, a lesion, a lesion that is absent (TID 1501, TID 1411)."""

from __future__ import annotations

from collections.abc import Iterator

import highdicom as hd
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code

from pipeline.dicom import codes
from pipeline.dicom.course import Followed
from pipeline.dicom.identity_out import uid_of
from pipeline.dicom.objects import MODEL, Origin
from pipeline.dicom.seg import Written
from pipeline.dicom.writing import Writing
from pipeline.domain.analysis import Analysis
from pipeline.domain.lesion import Density, Interval, Lesion, Site, Size

Group = hd.sr.MeasurementsAndQualitativeEvaluations | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
DECIMALS = 3
"""As in measurements.json."""
CONTAINS = hd.sr.RelationshipTypeValues.CONTAINS
HAS_PROPERTIES = hd.sr.RelationshipTypeValues.HAS_PROPERTIES


def scan_group(analysis: Analysis, origin: Origin, writing: Writing) -> Group:
    """The burden, whether there is any calcification at all, and the response where one was asked for."""
    burden, response = analysis.burden, writing.course.response
    measures = [
        _measure(codes.LESION_COUNT, burden.lesion_count, codes.ONE),
        _volume(codes.VOLUME, burden.volume_mm3),
        _measure(codes.VOXEL_VOLUME, burden.voxel_volume_mm3, codes.MM3),
        _measure(codes.INDETERMINATE_VOLUME, burden.indeterminate_volume_mm3, codes.MM3),
        *_known(codes.DETECTION_LIMIT, burden.detection_limit_mm3, codes.MM3),
        *_calcium(burden.calcium_mass_mg, burden.agatston_score),
    ]
    present = codes.PRESENT if analysis.lesions else codes.ABSENT
    evaluations = [hd.sr.QualitativeEvaluation(codes.PRESENCE, present)]
    if response is not None:
        evaluations.append(hd.sr.QualitativeEvaluation(codes.RESPONSE, codes.own(response.category)))
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=uid_of(f"burden/{origin.series_instance_uid}"), identifier="burden"
        ),
        finding_category=codes.CATEGORY,
        finding_type=codes.CALCIFICATION,
        algorithm_id=_algorithm(writing),
        measurements=measures,
        qualitative_evaluations=evaluations,
    )
    words = [] if analysis.lesions else ["No soft-tissue calcification was found."]
    _add_words(group, [*words, *(response.reasons if response is not None else ())])
    return group


def lesion_group(lesion: Lesion, origin: Origin, seg: Written, writing: Writing) -> Group:
    """One lesion with its segment and the images that it lies on."""
    name, uid = writing.tracking(lesion)
    followed = writing.course.of_lesion.get(lesion.id)
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=uid, identifier=name),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=seg.sop_class_uid,
            sop_instance_uid=seg.sop_instance_uid,
            segment_number=lesion.id,
            source_images=_source_images(lesion, origin),
        ),
        finding_category=codes.CATEGORY,
        finding_type=codes.CALCIFICATION,
        finding_sites=_sites(lesion.site),
        algorithm_id=_algorithm(writing),
        measurements=_measures(lesion),
        qualitative_evaluations=_evaluations(lesion, followed),
    )
    course = None if followed is None else followed.reason
    _add_words(group, [lesion.description, lesion.why_indeterminate, lesion.size.volume_note, course])
    return group


def absent_group(track: Followed) -> Group:
    """A lesion of another date that is not there on this one, or could not have been seen."""
    presence = codes.ABSENT if track.evaluable else codes.UNDETERMINED
    course = [] if track.kind is None else [hd.sr.QualitativeEvaluation(codes.COURSE, codes.own(track.kind))]
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=track.tracking_uid, identifier=f"track {track.track_id}"
        ),
        finding_category=codes.CATEGORY,
        finding_type=codes.CALCIFICATION,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(codes.PRESENCE, presence), *course],
    )
    _add_words(group, [track.reason])
    return group


def _measures(lesion: Lesion) -> list[hd.sr.Measurement]:
    size = lesion.size
    return [
        _volume(codes.VOLUME, size.volume_mm3),
        _measure(codes.VOXEL_VOLUME, size.voxel_volume_mm3, codes.MM3),
        *_known(codes.MESH_VOLUME, size.mesh_volume_mm3, codes.MM3),
        _measure(codes.LONG_AXIS, size.axial.long_axis_mm, codes.MM),
        _measure(codes.SHORT_AXIS, size.axial.short_axis_mm, codes.MM),
        *_other_planes(size),
        _measure(codes.DIAMETER_3D, size.diameter_3d_mm, codes.MM),
        *_density(lesion.density),
        *_calcium(lesion.calcium_mass_mg, lesion.agatston_score),
    ]


def _other_planes(size: Size) -> Iterator[hd.sr.Measurement]:
    """The axes in the coronal and the sagittal plane."""
    for plane, (long_axis, short_axis) in codes.PLANE_AXES.items():
        axes = size.coronal if plane == "coronal" else size.sagittal
        yield _measure(long_axis, axes.long_axis_mm, codes.MM)
        yield _measure(short_axis, axes.short_axis_mm, codes.MM)


def _density(density: Density) -> list[hd.sr.Measurement]:
    return [
        _measure(codes.ATTENUATION, value, codes.HU, derivation)
        for derivation, value in (
            (codes.MEAN, density.mean_hu),
            (codes.STANDARD_DEVIATION, density.sd_hu),
            (codes.P95, density.p95_hu),
            (codes.MAXIMUM, density.max_hu),
        )
    ]


def _calcium(mass_mg: float | None, score: float | None) -> Iterator[hd.sr.Measurement]:
    yield from _known(codes.CALCIUM_MASS, mass_mg, codes.MG)
    if score is not None:
        yield hd.sr.Measurement(codes.CALCIUM_SCORE, _rounded(score), codes.ONE, method=codes.AGATSTON)


def _evaluations(lesion: Lesion, followed: Followed | None) -> list[hd.sr.QualitativeEvaluation]:
    """Everything that is a word: our own, by the names of measurements.json."""
    words = (
        (codes.STATUS, lesion.status),
        (codes.REGION, lesion.site.region),
        (codes.DEPTH, lesion.site.depth),
        (codes.MORPHOLOGY, lesion.morphology),
        (codes.OUTLINED_BY, lesion.source),
        (codes.COURSE, followed and followed.kind),
    )
    own = [hd.sr.QualitativeEvaluation(name, codes.own(word)) for name, word in words if word]
    return [hd.sr.QualitativeEvaluation(codes.PRESENCE, codes.PRESENT), *own]


def _sites(site: Site) -> list[hd.sr.FindingSite] | None:
    place = codes.SITES.get(site.code or "")
    if place is None:
        return None
    return [hd.sr.FindingSite(place, laterality=codes.SIDES.get(site.side) if site.side else None)]


def _source_images(lesion: Lesion, origin: Origin) -> list[hd.sr.SourceImageForSegmentation]:
    """The images of the planes that the lesion lies on; of a multi-frame object its frames."""
    frames: dict[tuple[str, str], list[int]] = {}
    for plane in origin.planes_of(lesion.mask):
        image = origin.images[plane]
        own = frames.setdefault((image.sop_class_uid, image.sop_instance_uid), [])
        if image.frame_number is not None:
            own.append(image.frame_number)
    return [
        hd.sr.SourceImageForSegmentation(class_uid, uid, sorted(numbers) or None)
        for (class_uid, uid), numbers in frames.items()
    ]


def _volume(name: Code, volume_mm3: Interval) -> hd.sr.Measurement:
    """A volume with its 95 % limits as ranges of uncertainty, up and down, in its own unit (TID 310)."""
    value, limits = _rounded(volume_mm3.value), hd.sr.MeasurementProperties()
    for code, limit in ((codes.UNCERTAINTY_UP, volume_mm3.upper), (codes.UNCERTAINTY_DOWN, volume_mm3.lower)):
        if limit is not None:
            distance = abs(_rounded(_rounded(limit) - value))
            limits.append(hd.sr.NumContentItem(code, distance, codes.MM3, relationship_type=HAS_PROPERTIES))
    return hd.sr.Measurement(name, value, codes.MM3, properties=limits if len(limits) else None)


def _measure(name: Code, value: float, unit: Code, derivation: Code | None = None) -> hd.sr.Measurement:
    return hd.sr.Measurement(name, _rounded(value), unit, derivation=derivation)


def _known(name: Code, value: float | None, unit: Code) -> list[hd.sr.Measurement]:
    """A measurement, where there is one: what is unknown is left out, never 0."""
    return [] if value is None else [_measure(name, value, unit)]


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0


def _add_words(group: Group, words: list[str | None]) -> None:
    content = group[0].ContentSequence
    for text in words:
        if text:
            content.append(hd.sr.TextContentItem(dictionary.DCM.Comment, text, CONTAINS))


def _algorithm(writing: Writing) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(name=MODEL, version=writing.version)
