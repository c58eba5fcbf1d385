"""Masks as one DICOM Segmentation: lungs, lobes and kinds of infection as binary segments (PS3.3 A.51)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from highdicom import (
    AlgorithmIdentificationSequence,
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
)
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes

from inference.dicom.codes import SEGMENTS, Segment
from inference.dicom.revision import MANUFACTURER, MODEL, SERIES_NUMBERS, Revision
from inference.dicom.sources import Source
from inference.errors import GeometryError, NotAVolume
from inference.geometry import Geometry, same_grid
from inference.volume import Mask


def present_segments(masks: Mapping[str, Mask]) -> list[Segment]:
    """The structures that the masks hold at all, in their fixed order; their numbers count from 1."""
    found = {name: set(np.unique(mask.labels).tolist()) for name, mask in masks.items()}
    return [segment for segment in SEGMENTS if segment.label in found.get(segment.mask, ())]


def build_segmentation(source: Source, masks: Mapping[str, Mask], revision: Revision) -> Segmentation:
    """The Segmentation of one revision. `masks` holds lung, lobes and infection on the series' grid.

    Raises:
        GeometryError: the masks do not lie on the grid of the series.
        NotAVolume: nothing is marked.
    """
    grid = source.header.geometry
    for name, mask in masks.items():
        if not same_grid(mask.geometry, grid):
            raise GeometryError(f"The mask {name} does not lie on the grid of its scan.")
    segments = present_segments(masks)
    if not segments:
        raise NotAVolume("The masks are empty, so there is nothing to write as a segmentation.")
    pixels = np.zeros((*grid.shape_zyx, len(segments)), np.bool_)
    for number, segment in enumerate(segments):
        np.equal(masks[segment.mask].labels, segment.label, out=pixels[..., number])
    # Slices that are the instances themselves refer to them one by one; resampled ones state where they lie.
    planes = {} if source.is_slice_for_slice else _planes(grid, source.header.slice_thickness_mm)
    return Segmentation(
        source_images=list(source.datasets),
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[_description(n, s, revision) for n, s in enumerate(segments, start=1)],
        series_instance_uid=revision.uid("seg-series"),
        series_number=SERIES_NUMBERS["seg"],
        sop_instance_uid=revision.uid("seg"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=f"{revision.pipeline} {revision.version}"[:64],
        device_serial_number="1",
        content_label="LUNGTREND",
        content_description="Lungs, lobes and infection; research use only",
        content_creator_name=revision.reader or None,
        omit_empty_frames=True,
        series_description="LungTrend segmentation (research use only)",
        **planes,
    )


def _planes(grid: Geometry, thickness_mm: float | None) -> dict[str, Any]:
    step_mm, row_mm, column_mm = grid.spacing_zyx_mm
    _, column_axis, row_axis = grid.axes_zyx_lps
    return {
        "pixel_measures": PixelMeasuresSequence(
            pixel_spacing=(row_mm, column_mm), slice_thickness=thickness_mm or step_mm, spacing_between_slices=step_mm
        ),
        "plane_orientation": PlaneOrientationSequence("PATIENT", [*row_axis, *column_axis]),
        "plane_positions": [
            PlanePositionSequence("PATIENT", grid.point_lps_mm((float(z), 0.0, 0.0))) for z in range(grid.shape_zyx[0])
        ],
    }


def _description(number: int, segment: Segment, revision: Revision) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=segment.category,
        segmented_property_type=segment.kind,
        algorithm_type="SEMIAUTOMATIC" if revision.reader else "AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=revision.pipeline, family=codes.DCM.ArtificialIntelligence, version=revision.version
        ),
        tracking_uid=revision.uid(f"tracking {segment.mask} {segment.label}"),
        tracking_id=segment.name,
        anatomic_regions=None if segment.mask != "infection" else [codes.SCT.Lung],
        display_color=segment.color,
    )
