"""WADO-RS: objects, metadata, frames, rendered pictures and bulk data (PS3.18 10.4)."""

from io import BytesIO
from typing import Any

import numpy as np
from django.http import Http404, HttpResponse
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.tag import Tag
from pydicom.uid import UID
from rest_framework.request import Request

from inference.pictures import WINDOW_HU, windowed
from portal.accounts.audit import record_look
from portal.accounts.models import AuditAction
from portal.dicom.archive import Role, Series, StoredObject, objects_of
from portal.dicom.datasets import (
    PIXEL_DATA,
    Json,
    encoded,
    metadata_of,
    patient_attributes,
    read_object,
    read_plain,
    stored_syntax,
    syntax_of,
)
from portal.dicom.web.attributes import elements
from portal.dicom.web.base import NO_STORE, DicomWebView, dicom_json, found_series, record_looks
from portal.dicom.web.matching import BadQuery
from portal.dicom.web.media import (
    ANY,
    DICOM,
    MEDIA_TYPE_OF_FRAME,
    OCTETS,
    NotAcceptable,
    Wanted,
    is_plain_frame,
    syntax_for_object,
    wanted_by,
)
from portal.dicom.web.multipart import multipart_answer
from portal.scans.errors import NotExportable

PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG"}
#: Pictures are made no larger than this, along either side.
LARGEST_PICTURE = 4096
SENT_AS_STORED = "Objects are given out as stored (transfer-syntax=*), or in explicit or implicit VR little endian."


def found_objects(series: list[Series], instance_uid: str | None = None) -> list[StoredObject]:
    """The objects of the series, each once, or the one named.

    Raises:
        Http404: there is none of that name.
    """
    by_uid = {stored.sop_uid: stored for one in series for stored in _objects(one, is_alone=len(series) == 1)}
    if instance_uid is None:
        return list(by_uid.values())
    if instance_uid not in by_uid:
        raise Http404("No such instance in this series.")
    return [by_uid[instance_uid]]


def _objects(series: Series, *, is_alone: bool) -> list[StoredObject]:
    """A result that cannot be written as DICOM does not hide the scan that it belongs to."""
    try:
        return objects_of(series)
    except NotExportable:
        if is_alone:
            raise
        return []


class ObjectsView(DicomWebView):
    """A study, series or instance as DICOM objects."""

    def get(self, request: Request, study_uid: str, series_uid: str | None = None, uid: str | None = None) -> Any:
        """One part an object; a single instance also by itself."""
        series = found_series(request, study_uid, series_uid)
        objects = found_objects(series, uid)
        wanted, syntaxes = _choice(request, objects)
        record_looks(request, AuditAction.DOWNLOAD, series, "objects")
        parts = ((f"{DICOM}; transfer-syntax={syntax}", _content(stored, syntax)) for stored, syntax in syntaxes)
        if uid is not None and not wanted.is_multipart and wanted.media_type == DICOM:
            content_type, content = next(parts)
            return HttpResponse(content, content_type=content_type, headers=NO_STORE)
        return multipart_answer(parts, DICOM)


def _choice(request: Request, objects: list[StoredObject]) -> tuple[Wanted, list[tuple[StoredObject, UID]]]:
    stored = [(one, stored_syntax(one)) for one in objects]
    for wanted in wanted_by(request):
        syntaxes = [(one, syntax_for_object(wanted, syntax)) for one, syntax in stored]
        if all(syntax is not None for _, syntax in syntaxes):
            return wanted, [(one, syntax) for one, syntax in syntaxes if syntax is not None]
    raise NotAcceptable(SENT_AS_STORED)


def _content(stored: StoredObject, syntax: UID) -> bytes:
    dataset = read_object(stored)
    if syntax != syntax_of(dataset):
        dataset = read_plain(stored)
    return encoded(dataset, syntax)


