"""Results for viewers that know no Segmentation: masks burned in, and a page of figures (PS3.3 A.8.1)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from highdicom import CoordinateSystemNames
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.dicom.revision import MANUFACTURER, SERIES_NUMBERS, Revision
from inference.dicom.sources import Source
from inference.pictures import spread, tinted
from inference.volume import Mask, Volume

#: Slices that are shown at most: those with infection, evenly over them.
MOST_SLICES = 31
PAGE_SHAPE_YX = (768, 768)
MARGIN, HEADING_PIXELS, TEXT_PIXELS, LINE_PIXELS = 40, 30, 19, 30
NOTICE = "For research use; not a medical device."
LEGEND = "Orange: ground-glass. Red: consolidation. Blue: effusion. Pink: kind unknown."


def build_captures(
    source: Source,
    volume: Volume,
    infection: Mask,
    measurements: Mapping[str, Any],
    revision: Revision,
    summary: Sequence[str] = (),
) -> Iterator[SCImage]:
    """The page of figures first, then slices with their infection; `summary` are sentences to print above the figures.

    `volume` and `infection` lie on one grid.
    """
    yield _capture(source, revision, 1, summary_page(measurements, summary))
    for number, z in enumerate(captured_slices(measurements), start=2):
        picture = Image.fromarray(tinted(volume.hu[z], infection.labels[z]))
        label = f"Slice {z + 1} of {len(volume.hu)}. {NOTICE}"
        ImageDraw.Draw(picture).text((6, 4), label, fill=(255, 255, 255), font=_font(max(10, picture.height // 36)))
        place = volume.geometry.point_lps_mm((float(z), 0.0, 0.0))
        yield _capture(source, revision, number, np.asarray(picture), plane=(volume, place))


def captured_slices(measurements: Mapping[str, Any]) -> list[int]:
    """The slices that are shown, in order."""
    by_slice = measurements.get("infected_by_slice_ml", ())
    return spread([z for z, ml in enumerate(by_slice) if ml > 0], MOST_SLICES)


def summary_page(measurements: Mapping[str, Any], summary: Sequence[str]) -> NDArray[np.uint8]:
    """The figures as a picture (y, x, 3). It names no patient and no date: those are in the header."""
    page = Image.new("RGB", PAGE_SHAPE_YX[::-1], (14, 20, 27))
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN), "Infection of the lungs on CT", fill=(255, 255, 255), font=_font(HEADING_PIXELS))
    y = MARGIN + 2 * HEADING_PIXELS
    for text in [*(line for sentence in summary for line in _wrapped(sentence)), "", *_figures(measurements)]:
        draw.text((MARGIN, y), text, fill=(223, 230, 236), font=_font(TEXT_PIXELS))
        y += LINE_PIXELS
    for place, text in enumerate((LEGEND, NOTICE)):
        at = (MARGIN, PAGE_SHAPE_YX[0] - MARGIN - (1 - place) * LINE_PIXELS)
        draw.text(at, text, fill=(150, 165, 178), font=_font(TEXT_PIXELS - 3))
    return np.asarray(page)


def _figures(measurements: Mapping[str, Any]) -> Iterator[str]:
    yield f"Lungs {measurements['lung_ml']:.0f} ml, infected {measurements['infected_ml']:.1f} ml"
    yield f"Infected share {measurements['poi_percent']:.1f} %, severity score {measurements['severity_score']} of 25"
    kinds = measurements["composition"]
    yield (
        f"Ground-glass {kinds['ground_glass_ml']:.1f} ml, consolidation {kinds['consolidation_ml']:.1f} ml, "
        f"effusion {kinds['effusion_ml']:.1f} ml"
    )
    for name, lobe in measurements["lobes"].items():
        share = f"{lobe['infected_ml']:.1f} of {lobe['ml']:.0f} ml ({lobe['poi_percent']:.1f} %)"
        yield f"{name}: {share}, {lobe['score']} of 5"
    pipeline = measurements["pipeline"]
    yield f"Pipeline {pipeline['name']} {pipeline['version']}, weights {pipeline['sha256'][:12]}"


def _wrapped(sentence: str) -> Iterator[str]:
    line = ""
    for word in sentence.split():
        if _font(TEXT_PIXELS).getlength(f"{line} {word}") > PAGE_SHAPE_YX[1] - 2 * MARGIN:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


def _capture(
    source: Source,
    revision: Revision,
    number: int,
    rgb: NDArray[np.uint8],
    plane: tuple[Volume, tuple[float, float, float]] | None = None,
) -> SCImage:
    image = SCImage.from_ref_dataset(
        ref_dataset=source.datasets[0],
        pixel_array=rgb,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=_orientation(plane[0]) if plane else ("L", "P"),
        series_instance_uid=revision.uid("sc-series"),
        series_number=SERIES_NUMBERS["sc"],
        # Another comparison is another page: its identifier must not be that of the first.
        sop_instance_uid=revision.uid(f"sc {number} {hashlib.sha256(rgb.tobytes()).hexdigest()}"),
        instance_number=number,
        manufacturer=MANUFACTURER,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    image.SeriesDescription = "LungTrend masks and figures (research use only)"
    image.BodyPartExamined = "CHEST"
    image.BurnedInAnnotation = "NO"
    image.ImageType = ["DERIVED", "SECONDARY"]
    if plane:
        volume, place = plane
        _, row_mm, column_mm = volume.geometry.spacing_zyx_mm
        _, column_axis, row_axis = volume.geometry.axes_zyx_lps
        # Position and orientation are no attributes of a Secondary Capture, but viewers place it by them.
        image.FrameOfReferenceUID = source.header.frame_of_reference_uid
        image.PositionReferenceIndicator = ""
        image.ImagePositionPatient = [f"{value:.6g}" for value in place]
        image.ImageOrientationPatient = [f"{value:.6g}" for value in (*row_axis, *column_axis)]
        image.PixelSpacing = [f"{row_mm:.6g}", f"{column_mm:.6g}"]
    return image


def _orientation(volume: Volume) -> tuple[str, str]:
    """Where rows and columns run, as PS3.3 C.7.6.1.1.1 writes it; the main direction alone."""
    _, column_axis, row_axis = volume.geometry.axes_zyx_lps
    return _letter(row_axis), _letter(column_axis)


def _letter(axis: tuple[float, float, float]) -> str:
    place = int(np.argmax(np.abs(axis)))
    return (("L", "R"), ("P", "A"), ("H", "F"))[place][axis[place] < 0]
