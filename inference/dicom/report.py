"""Measurements as a DICOM structured report: TID 1500, each volume tied to its segment (PS3.16)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from inference.dicom.codes import (
    CT_OF_CHEST,
    GROWTH,
    GROWTH_INTERVAL,
    HOUR,
    INFECTED_VOLUME,
    LOBE_SCORE,
    MILLILITRE,
    PERCENT,
    POI,
    SCORE,
    SEGMENTS,
    SEVERITY,
)
from inference.dicom.revision import MANUFACTURER, MODEL, SERIES_NUMBERS, Revision
from inference.dicom.sources import Source
from inference.labels import LobeLabel, LungLabel

SEGMENT_BY_NAME = {segment.name: segment for segment in SEGMENTS}
KIND_OF = {1: "ground_glass_ml", 2: "consolidation_ml", 3: "effusion_ml", 4: "unknown_ml"}


@dataclass(frozen=True, slots=True)
class Growth:
    """The pair of scans that the report compares: per cent and hours, and the earlier study and series."""

    percent: float
    hours: float
    prior_revision: str


def build_report(
    source: Source, segmentation: Dataset, measurements: Mapping[str, Any], revision: Revision, growth: Growth | None
) -> ComprehensiveSR:
    """The measurement report of one revision; `measurements` is the content of `measurements.json`."""
    algorithm = AlgorithmIdentification(revision.pipeline, revision.version, manufacturer=MANUFACTURER)
    groups: list[Any] = [
        _volume_of(description, segmentation, measurements, algorithm, source)
        for description in segmentation.SegmentSequence
    ]
    groups.append(_whole(measurements, revision, algorithm, growth))
    device = ObserverContext(
        codes.DCM.Device,
        DeviceObserverIdentifyingAttributes(
            uid=revision.uid("device"), name="LungTrend", manufacturer_name=MANUFACTURER, model_name=MODEL
        ),
    )
    person = (
        ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name=revision.reader))
        if revision.reader
        else None
    )
    content = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=person, observer_device_context=device),
        procedure_reported=CT_OF_CHEST,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    # Another comparison is another report: its identifiers must not be those of the first.
    role = "sr" if growth is None else f"sr against {growth.prior_revision}"
    return ComprehensiveSR(
        evidence=[segmentation, *source.datasets],
        content=content[0],
        series_instance_uid=revision.uid("sr-series"),
        series_number=SERIES_NUMBERS["sr"],
        sop_instance_uid=revision.uid(role),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        series_description="LungTrend measurements (research use only)",
    )


def _volume_of(
    description: Dataset,
    segmentation: Dataset,
    measurements: Mapping[str, Any],
    algorithm: AlgorithmIdentification,
    source: Source,
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    segment = SEGMENT_BY_NAME[str(description.SegmentLabel)]
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(str(description.TrackingUID), segment.name),
        referenced_segment=ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=int(description.SegmentNumber),
            source_series=SourceSeriesForSegmentation(source.header.series_uid),
        ),
        finding_type=segment.kind,
        finding_category=segment.category,
        algorithm_id=algorithm,
        measurements=_figures_of(segment.mask, segment.label, measurements),
    )


def _figures_of(mask: str, label: int, measurements: Mapping[str, Any]) -> list[Measurement]:
    if mask == "infection":
        return [Measurement(codes.SCT.Volume, measurements["composition"][KIND_OF[label]], MILLILITRE)]
    is_lobe = mask == "lobes"
    region = (
        measurements["lobes"][LobeLabel(label).name]
        if is_lobe
        else (measurements["lungs"][LungLabel(label).name.lower()])
    )
    figures = [
        Measurement(codes.SCT.Volume, region["ml"], MILLILITRE),
        Measurement(INFECTED_VOLUME, region["infected_ml"], MILLILITRE),
        Measurement(POI, region["poi_percent"], PERCENT),
    ]
    return [*figures, Measurement(LOBE_SCORE, region["score"], SCORE)] if is_lobe else figures


def _whole(
    measurements: Mapping[str, Any], revision: Revision, algorithm: AlgorithmIdentification, growth: Growth | None
) -> MeasurementsAndQualitativeEvaluations:
    figures = [
        Measurement(codes.SCT.Volume, measurements["lung_ml"], MILLILITRE),
        Measurement(INFECTED_VOLUME, measurements["infected_ml"], MILLILITRE),
        Measurement(POI, measurements["poi_percent"], PERCENT),
        Measurement(SEVERITY, measurements["severity_score"], SCORE),
    ]
    if growth is not None:
        figures += [
            Measurement(GROWTH, growth.percent, PERCENT),
            Measurement(GROWTH_INTERVAL, growth.hours, HOUR),
        ]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(revision.uid("tracking whole"), "Both lungs"),
        finding_type=codes.SCT.Lung,
        algorithm_id=algorithm,
        measurements=figures,
    )