class MetadataView(DicomWebView):
    """All attributes of a study's, a series' or one instance's objects, without bulk data."""

    def get(self, request: Request, study_uid: str, series_uid: str | None = None, uid: str | None = None) -> Any:
        """DICOM JSON, one object each."""
        series = found_series(request, study_uid, series_uid)
        record_looks(request, AuditAction.VIEW, series, "metadata")
        content = [
            self._placed(item, one)
            for one in series
            for item in metadata_of(one, _objects(one, is_alone=len(series) == 1))
        ]
        if uid is not None:
            content = [item for item in content if item["00080018"]["Value"] == [uid]]
            if not content:
                raise Http404("No such instance in this series.")
        return dicom_json(content)

    def _placed(self, item: Json, series: Series) -> Json:
        """With addresses of bulk data, and the patient as it is on record now."""
        uid = item["00080018"]["Value"][0]
        address = f"{self.root}/studies/{series.scan.study_uid}/series/{series.uid}/instances/{uid}"
        for element in item.values():
            if "BulkDataURI" in element:
                element["BulkDataURI"] = f"{address}/{element['BulkDataURI']}"
        if item.get("00100020", {}).get("Value") != [series.scan.patient.mrn]:
            item |= elements(**patient_attributes(series.scan.patient))
        return item


class FramesView(DicomWebView):
    """Frames of one instance."""

    def get(self, request: Request, study_uid: str, series_uid: str, uid: str, numbers: str) -> Any:
        """Frames by number, counted from 1 and separated by commas; as stored, or as plain pixels."""
        series = found_series(request, study_uid, series_uid)
        (stored,) = found_objects(series, uid)
        dataset = read_object(stored)
        wanted_frames = _frame_numbers(numbers, dataset)
        syntax = syntax_of(dataset)
        wanted, is_plain = _frame_choice(request, syntax)
        record_look(request, stored.series.scan, patient=stored.series.scan.patient)
        kind = OCTETS if is_plain else MEDIA_TYPE_OF_FRAME[syntax]
        source = read_plain(stored) if is_plain else dataset
        frames = ((_typed(kind, source), _frame(source, number)) for number in wanted_frames)
        if not wanted.is_multipart and wanted.media_type != ANY and len(wanted_frames) == 1:
            _, content = next(frames)
            return HttpResponse(content, content_type=kind, headers=NO_STORE)
        return multipart_answer(frames, kind)


def _frame_choice(request: Request, syntax: UID) -> tuple[Wanted, bool]:
    for wanted in wanted_by(request):
        is_plain = is_plain_frame(wanted, syntax)
        if is_plain is not None:
            return wanted, is_plain
    raise NotAcceptable("Frames are given out as stored, or as application/octet-stream in explicit VR little endian.")


def _typed(kind: str, dataset: Dataset) -> str:
    return f"{kind}; transfer-syntax={syntax_of(dataset)}"


def _frame_numbers(text: str, dataset: Dataset) -> list[int]:
    count = int(dataset.get("NumberOfFrames") or 1)
    numbers = [int(part) for part in text.split(",") if part.isdecimal()]
    if "PixelData" not in dataset or not numbers or not all(1 <= number <= count for number in numbers):
        raise Http404(f"This instance has no such frame; it has {count if 'PixelData' in dataset else 0}.")
    return numbers


def _frame(dataset: Dataset, number: int) -> bytes:
    count = int(dataset.get("NumberOfFrames") or 1)
    if syntax_of(dataset).is_encapsulated:
        compressed: bytes = get_frame(dataset.PixelData, number - 1, number_of_frames=count)
        return compressed
    bits = dataset.Rows * dataset.Columns * int(dataset.get("SamplesPerPixel") or 1) * dataset.BitsAllocated
    if bits % 8:
        # Frames of one-bit pixels follow each other without a gap; each is given out from its own first bit.
        whole = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
        return np.packbits(whole[(number - 1) * bits : number * bits], bitorder="little").tobytes()
    length = bits // 8
    content: bytes = dataset.PixelData[(number - 1) * length : number * length]
    return content


class RenderedView(DicomWebView):
    """A picture of an instance or of one of its frames, for programs that know no DICOM."""

    def get(self, request: Request, study_uid: str, series_uid: str, uid: str, numbers: str = "1") -> Any:
        """PNG or JPEG, in the window and size that are asked for."""
        series = found_series(request, study_uid, series_uid)
        (stored,) = found_objects(series, uid)
        if stored.series.role is Role.DOCUMENT:
            record_look(request, stored.series.scan, patient=stored.series.scan.patient)
            document = read_object(stored)
            pdf = document.EncapsulatedDocument[: document.EncapsulatedDocumentLength]
            return HttpResponse(pdf, content_type="application/pdf", headers=NO_STORE)
        kind = _picture_type(request)
        dataset = read_plain(stored)
        number = _frame_numbers(numbers, dataset)[0]
        record_look(request, stored.series.scan, patient=stored.series.scan.patient)
        picture = _picture(dataset, number, request)
        buffer = BytesIO()
        picture.save(buffer, PICTURES[kind])
        return HttpResponse(buffer.getvalue(), content_type=kind, headers=NO_STORE)


def _picture_type(request: Request) -> str:
    for wanted in wanted_by(request):
        if wanted.media_type in PICTURES:
            return wanted.media_type
        if wanted.media_type in (ANY, "image/*"):
            return "image/jpeg"
    raise NotAcceptable("Pictures are given out as image/jpeg or image/png.")


def _picture(dataset: Dataset, number: int, request: Request) -> Image.Image:
    pixels = dataset.pixel_array
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        pixels = pixels[number - 1]
    if pixels.ndim == 3:
        picture = Image.fromarray(pixels.astype(np.uint8))
    elif dataset.get("BitsAllocated") == 1:
        picture = Image.fromarray((pixels * 255).astype(np.uint8))
    else:
        values = pixels * float(dataset.get("RescaleSlope") or 1) + float(dataset.get("RescaleIntercept") or 0)
        picture = Image.fromarray(windowed(values, _window(request)))
    return _resized(picture, request.query_params.get("viewport", ""))


def _window(request: Request) -> tuple[float, float]:
    """`window=CENTRE,WIDTH[,FUNCTION]`; without it the lung window."""
    text = request.query_params.get("window", "")
    if not text:
        return WINDOW_HU
    try:
        centre, width = (float(part) for part in text.split(",")[:2])
    except ValueError:
        raise BadQuery("window is CENTRE,WIDTH in Hounsfield units, for example window=-600,1500.") from None
    if width <= 0 or not np.isfinite((centre, width)).all():
        raise BadQuery("The width of a window is greater than 0.")
    return centre, width


def _resized(picture: Image.Image, viewport: str) -> Image.Image:
    """`viewport=WIDTH,HEIGHT`: as large as fits, undistorted."""
    if not viewport:
        return picture
    numbers = viewport.split(",")[:2]
    if len(numbers) < 2 or not all(part.isdecimal() and 0 < int(part) <= LARGEST_PICTURE for part in numbers):
        raise BadQuery("viewport is WIDTH,HEIGHT in pixels, for example viewport=512,512.")
    scale = min(int(numbers[0]) / picture.width, int(numbers[1]) / picture.height)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


class BulkDataView(DicomWebView):
    """One long value of an instance."""

    def get(self, request: Request, study_uid: str, series_uid: str, uid: str, tag: str) -> Any:
        """The bytes of the value; pixels are plain."""
        series = found_series(request, study_uid, series_uid)
        (stored,) = found_objects(series, uid)
        dataset = read_plain(stored) if tag.upper() == PIXEL_DATA else read_object(stored)
        number = Tag(int(tag, 16))
        if number not in dataset:
            raise Http404("This instance has no such value.")
        record_look(request, stored.series.scan, patient=stored.series.scan.patient)
        content = bytes(dataset[number].value)
        if not any(wanted.is_multipart or wanted.media_type == ANY for wanted in wanted_by(request)):
            return HttpResponse(content, content_type=OCTETS, headers=NO_STORE)
        return multipart_answer([(OCTETS, content)], OCTETS)
